"""Budgets of agents: what their callers are told, and how a run ends that is stopped."""

import asyncio
import logging
import pickle
import threading
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, TextPart
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.toolsets import FunctionToolset

from instrumentation.testing import Capture, TickingClock
from nanoagent import Budget, Orchestrator, PerformanceMetrics, RunResult, RunStopped, Tracing, traced, traced_run
from nanoagent.tracing import names
from nanoagent.tracing.threads import in_this_loop
from tests.models import CannedModel, call, executed, plan, priced, reflected, response
from tests.runs import add, prepared


def agent_of(model: Model, captured: Capture, **options: Any) -> Agent[None, str]:
    tracing = Tracing(tracer_provider=captured.provider, clock=TickingClock(), run_id="run-1", **options)
    return Agent(model, name="helper", toolsets=[FunctionToolset([add])], capabilities=[tracing])


def adding(**usage: Any) -> CannedModel:
    """2 calls of 110 tokens each."""
    return CannedModel([response(call("add", a=5, b=3), **usage), response(TextPart("8"), **usage)])


def told(captured: Capture) -> list[tuple[Any, ...]]:
    events = [event for span in captured.spans for event in span.events if event.name == names.BUDGET_EVENT]
    return [tuple((event.attributes or {}).values()) for event in events]


def live(captured: Capture) -> PerformanceMetrics:
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    return metrics


async def test_an_agent_goes_on_that_is_only_warned_of() -> None:
    captured = Capture()
    budgets = [Budget(tokens=219, action="warn"), Budget(tokens=220, action="warn"), Budget(cost_usd=0.1)]
    agent = agent_of(adding(), captured, budgets=budgets)
    assert (await agent.run("Add")).output == "8"
    assert told(captured) == [("tokens", "warn", 219.0, 220.0)]
    assert live(captured).status == "completed"


async def test_an_agent_that_is_stopped_raises_to_its_caller_and_its_run_is_incomplete(
    caplog: pytest.LogCaptureFixture,
) -> None:
    captured, own = Capture(), list[PerformanceMetrics]()
    model = adding(**priced("0.25"))
    agent = agent_of(model, captured, budgets=[Budget(cost_usd=0.2, tokens=5_000)], on_complete=own.append)
    with caplog.at_level(logging.INFO), pytest.raises(RunStopped) as raised:
        await agent.run("Add")
    assert str(raised.value) == "run run-1 is stopped at the budget of $0.2: $0.25 used"
    assert caplog.messages == ["run run-1 has passed the budget of $0.2: $0.25 used; it stops"]
    assert (model.left, told(captured)) == (1, [("cost", "stop", 0.2, 0.25)])
    metrics = live(captured)
    assert (metrics.status, metrics.error_type, metrics.failed_api_calls) == ("incomplete", None, 0)
    assert (metrics.api_calls, metrics.tool_calls, metrics.complete) == (1, 1, True)
    assert own == [metrics]
    root = dict(captured.spans[-1].attributes or {})
    assert {key: root[key] for key in root if "max_" in key} == {
        "nanoagent.max_cost_usd": 0.2,
        "nanoagent.max_tokens": 5_000,
    }
    assert [span.name for span in captured.spans if not span.status.is_ok] == []


async def test_each_run_of_an_agent_has_the_whole_budget() -> None:
    captured = Capture()
    agent = agent_of(CannedModel([response(TextPart("8"))] * 3), captured, budgets=[Budget(tokens=110)])
    for _ in range(3):
        assert (await agent.run("Add")).output == "8"
    assert told(captured) == []


async def test_an_agent_that_is_streamed_is_stopped_as_well() -> None:
    captured = Capture()
    agent = agent_of(adding(), captured, budgets=[Budget(tokens=100)])
    with pytest.raises(RunStopped):
        async with agent.run_stream("Add") as stream:
            await stream.get_output()
    assert (told(captured), live(captured).status) == ([("tokens", "stop", 100.0, 110.0)], "incomplete")


async def test_a_function_decides_for_an_agent_too() -> None:
    captured, seen = Capture(), list[PerformanceMetrics]()

    def no_more_tools(metrics: PerformanceMetrics) -> Any:
        seen.append(metrics)
        return "stop" if metrics.tool_calls else None

    with pytest.raises(RunStopped, match=r"^run run-1 is stopped at the policy no_more_tools$"):
        await agent_of(adding(), captured, budgets=[no_more_tools]).run("Add")
    # Before each call, and when the run ends.
    assert [(metrics.tool_calls, metrics.status) for metrics in seen] == [
        (0, "running"),
        (1, "running"),
        (1, "running"),
    ]
    assert {metrics.iterations for metrics in seen} == {None}
    assert told(captured) == [("no_more_tools", "stop")]


