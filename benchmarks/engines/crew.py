"""The crew: workers in other processes that make attempts, each of which may be lost at any moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from benchmarks.engines.job import Made
from benchmarks.judging.verdict import harness_error
from benchmarks.results.forms import RowForm
from benchmarks.results.results import Attempt
from benchmarks.running.runner import Listener
from benchmarks.running.traces import KeptTraces
from benchmarks.suite.goals import Goal
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.errors import ConfigurationError
from nanoagent.texts import plural

MOST_LOSSES: Final = 3
"""So often an attempt may be lost. The last time it is made alone in its worker: it has no part in what others do."""
MOST_HIRES: Final = 3
"""So often another worker is asked for in place of one that is lost: on a node that is dying none comes to anything."""
NOBODY_S: Final = 120.0
"""So long it is waited for another worker when there is none."""
MOST_NOTICES: Final = 1_000
"""Different ones, of all workers."""


class WorkerLost(Exception):  # noqa: N818 - says what has happened
    """A worker is gone, with what it had at work; the message says why."""


class NobodyLeft(ConfigurationError):  # noqa: N818 - says what it is
    """Every worker is lost, and no other one can be had."""


class Worker(Protocol):
    """A process that makes attempts, several at a time."""

    @property
    def place(self) -> str:
        """The machine that it is on."""

    async def make(self, goal_id: str, number: int) -> Made:
        """Have an attempt made.

        Raises:
            WorkerLost: It will never be heard of.
        """

    def discard(self) -> None:
        """Make sure that it does nothing more."""


WorkerT = TypeVar("WorkerT", bound=Worker)


class Crew(Generic[WorkerT]):
    """Has attempts made by whichever worker has the least to do.

    Args:
        workers: Those that can begin.
        hire: Gets another one; it may take as long as there is no room for one.
        traces: Keeps the traces of first attempts.
        link: From a trace id to where one sees the trace.
        not_run: The numbers of an attempt that nothing is known of.
        say: Takes each line that a person should see.
    """

    def __init__(
        self,
        workers: Sequence[WorkerT],
        *,
        hire: Callable[[], Awaitable[WorkerT]],
        traces: KeptTraces,
        link: Callable[[str], str] | None,
        not_run: Callable[[Goal, int], PerformanceMetrics],
        say: Callable[[str], object],
    ) -> None:
        self._at_work: dict[WorkerT, int] = dict.fromkeys(workers, 0)
        self._reserved: set[WorkerT] = set()
        self._hiring: set[asyncio.Task[None]] = set()
        self._refusal: Exception | None = None
        self._changed = asyncio.Event()
        self._hire, self._traces, self._link, self._not_run, self._say = hire, traces, link, not_run, say
        self._said: set[str] = set()
        self.losses = 0
        """How many workers are lost."""

    @property
    def workers(self) -> list[WorkerT]:
        """Those that are there."""
        return [*self._at_work]

    async def attempt(self, goal: Goal, number: int, listener: Listener) -> Attempt:
        """Have an attempt made, again where its worker is lost.

        Raises:
            NobodyLeft: There is no worker, and none can be had.
        """
        for losses in range(MOST_LOSSES):
            async with self._place(alone=losses == MOST_LOSSES - 1) as worker:
                try:
                    made = await worker.make(goal.id, number)
                except WorkerLost as error:
                    self._lose(worker, error)
                    continue
            return self._received(goal, made, worker, listener)
        return self._given_up(goal, number, listener)

    def hear(self, worker: WorkerT, notices: Iterable[str]) -> None:
        """Say what a worker's tracing says, each line once whichever workers say it."""
        for line in notices:
            if line not in self._said and len(self._said) < MOST_NOTICES:
                self._said.add(line)
                self._say(f"a worker on {worker.place}: {line}")

    @asynccontextmanager
    async def _place(self, *, alone: bool) -> AsyncIterator[WorkerT]:
        """A worker for the time of an attempt; where it is to be alone there, none else has it."""
        worker = await self._alone() if alone else await self._least_busy()
        self._at_work[worker] += 1
        try:
            yield worker
        finally:
            if worker in self._at_work:
                self._at_work[worker] -= 1
            self._reserved.discard(worker)
            self._changed.set()

    async def _least_busy(self) -> WorkerT:
        def free() -> list[WorkerT]:
            return [worker for worker in self._at_work if worker not in self._reserved]

        await self._until(lambda: bool(free()))
        return min(free(), key=self._at_work.__getitem__)

    async def _alone(self) -> WorkerT:
        while True:
            worker = await self._least_busy()
            self._reserved.add(worker)
            try:
                await self._until(partial(self._is_idle, worker))
            except BaseException:
                self._reserved.discard(worker)
                raise
            if worker in self._at_work:
                return worker
            self._reserved.discard(worker)

    def _is_idle(self, worker: WorkerT) -> bool:
        return not self._at_work.get(worker)

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds, which only matters while there are workers.

        Raises:
            NobodyLeft: There are none, and none came.
        """
        while not holds():
            if not self._at_work and not self._hiring:
                raise self._nobody(str(self._refusal))
            self._changed.clear()
            try:
                async with asyncio.timeout(None if self._at_work else NOBODY_S):
                    await self._changed.wait()
            except TimeoutError:
                raise self._nobody(f"no other one came within {NOBODY_S:g} s") from None

    def _nobody(self, why: str) -> NobodyLeft:
        return NobodyLeft(
            f"a worker must be there to go on, got none: all are lost, and {why}; what is done is kept: go on with "
            "--resume"
        )

    def _lose(self, worker: WorkerT, error: WorkerLost) -> None:
        """Whoever notices first says it, and sees to it that another one comes."""
        if worker not in self._at_work:
            return
        self.losses += 1
        count = self._at_work.pop(worker)
        worker.discard()
        again = f"{plural(count, 'attempt')} that it had at work {'is' if count == 1 else 'are'} made again"
        self._say(f"a worker on {worker.place} is lost ({error}): {again}")
        task = asyncio.create_task(self._replace())
        self._hiring.add(task)
        task.add_done_callback(self._hired)

    async def _replace(self) -> None:
        for _ in range(MOST_HIRES):
            try:
                self._at_work[await self._hire()] = 0
                return
            except ConfigurationError as error:
                self._refusal = error
                return
            except Exception as error:  # of whatever kind: the others go on, and the reason is said when there are none
                self._refusal = error

    def _hired(self, task: asyncio.Task[None]) -> None:
        self._hiring.discard(task)
        self._changed.set()

    def _received(self, goal: Goal, made: Made, worker: WorkerT, listener: Listener) -> Attempt:
        self.hear(worker, made.notices)
        for trouble in made.troubles:
            listener.troubled(goal, trouble)
        form = RowForm.model_validate_json(made.row)
        attempt = form.attempt_of(form.id)
        if attempt.trace_id is None:
            return attempt
        if made.trace is not None:
            self._traces.arrived(attempt.trace_id, made.trace)
        return replace(attempt, trace_url=self._link(attempt.trace_id) if self._link else None)

    def _given_up(self, goal: Goal, number: int, listener: Listener) -> Attempt:
        listener.troubled(
            goal,
            f"attempt {number} lost its worker {MOST_LOSSES} times, the last time with nothing else at work there, and "
            "is given up; what it runs may end the process, or need more memory than there is",
        )
        return Attempt(
            goal_id=goal.id,
            number=number,
            verdict=harness_error(),
            metrics=self._not_run(goal, number),
            error_type=WorkerLost.__name__,
        )
