"""The engine Ray: attempts made in processes of a Ray cluster, of which any may be lost."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.engines.crew import Crew, NobodyLeft, WorkerLost
from benchmarks.engines.job import Closed, Job, Made, Ready
from benchmarks.engines.ray_cluster import Cluster, said, unusable
from benchmarks.engines.ray_worker import RayWorker
from benchmarks.engines.watch import Watch
from benchmarks.engines.workplace import CANCELLED_S
from benchmarks.interruption import held_back
from benchmarks.request import Request
from benchmarks.results.provenance import packages
from benchmarks.results.results import Attempt
from benchmarks.running.runner import Listener, Session
from benchmarks.running.traces import KeptTraces
from benchmarks.subjects.replay import is_replay
from benchmarks.subjects.subject import Surroundings
from benchmarks.suite.goals import TODAY, Goal
from instrumentation.delivery.destinations import deadline_s_in
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.errors import ConfigurationError
from nanoagent.tracing.clock import RunClock

START_S: Final = 120.0
"""So long workers may take to begin; those that need longer are not waited for."""
_END_S: Final = 3.0
"""What the end of a worker may take beside sending its spans."""
_LACKING: Final = (
    "install there what is installed here, and give its nodes the variables that are needed, such as keys: these are "
    "not sent there"
)


def start_ray(
    job: Job,
    session: Session,
    *,
    concurrency: int,
    traces: KeptTraces,
    say: Callable[[str], object],
) -> "RayEngine":
    """Get an engine of workers that can begin; it must be closed.

    Args:
        job: What workers are given.
        session: What attempts share that are made in this process.
        concurrency: How many attempts are at work at a time; more workers are of no use.
        traces: Keeps the traces of first attempts.
        say: Takes each line that a person should see.

    Raises:
        ConfigurationError: The cluster cannot be used.
    """
    address, processors = job.request.ray_address, min(concurrency, os.cpu_count() or 1)
    cluster = Cluster(address, processors=processors, shipped=_shipped(job.request) if address else None)
    engine = RayEngine(job, session, cluster, concurrency=concurrency, traces=traces, say=say)
    try:
        if address is None:
            say(cluster.doors)
        engine.start(min(concurrency, max(1, cluster.free_processors)))
    except BaseException:
        engine.close()
        raise
    return engine


class RayEngine:
    """Has attempts made in processes of a cluster. See `start_ray`."""

    def __init__(
        self,
        job: Job,
        session: Session,
        cluster: Cluster,
        *,
        concurrency: int,
        traces: KeptTraces,
        say: Callable[[str], object],
    ) -> None:
        self._job, self._session, self._cluster = job, session, cluster
        self._concurrency, self._traces, self._say = concurrency, traces, say
        self._crew: Crew[_RayProcess] | None = None
        self._watch = Watch(cluster.answers, _headless)

    def start(self, count: int) -> None:
        """Get so many workers ready, or as many of them as there is room for.

        Raises:
            ConfigurationError: There is none, or one says why it cannot work.
        """
        ray = self._cluster.ray
        asked = {process.ready: process for process in (self._asked() for _ in range(count))}
        done, late = ray.wait([*asked], num_returns=count, timeout=START_S)
        for ref in late:
            asked[ref].discard()
        if not done:
            raise self._unusable(f"it had no processor free for a worker within {START_S:g} s")
        try:
            for ref in done:
                self._check(asked[ref], ray.get(ref))
        except ray.exceptions.RayError as error:
            raise self._unusable(said(error)) from error
        if late:
            self._say(f"{len(done)} of {count} workers could be started within {START_S:g} s; they go on alone")
        self._crew = Crew(
            [asked[ref] for ref in done],
            hire=self._hire,
            traces=self._traces,
            link=self._session.link,
            not_run=self._not_run,
            say=self._say,
        )

    def is_over(self) -> bool:
        """Never before the work is done."""
        return False

    async def attempt(self, goal: Goal, number: int, listener: Listener) -> Attempt:
        """Have an attempt made, once it has started."""
        assert self._crew is not None  # noqa: S101 - see above
        return await self._watch.during(self._crew.attempt(goal, number, listener))

    def close(self) -> bool:
        """End the workers, once what they have is sent, and leave the cluster; bounded, and a Ctrl-C waits for it."""
        arrived = False
        with suppress(KeyboardInterrupt), held_back():
            try:
                arrived = self._closed()
            finally:
                self._cluster.close(keep_files=self._has_lost())
        return arrived

    def _has_lost(self) -> bool:
        """Whether workers of a cluster of ours are lost, of which its logs may tell; it is said where they are."""
        if not self._cluster.logs or not self._crew or not self._crew.losses:
            return False
        self._say(f"what Ray says of workers that are lost is in {self._cluster.logs}")
        return True

    def _closed(self) -> bool:
        """Whether every span has arrived of the workers that were there to the end."""
        if self._crew is None:
            return True
        ray, crew = self._cluster.ray, self._crew
        refs = {worker.actor.close.remote(): worker for worker in crew.workers}
        within_s = deadline_s_in(os.environ) + CANCELLED_S + _END_S
        done, late = ray.wait([*refs], num_returns=len(refs), timeout=within_s) if refs else ([], [])
        arrived = not late
        for ref in done:
            try:
                closed: Closed = ray.get(ref)
            except Exception:  # it is lost at the very end, with spans that nobody has seen arrive
                arrived = False
            else:
                arrived &= closed.arrived
                crew.hear(refs[ref], closed.notices)
        return arrived

    def _asked(self) -> "_RayProcess":
        directory = None if self._job.directory is None else str(self._job.directory)
        arguments = (dict(self._job.settings), directory, self._cluster.ray.cloudpickle.dumps(self._job))
        # One more, so that it can be closed while all others go on.
        actor = self._cluster.worker(RayWorker, arguments, concurrency=self._concurrency + 1)
        return _RayProcess(self._cluster.ray, actor)

    async def _hire(self) -> "_RayProcess":
        process = self._asked()
        try:
            self._check(process, await process.ready)
        except BaseException:
            process.discard()
            raise
        return process

    def _check(self, process: "_RayProcess", ready: Ready | str) -> None:
        """Take a worker that is fit for what is measured."""
        if isinstance(ready, str):
            raise self._unusable(f"a worker there says: {ready}")
        unlike = ready.unlike(packages(), self._session.subject.token_source)
        if unlike is not None:
            raise self._unusable(unlike)
        process.place = ready.place

    def _unusable(self, why: str) -> ConfigurationError:
        if self._cluster.address is not None:
            return unusable(self._cluster.address, why, _LACKING)
        return ConfigurationError(f"--engine ray must find workers on this machine, got none: {why}")

    def _not_run(self, goal: Goal, number: int) -> PerformanceMetrics:
        surroundings = Surroundings(clock=RunClock(), tracer_provider=None, now=lambda: TODAY, attempt=number)
        return self._session.subject.run_of(goal, surroundings).metrics


class _RayProcess:
    """A worker of ours in a process of Ray's."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray = ray
        self.actor: Final = actor
        self.ready: Final = actor.get_ready.remote()
        self.place = "?"

    async def make(self, goal_id: str, number: int) -> Made:
        """Have an attempt made."""
        ref = self.actor.make.remote(goal_id, number)
        try:
            made: Made = await ref
        except asyncio.CancelledError:
            self._ray.cancel(ref)
            raise
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as error:
            raise WorkerLost(type(error).__name__) from error
        return made

    def discard(self) -> None:
        """End it, if it still lives."""
        with suppress(Exception):
            self._ray.kill(self.actor)


def _headless() -> NobodyLeft:
    return NobodyLeft(
        "the head of the Ray cluster must answer, and does no more; what is done is kept: go on with --resume"
    )


def _shipped(request: Request) -> Path | None:
    """The current directory, where something of it may be needed."""
    is_needed = request.agent or request.goals_file or (request.model is not None and is_replay(request.model))
    return Path.cwd() if is_needed else None
