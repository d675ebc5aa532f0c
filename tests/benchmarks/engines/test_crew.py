"""Workers that are lost: what they had at work is made again elsewhere, and none of it is made for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from benchmarks.engines import crew
from benchmarks.engines.crew import Crew, NobodyLeft, WorkerLost
from benchmarks.engines.job import Made
from benchmarks.judging.verdict import Cause
from benchmarks.results.results import Attempt, row_of
from benchmarks.results.sealed import sealed_line
from benchmarks.results.written import json_text
from benchmarks.running.runner import Listener, Work, run_goals
from benchmarks.running.traces import KeptTraces
from benchmarks.suite.goals import Goal
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.errors import ConfigurationError
from tests.benchmarks.results_made import attempt, goal

GOALS = [goal(id=f"goal-{number}") for number in range(6)]
WORK: list[Work] = [(one, 1) for one in GOALS]
TRACE = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}]}'


def made(goal_id: str, number: int, *, trace: bytes | None = None, **said: Any) -> Made:
    trace_id = None if trace is None else f"{number:032x}"
    row = sealed_line(json_text(row_of(attempt(goal_id=goal_id, number=number, trace_id=trace_id))))
    return Made(row=row, trace=trace, **({"troubles": (), "notices": ()} | said))


class Machine:
    """Workers, all of which one can watch."""

    def __init__(self, *, deadly: str | None = None, spare: int = 100, stillborn: int = 0) -> None:
        self.stillborn = stillborn
        """How many are lost before they can begin."""
        self.deadly = deadly
        """The goal that ends each worker that works on it."""
        self.spare = spare
        """How many can be had beside the first ones."""
        self.workers: list[FakeWorker] = []
        self.company: list[int] = []
        """How many attempts were at work in a worker when the deadly one ended it."""

    def worker(self) -> "FakeWorker":
        self.workers.append(FakeWorker(self, f"machine-{len(self.workers)}"))
        return self.workers[-1]

    async def hired(self) -> "FakeWorker":
        await asyncio.sleep(0)
        if self.stillborn:
            self.stillborn -= 1
            raise WorkerLost("its machine has died")
        if not self.spare:
            raise ConfigurationError("every machine is busy")
        self.spare -= 1
        return self.worker()


class FakeWorker:
    def __init__(self, machine: Machine, place: str) -> None:
        self._machine, self.place = machine, place
        self._gone = asyncio.Event()
        self.at_work: list[str] = []
        self.most = 0
        self.is_discarded = False
        self.answer: Callable[[str, int], Made] = made

    async def make(self, goal_id: str, number: int) -> Made:
        self.at_work.append(goal_id)
        self.most = max(self.most, len(self.at_work))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if goal_id == self._machine.deadly:
            self._machine.company.append(len(self.at_work))
            self._gone.set()
        if self._gone.is_set():
            raise WorkerLost("Killed")
        self.at_work.remove(goal_id)
        return self.answer(goal_id, number)

    def lose(self) -> None:
        self._gone.set()

    def discard(self) -> None:
        self.is_discarded = True


class Told:
    """A crew at work, and all that it says."""

    def __init__(
        self, machine: Machine, workers: int, *, hire: Callable[[], Awaitable[FakeWorker]] | None = None
    ) -> None:
        self.said: list[str] = []
        self.troubles: list[str] = []
        self.ended: list[Attempt] = []
        self.traces = KeptTraces()
        self.crew = Crew(
            [machine.worker() for _ in range(workers)],
            hire=hire or machine.hired,
            traces=self.traces,
            link=lambda trace_id: f"http://jaeger/{trace_id}",
            not_run=lambda goal, number: PerformanceMetrics(goal=goal.text),
            say=self.said.append,
        )

    def is_over(self) -> bool:
        return False

    async def attempt(self, goal: Goal, number: int, listener: Listener) -> Attempt:
        return await self.crew.attempt(goal, number, listener)

    def close(self) -> bool:
        return True

    async def work(self, *, concurrency: int) -> list[str]:
        """The ids of the goals attempted, sorted."""
        listener = Listener(
            ended=lambda goal, attempt: self.ended.append(attempt),
            troubled=lambda goal, what: self.troubles.append(f"{goal.id}: {what}"),
        )
        await run_goals(WORK, self, concurrency=concurrency, listener=listener)
        return sorted(one.goal_id for one in self.ended)


IDS = [one.id for one in GOALS]


async def test_whoever_has_the_least_to_do_gets_the_next_attempt() -> None:
    machine = Machine()
    told = Told(machine, 2)
    assert await told.work(concurrency=4) == IDS
    assert [worker.most for worker in machine.workers] == [2, 2]
    assert (told.said, told.troubles) == ([], [])


async def test_what_a_lost_worker_had_at_work_is_made_again_and_another_worker_comes() -> None:
    machine = Machine()
    told = Told(machine, 2)
    machine.workers[0].lose()
    assert await told.work(concurrency=4) == IDS
    assert told.said == ["a worker on machine-0 is lost (Killed): 2 attempts that it had at work are made again"]
    assert [worker.is_discarded for worker in machine.workers] == [True, False, False]
    assert told.crew.workers == machine.workers[1:]
    assert {one.verdict.cause for one in told.ended} == {None}


async def test_an_attempt_that_ends_its_worker_each_time_is_given_up_and_takes_no_other_with_it() -> None:
    machine = Machine(deadly="goal-2")
    told = Told(machine, 2)
    assert await told.work(concurrency=6) == IDS
    errors = {one.goal_id: (one.verdict.cause, one.error_type, one.metrics) for one in told.ended if one.error_type}
    lost = (Cause.HARNESS, "WorkerLost", PerformanceMetrics(goal=GOALS[2].text))
    assert errors == {"goal-2": lost}
    assert len(machine.company) == crew.MOST_LOSSES
    assert machine.company[0] > 1
    assert machine.company[-1] == 1
    assert told.troubles == [
        "goal-2: attempt 1 lost its worker 3 times, the last time with nothing else at work there, and is given up; "
        "what it runs may end the process, or need more memory than there is"
    ]


async def test_with_no_worker_left_and_none_to_be_had_the_run_is_broken_off() -> None:
    machine = Machine(spare=0)
    told = Told(machine, 1)
    machine.workers[0].lose()
    with pytest.raises(NobodyLeft, match="got none: all are lost, and every machine is busy; what is done is kept"):
        await told.work(concurrency=2)
    assert told.said == ["a worker on machine-0 is lost (Killed): 2 attempts that it had at work are made again"]


async def test_another_worker_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> FakeWorker:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(crew, "NOBODY_S", 0.0)
    machine = Machine()
    told = Told(machine, 1, hire=never)
    machine.workers[0].lose()
    with pytest.raises(NobodyLeft, match="no other one came within 0 s"):
        await told.work(concurrency=1)


async def test_another_worker_is_asked_for_again_where_one_is_lost_before_it_can_begin() -> None:
    machine = Machine(stillborn=crew.MOST_HIRES - 1)
    told = Told(machine, 1)
    machine.workers[0].lose()
    assert await told.work(concurrency=2) == IDS


async def test_workers_that_are_lost_before_they_can_begin_are_not_asked_for_without_end() -> None:
    machine = Machine(stillborn=crew.MOST_HIRES)
    told = Told(machine, 1)
    machine.workers[0].lose()
    with pytest.raises(NobodyLeft, match="all are lost, and its machine has died"):
        await told.work(concurrency=2)


async def test_the_others_go_on_where_no_other_worker_comes() -> None:
    machine = Machine(spare=0)
    told = Told(machine, 2)
    machine.workers[1].lose()
    assert await told.work(concurrency=4) == IDS
    assert told.crew.workers == machine.workers[:1]


async def test_what_a_worker_says_is_said_and_what_all_of_them_say_once() -> None:
    machine = Machine()
    told = Told(machine, 2)
    for worker in machine.workers:
        worker.answer = lambda goal_id, number: made(goal_id, number, notices=("no receiver",), troubles=("bad key",))
    await told.work(concurrency=2)
    assert told.said == ["a worker on machine-0: no receiver"]
    assert sorted(told.troubles) == [f"{id_}: bad key" for id_ in IDS]


async def test_an_attempt_comes_back_as_it_was_with_its_trace_and_where_one_sees_that() -> None:
    machine = Machine()
    told = Told(machine, 1)
    machine.workers[0].answer = lambda goal_id, number: made(goal_id, number, trace=TRACE)
    got = await told.attempt(GOALS[0], 2, Listener())
    trace_id = f"{2:032x}"
    assert got == attempt(goal_id="goal-0", number=2, trace_id=trace_id, trace_url=f"http://jaeger/{trace_id}")
    assert told.traces.lines([trace_id]) == []
    told.traces.ended(got)
    assert told.traces.lines([trace_id]) == [TRACE]
