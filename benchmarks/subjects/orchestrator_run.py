"""The run of a goal by an orchestrator, whoever makes it."""

import asyncio
from collections.abc import Callable

from benchmarks.subjects.subject import Outcome
from benchmarks.suite.goals import Goal
from nanoagent.core.orchestrator import Orchestrator
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import StopReason


class OrchestratorRun:
    """Makes the orchestrator and runs it.

    Args:
        goal: What is attempted.
        make: Makes the orchestrator; called when the run starts.
        limit_time: Whether the goal's time limit is kept here: for an orchestrator that does not know of it.
    """

    def __init__(self, goal: Goal, make: Callable[[], Orchestrator], *, limit_time: bool = False) -> None:
        self._goal, self.make = goal, make
        self._limit_s = goal.timeout_s if limit_time else None
        self._orchestrator: Orchestrator | None = None

    async def __call__(self) -> Outcome:
        """Run to the end, or to the time limit."""
        self._orchestrator = orchestrator = self.make()
        deadline = asyncio.timeout(self._limit_s)
        try:
            async with deadline:
                return Outcome.of(await orchestrator.run())
        except TimeoutError:
            if not deadline.expired():
                raise
        reason = StopReason.TIME_BUDGET
        return Outcome(output="", status=reason.status, stop_reason=reason, metrics=orchestrator.metrics)

    @property
    def metrics(self) -> PerformanceMetrics:
        """The numbers so far, however far it came."""
        return self._orchestrator.metrics if self._orchestrator else PerformanceMetrics(goal=self._goal.text)
