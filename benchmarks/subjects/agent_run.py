"""The run of a goal by a pydantic-ai agent: traced and counted from outside, with the goal's time limit."""

import asyncio
import dataclasses
from contextlib import suppress
from typing import Any, Final

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelAPIError
from pydantic_ai.models import Model
from pydantic_ai.toolsets import FunctionToolset
from pydantic_core import to_json

from benchmarks.formats import first_line
from benchmarks.subjects.subject import Outcome, Surroundings
from benchmarks.suite.goals import Goal
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import Status
from nanoagent.tracing.capability import Tracing
from nanoagent.tracing.run import stop_in

_NOT_RUN: Final = PerformanceMetrics(iterations=None, tasks_completed=None, tasks_total=None)


class AgentRun:
    """Asks the agent for the goal, once, on its own.

    Args:
        agent: Any agent of pydantic-ai; it is given no dependencies.
        model: The model to run it with; `None` leaves it the one it has.
        goal: What is attempted. Tools that it brings are the agent's beside its own.
        surroundings: Where the run's spans go, and what stamps them.
    """

    def __init__(
        self, agent: AbstractAgent[Any, Any], model: Model | None, goal: Goal, surroundings: Surroundings
    ) -> None:
        self._agent, self._model, self._goal = agent, model, goal
        self._metrics = dataclasses.replace(_NOT_RUN, goal=goal.text)
        self._tracing = dataclasses.replace(
            _tracing_of(agent),
            on_complete=self._completed,
            tracer_provider=surroundings.tracer_provider,
            clock=surroundings.clock,
            run_id=None,
        )

    async def __call__(self) -> Outcome:
        """Run to the end, or to the time limit; what the agent raises is how it ended."""
        deadline = asyncio.timeout(self._goal.timeout_s)
        try:
            async with deadline:
                result = await self._agent.run(
                    self._goal.text,
                    model=self._model,
                    toolsets=[FunctionToolset(list(self._goal.tools))] if self._goal.tools else None,
                    capabilities=[self._tracing],
                )
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                return self._ended(Status.INCOMPLETE, note=f"time limit of {self._goal.timeout_s:g} s")
            return self._raised(error)
        return self._ended(Status.COMPLETED, output=text_of(result.output))

    @property
    def metrics(self) -> PerformanceMetrics:
        """The numbers, once the run is over."""
        return self._metrics

    def _completed(self, metrics: PerformanceMetrics) -> None:
        self._metrics = dataclasses.replace(metrics, goal=self._goal.text)

    def _raised(self, error: Exception) -> Outcome:
        if (stopped := stop_in(error)) is not None:
            return self._ended(Status.INCOMPLETE, note=stopped.passed.bound)
        # A model call that fails ends an agent's run, unless another model takes its place.
        from_model = isinstance(error, ModelAPIError | FallbackExceptionGroup) or self._metrics.failed_api_calls > 0
        name = type(error).__name__
        return self._ended(Status.FAILED, model_failed=from_model, note=name, error=f"{name}: {first_line(error)}")

    def _ended(self, status: Status, *, output: str = "", **details: Any) -> Outcome:
        return Outcome(output=output, status=status, stop_reason=None, metrics=self._metrics, **details)


def _tracing_of(agent: AbstractAgent[Any, Any]) -> Tracing:
    """The agent's own, whose place another one takes for a run; its budgets and facts are the agent's."""
    found = [Tracing()]
    with suppress(NotImplementedError):  # as an agent of a kind of its own may leave it
        agent.root_capability.apply(lambda one: found.append(one) if isinstance(one, Tracing) else None)
    return found[-1]


def text_of(output: Any) -> str:
    """An agent's output as the text that checks judge: JSON, unless it is text already."""
    if isinstance(output, str):
        return output
    try:
        return to_json(output, fallback=str, inf_nan_mode="constants").decode()
    except ValueError:  # what is no JSON for reasons of its own is shown as Python shows it
        return str(output)
