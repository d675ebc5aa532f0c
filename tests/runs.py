"""Runs for tests: an orchestrator on a canned model, captured whole, with its numbers checked against every source."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.usage import RunUsage

from instrumentation.testing import Capture, TickingClock, tree_text
from nanoagent import Orchestrator, PerformanceMetrics, RunResult


def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


def broken(why: str) -> str:
    """Always fail."""
    raise ValueError(why)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A run that is over."""

    orchestrator: Orchestrator
    result: RunResult | None
    captured: Capture

    @property
    def tree(self) -> str:
        return tree_text(self.captured.spans)

    @property
    def live(self) -> PerformanceMetrics:
        """What the aggregator made of it, with the goal that no span carries."""
        live = self.captured.aggregator.get("run-1")
        assert live is not None
        return dataclasses.replace(live, goal=self.orchestrator.goal)


def prepared(
    model: Model, *, goal: str = "What is 5 + 3?", tools: tuple[Callable[..., Any], ...] = (add, broken), **options: Any
) -> tuple[Orchestrator, Capture]:
    """An orchestrator with counted ids and a ticking clock, and what captures its spans."""
    captured = Capture()
    settings: dict[str, Any] = {"clock": TickingClock(), "run_id": "run-1", "tracer_provider": captured.provider}
    orchestrator = Orchestrator(goal, model=model, **(settings | options))
    for tool in tools:
        orchestrator.registry.register(tool.__name__, tool)
    return orchestrator, captured


async def ran(model: Model, **options: Any) -> Ran:
    """Run to the end. The result, the live aggregator and pydantic-ai's own usage must agree in everything."""
    orchestrator, captured = prepared(model, **options)
    with usage_of_agents() as usage:
        result = await orchestrator.run()
    run = Ran(orchestrator=orchestrator, result=result, captured=captured)
    assert result.metrics == orchestrator.metrics
    assert result.metrics == run.live
    assert result.metrics.complete is True
    _assert_usage_agrees(result.metrics, usage)
    return run


@dataclass
class Usage:
    """What pydantic-ai counted of all agent runs."""

    total: RunUsage
    agents_that_raised: int = 0
    """Their usage is lost with the exception."""


@contextmanager
def usage_of_agents() -> Iterator[Usage]:
    """Collect the usage of every agent run: the oracle."""
    usage = Usage(RunUsage())
    original = Agent.run

    async def run(self: Any, *args: Any, **options: Any) -> Any:
        try:
            result = await original(self, *args, **options)
        except BaseException:
            usage.agents_that_raised += 1
            raise
        usage.total += result.usage
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Agent, "run", run)
        yield usage


def _assert_usage_agrees(metrics: PerformanceMetrics, usage: Usage) -> None:
    answered = metrics.api_calls - metrics.failed_api_calls - metrics.cancelled_api_calls
    counted = (answered, metrics.input_tokens or 0, metrics.output_tokens or 0, succeeded_tool_calls(metrics))
    theirs = (usage.total.requests, usage.total.input_tokens, usage.total.output_tokens, usage.total.tool_calls)
    if usage.agents_that_raised:
        assert all(ours >= their for ours, their in zip(counted, theirs, strict=True))
    else:
        assert counted == theirs


def succeeded_tool_calls(metrics: PerformanceMetrics) -> int:
    return metrics.tool_calls - metrics.failed_tool_calls