async def test_inside_a_run_the_budgets_of_that_one_hold_and_no_others() -> None:
    def delegating() -> CannedModel:
        return CannedModel([plan("Delegate"), response(call("delegate")), executed("8"), reflected("8")])

    async def delegate() -> str:
        """Delegate."""
        agent = Agent(adding(), tools=[add], capabilities=[Tracing(budgets=[Budget(tokens=1)])])
        return (await agent.run("go")).output

    orchestrator, captured = prepared(delegating(), tools=(delegate,), budgets=[Budget(tokens=329, action="warn")])
    assert (await orchestrator.run()).stop_reason == "goal_reached"
    assert told(captured) == [("tokens", "warn", 329.0, 330.0)]
    orchestrator, captured = prepared(delegating(), tools=(delegate,), budgets=[Budget(tokens=329)])
    assert (await orchestrator.run()).stop_reason == "token_budget"
    assert told(captured) == [("tokens", "stop", 329.0, 330.0)]


async def test_an_agent_stops_the_orchestrator_in_its_tool() -> None:
    captured, results = Capture(), list[RunResult]()

    async def delegate() -> str:
        """Delegate."""
        inner = Orchestrator("Add", model=CannedModel([plan("Add"), executed("8"), reflected("8")]), run_id="run-2")
        results.append(await inner.run())
        return results[0].output

    model = CannedModel([response(call("delegate")), response(TextPart("8"))])
    tracing = Tracing(tracer_provider=captured.provider, run_id="run-1", budgets=[Budget(tokens=300)])
    agent = Agent(model, tools=[delegate], capabilities=[tracing])
    with pytest.raises(RunStopped, match=r"^run run-1 is stopped at the budget of 300 tokens: 330 tokens used$"):
        await agent.run("go")
    assert (results[0].stop_reason, model.left) == ("token_budget", 1)
    assert results[0].output.startswith("Stopped at the budget of the run around it.")
    assert told(captured) == [("tokens", "stop", 300.0, 330.0)]


async def test_an_agent_whose_agents_are_in_a_group_of_tasks_is_stopped_as_well() -> None:
    captured = Capture()

    async def delegate() -> str:
        """Delegate to an agent that would ask twice."""
        async with asyncio.TaskGroup() as group:
            group.create_task(Agent(adding(), tools=[add], capabilities=[Tracing()]).run("go"))
        return "done"

    model = CannedModel([response(call("delegate")), response(TextPart("8"))])
    tracing = Tracing(tracer_provider=captured.provider, run_id="run-1", budgets=[Budget(tokens=219)])
    with pytest.raises(ExceptionGroup) as raised:
        await Agent(model, name="helper", tools=[delegate], capabilities=[tracing]).run("go")
    assert raised.group_contains(RunStopped, depth=1)
    metrics = live(captured)
    assert (metrics.status, metrics.error_type, metrics.api_calls, model.left) == ("incomplete", None, 2, 1)
    failed = {span.name for span in captured.spans if not span.status.is_ok}
    assert failed == {"execute_tool delegate"}
    assert told(captured) == [("tokens", "stop", 219.0, 220.0)]


async def test_a_model_that_any_exception_sends_to_the_next_one_is_stopped_as_well() -> None:
    captured, first, second = Capture(), adding(), adding()
    agent = agent_of(FallbackModel(first, second, fallback_on=lambda _: True), captured, budgets=[Budget(tokens=100)])
    with pytest.raises(ExceptionGroup) as raised:
        await agent.run("Add")
    assert raised.group_contains(RunStopped, depth=1)
    metrics = live(captured)
    assert (metrics.status, metrics.error_type, metrics.failed_api_calls) == ("incomplete", None, 0)
    assert (first.left, second.left, told(captured)) == (1, 2, [("tokens", "stop", 100.0, 110.0)])


async def test_what_is_built_by_hand_is_watched_without_a_tracer_provider(caplog: pytest.LogCaptureFixture) -> None:
    model, asked = traced(CannedModel([response(TextPart("8"))] * 2)), [ModelRequest.user_text_prompt("Add")]
    span = traced_run("by hand", run_id="run-1", budgets=[Budget(tokens=100)])
    with span:
        await model_request(model, asked)
        with pytest.raises(RunStopped) as raised:
            await model_request(model, asked)
        span.end_with(raised.value)
    assert (span.run.metrics().status, span.run.metrics().tokens_used) == ("incomplete", 110)
    assert caplog.messages == ["run run-1 has passed the budget of 100 tokens: 110 tokens used; it stops"]


async def test_what_stopped_a_run_can_be_sent_to_another_process() -> None:
    with pytest.raises(RunStopped) as raised:
        await agent_of(adding(), Capture(), budgets=[Budget(tokens=1)]).run("Add")
    again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own
    assert (str(again), again.run_id, again.passed) == (str(raised.value), "run-1", raised.value.passed)


def test_what_is_told_to_a_loop_that_is_closed_is_told_to_nobody() -> None:
    told = list[str]()

    async def tell() -> Any:
        say = in_this_loop(told.append)
        say("at once")
        return say

    say = asyncio.run(tell())
    thread = threading.Thread(target=say, args=["too late"])
    thread.start()
    thread.join()
    assert told == ["at once"]
