"""Budgets: when a run has passed one, who is told of it, and what happens then."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.fallback import FallbackModel

from instrumentation.testing import Capture
from nanoagent import (
    Budget,
    ConfigurationError,
    Event,
    EventType,
    Orchestrator,
    PerformanceMetrics,
    RunResult,
    Tracing,
)
from nanoagent.tracing import names
from tests.models import CannedModel, Reply, call, executed, plan, priced, reflected, response
from tests.runs import Ran, add, prepared, ran


def canned(**usage: Any) -> CannedModel:
    """One task: 3 calls of 110 tokens each, unless told otherwise."""
    return CannedModel([plan("Add", **usage), executed("8", **usage), reflected("It is 8.", **usage)])


def four_tasks() -> CannedModel:
    """As many iterations, with a reflection at the third and the last."""
    done = [executed("A"), executed("B"), executed("C"), reflected(None), executed("D"), reflected("ABCD")]
    return CannedModel([plan("a", "b", "c", "d"), *done])


def told(captured: Capture) -> list[dict[str, Any]]:
    """The budget events, which stand on roots alone."""
    found = [(span, event) for span in captured.spans for event in span.events if event.name == names.BUDGET_EVENT]
    assert {span.name for span, _ in found} <= {names.ROOT_SPAN}
    return [dict(event.attributes or {}) for _, event in found]


def passed(budget: str, limit: float, used: float, action: str) -> dict[str, Any]:
    return {
        "nanoagent.budget": budget,
        "nanoagent.budget.limit": limit,
        "nanoagent.budget.used": used,
        "nanoagent.action": action,
    }


def ended(run: Ran) -> tuple[str, str]:
    assert run.result is not None
    return run.result.stop_reason, run.result.output.splitlines()[0]


class StandingClock:
    """Moves only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ns(self) -> int:
        return 1_700_000_000_000_000_000 + int(self.seconds * 1e9)

    def after(self, seconds: float, reply: ModelResponse) -> Callable[[], Awaitable[ModelResponse]]:
        """A reply that takes so long."""

        async def take() -> ModelResponse:
            self.seconds += seconds
            return reply

        return take


@pytest.mark.parametrize(
    ("budget", "model", "expected"),
    [
        (Budget(tokens=331, action="warn"), canned(), None),
        (Budget(tokens=330, action="warn"), canned(), None),
        (Budget(tokens=329, action="warn"), canned(), ("tokens", 329.0, 330.0)),
        (Budget(tokens=109, action="warn"), canned(), ("tokens", 109.0, 110.0)),
        (Budget(cost_usd=0.4, action="warn"), canned(**priced("0.1")), None),
        (Budget(cost_usd=0.3, action="warn"), canned(**priced("0.1")), None),
        (Budget(cost_usd=Decimal("0.29"), action="warn"), canned(**priced("0.1")), ("cost", 0.29, 0.3)),
        (Budget(cost_usd=0.29, action="warn"), canned(**priced("0.1")), ("cost", 0.29, 0.3)),
        (Budget(iterations=5, action="warn"), four_tasks(), None),
        (Budget(iterations=4, action="warn"), four_tasks(), None),
        (Budget(iterations=3, action="warn"), four_tasks(), ("iterations", 3.0, 4.0)),
        (Budget(iterations=1, action="warn"), four_tasks(), ("iterations", 1.0, 2.0)),
    ],
    ids=lambda value: repr(value) if isinstance(value, Budget) else "",
)
async def test_a_budget_is_passed_by_what_is_greater_than_it_and_told_of_once(
    budget: Budget, model: CannedModel, expected: tuple[str, float, float] | None
) -> None:
    run = await ran(model, budgets=[budget])
    assert ended(run)[0] == "goal_reached"
    assert told(run.captured) == ([passed(*expected, "warn")] if expected else [])


@pytest.mark.parametrize(
    ("limit_s", "expected"),
    [(31, []), (30, []), (29, [passed("time", 29.0, 30.0, "warn")]), (9.5, [passed("time", 9.5, 10.0, "warn")])],
)
async def test_time_is_passed_by_what_takes_longer(limit_s: float, expected: list[dict[str, Any]]) -> None:
    clock = StandingClock()
    replies = [clock.after(10, reply) for reply in (plan("Add"), executed("8"), reflected("8"))]
    run = await ran(CannedModel(replies), clock=clock, budgets=[Budget(duration_s=limit_s, action="warn")])
    assert (ended(run)[0], told(run.captured)) == ("goal_reached", expected)


@pytest.mark.parametrize(
    ("budget", "model", "reason", "notice", "left", "event"),
    [
        (Budget(tokens=220), canned(), "goal_reached", "It is 8.", 0, passed("tokens", 220.0, 330.0, "warn")),
        (
            Budget(tokens=219),
            canned(),
            "token_budget",
            "Stopped at the budget of 219 tokens.",
            1,
            passed("tokens", 219.0, 220.0, "stop"),
        ),
        (
            Budget(cost_usd=0.19),
            canned(**priced("0.1")),
            "cost_budget",
            "Stopped at the budget of $0.19.",
            1,
            passed("cost", 0.19, 0.2, "stop"),
        ),
        (
            Budget(iterations=2),
            four_tasks(),
            "max_iterations",
            "Stopped at the budget of 2 iterations.",
            4,
            passed("iterations", 2.0, 2.0, "stop"),
        ),
    ],
    ids=["spent", "tokens", "cost", "iterations"],
)
async def test_a_run_that_has_passed_a_budget_that_stops_makes_no_further_call(
    budget: Budget, model: CannedModel, reason: str, notice: str, left: int, event: dict[str, Any]
) -> None:
    run = await ran(model, budgets=[budget])
    assert (ended(run), model.left, told(run.captured)) == ((reason, notice), left, [event])
    assert run.result is not None
    assert (run.result.status, run.result.error) == ("completed" if left == 0 else "incomplete", None)
    assert "ERROR" not in run.tree


async def test_the_time_that_stops_a_run_lets_the_call_in_flight_be_answered() -> None:
    clock = StandingClock()
    replies = [clock.after(10, reply) for reply in (plan("Add"), executed("8"), reflected("8"))]
    model = CannedModel(replies)
    run = await ran(model, clock=clock, budgets=[Budget(duration_s=12.5)])
    assert ended(run) == ("time_budget", "Stopped at the budget of 12.5 s.")
    assert run.orchestrator.metrics.cancelled_api_calls == 0
    assert (model.left, told(run.captured)) == (1, [passed("time", 12.5, 20.0, "stop")])


async def test_an_iteration_too_many_is_not_begun_and_the_work_so_far_is_the_output() -> None:
    run = await ran(four_tasks(), budgets=[Budget(iterations=2)])
    assert run.result is not None
    assert run.result.output == "Stopped at the budget of 2 iterations.\nResults so far:\n- a: A\n- b: B"
    metrics = run.result.metrics
    assert (metrics.iterations, run.orchestrator.iteration) == (2, 2)
    assert (metrics.tasks_completed, metrics.tasks_total) == (2, 4)


async def test_it_is_told_of_in_one_line_of_the_log_that_shows_no_content(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        budgets = [Budget(tokens=200, action="warn"), Budget(tokens=109, cost_usd=0.15, iterations=9)]
        await ran(canned(**priced("0.1")), goal="the goal is secret", budgets=budgets)
    assert [(record.name, record.levelname, record.message) for record in caplog.records] == [
        ("nanoagent", "WARNING", "run run-1 has passed the budget of 109 tokens: 110 tokens used; it stops")
    ]
    caplog.clear()
    await ran(four_tasks(), goal="the goal is secret", budgets=[Budget(iterations=1, cost_usd=2, action="warn")])
    assert caplog.messages == ["run run-1 has passed the budget of 1 iterations: 2 iterations used"]


async def test_each_budget_is_told_of_by_itself_and_the_first_that_stops_does() -> None:
    budgets = [Budget(tokens=100, iterations=9, action="warn"), Budget(tokens=200), Budget(tokens=150, action="warn")]
    run = await ran(canned(), budgets=budgets)
    assert ended(run) == ("token_budget", "Stopped at the budget of 200 tokens.")
    assert told(run.captured) == [
        passed("tokens", 100.0, 110.0, "warn"),
        passed("tokens", 200.0, 220.0, "stop"),
        passed("tokens", 150.0, 220.0, "warn"),
    ]


async def test_of_two_that_stop_at_once_the_first_one_is_why() -> None:
    for budgets in ([Budget(cost_usd=0.05), Budget(tokens=109)], [Budget(tokens=109), Budget(cost_usd=0.05)]):
        run = await ran(canned(**priced("0.1")), budgets=budgets)
        assert ended(run)[0] == ("token_budget" if budgets[0].tokens else "cost_budget")
        assert [event["nanoagent.action"] for event in told(run.captured)] == ["stop", "stop"]


async def test_the_stream_tells_of_it_at_once_with_the_numbers_so_far() -> None:
    orchestrator, _ = prepared(canned(), budgets=[Budget(tokens=109, action="warn"), Budget(tokens=219)])
    events = list[Event]()
    orchestrator.stream.subscribe(events.append)
    await orchestrator.run()
    assert [event.type for event in events] == [
        "run_started",
        "plan",
        "budget_passed",
        "task",
        "budget_passed",
        "run_finished",
    ]
    first, second = (event.data for event in events if event.type == EventType.BUDGET_PASSED)
    assert {key: value for key, value in first.items() if key != "metrics"} == {
        "budget": "tokens",
        "limit": 109,
        "used": 110,
        "action": "warn",
    }
    assert (second["limit"], second["used"], second["action"]) == (219, 220, "stop")
    assert [data["metrics"].tokens_used for data in (first, second)] == [110, 220]
    assert first["metrics"].status == "running"


@pytest.mark.parametrize("action", ["warn", "stop"])
async def test_a_run_that_is_streamed_is_watched_as_well(action: Any) -> None:
    orchestrator, captured = prepared(canned(), budgets=[Budget(tokens=219, action=action)])
    async with orchestrator.run_stream() as events:
        kinds = [event.type async for event in events]
    assert kinds.count(EventType.BUDGET_PASSED) == 1
    assert kinds.index(EventType.BUDGET_PASSED) > kinds.index(EventType.TASK)
    assert events.result.stop_reason == ("token_budget" if action == "stop" else "goal_reached")
    assert told(captured) == [passed("tokens", 219.0, 220.0, action)]


async def test_it_needs_no_tracer_provider(caplog: pytest.LogCaptureFixture) -> None:
    model = canned()
    events = list[Event]()
    orchestrator = Orchestrator("Add", model=model, budgets=[Budget(tokens=100, action="warn"), Budget(tokens=219)])
    orchestrator.stream.subscribe(events.append)
    result = await orchestrator.run()
    assert (result.stop_reason, result.metrics.tokens_used, model.left) == ("token_budget", 220, 1)
    assert [event.data["limit"] for event in events if event.type == EventType.BUDGET_PASSED] == [100, 219]
    assert len(caplog.records) == 2


async def test_calls_without_a_price_or_without_tokens_count_for_nothing() -> None:
    replies = [plan("Add", **priced("0.1")), executed("8"), reflected("8", **priced("0.1"))]
    run = await ran(CannedModel(replies), budgets=[Budget(cost_usd=0.15, action="warn"), Budget(cost_usd=0.05)])
    assert (ended(run)[0], told(run.captured)) == ("cost_budget", [passed("cost", 0.05, 0.1, "stop")])
    run = await ran(CannedModel(list(replies)), budgets=[Budget(cost_usd=0.1)])
    assert (ended(run)[0], told(run.captured)) == ("goal_reached", [passed("cost", 0.1, 0.2, "warn")])
    assert run.orchestrator.metrics.unpriced_api_calls == 1
    silent = canned(input_tokens=0, output_tokens=0)
    run = await ran(silent, budgets=[Budget(tokens=1), Budget(cost_usd=0.000001)])
    assert (ended(run)[0], told(run.captured)) == ("goal_reached", [])


async def test_what_fails_counts_and_a_run_that_fails_is_told_of_it() -> None:
    run = await ran(CannedModel([plan("Add"), RuntimeError("the client broke")]), budgets=[Budget(tokens=110)])
    assert (ended(run)[0], told(run.captured)) == ("model_error", [])
    run = await ran(CannedModel([plan(questions=["Which?"])]), budgets=[Budget(tokens=109)])
    assert (ended(run)[0], told(run.captured)) == ("needs_clarification", [passed("tokens", 109.0, 110.0, "warn")])


async def test_a_run_that_is_cancelled_is_told_of_it() -> None:
    reached = asyncio.Event()

    async def hang() -> ModelResponse:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    clock = StandingClock()
    orchestrator, captured = prepared(
        CannedModel([plan("Add"), hang]), clock=clock, budgets=[Budget(duration_s=5, action="warn")]
    )
    running = asyncio.create_task(orchestrator.run())
    await reached.wait()
    clock.seconds = 7
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert told(captured) == [passed("time", 5.0, 7.0, "warn")]
    assert orchestrator.metrics.status == "cancelled"


def delegating(*calls: str) -> CannedModel:
    asked = [call("delegate", call_id) for call_id in calls or ("c1",)]
    return CannedModel([plan("Delegate"), response(*asked), executed("three"), reflected("three")])


async def nested_in(budgets: list[Any], inner_budgets: list[Any]) -> tuple[RunResult, RunResult, Capture]:
    results = list[RunResult]()

    async def delegate() -> str:
        """Delegate."""
        inner = Orchestrator("Add", model=canned(), run_id="run-2", budgets=inner_budgets)
        results.append(await inner.run())
        return results[0].output

    orchestrator, captured = prepared(delegating(), tools=(delegate,), budgets=budgets)
    return await orchestrator.run(), results[0], captured


async def test_what_nested_runs_use_counts_and_the_budget_around_them_stops_them() -> None:
    outer, inner, captured = await nested_in([Budget(tokens=439)], [Budget(tokens=1_000)])
    assert (inner.stop_reason, inner.metrics.tokens_used) == ("token_budget", 220)
    assert inner.output == "Stopped at the budget of the run around it.\nResults so far:\n- Add: 8"
    assert (outer.stop_reason, outer.metrics.tokens_used) == ("token_budget", 440)
    assert outer.output == "Stopped at the budget of 439 tokens."
    assert told(captured) == [passed("tokens", 439.0, 440.0, "stop")]
    (root,) = [span for span in captured.spans if span.parent is None]
    assert [event.name for event in root.events] == [names.BUDGET_EVENT]


async def test_the_budget_of_a_nested_run_is_its_own() -> None:
    outer, inner, captured = await nested_in([Budget(tokens=549, action="warn")], [Budget(tokens=219)])
    assert (inner.stop_reason, inner.output.splitlines()[0]) == ("token_budget", "Stopped at the budget of 219 tokens.")
    assert (outer.stop_reason, outer.metrics.tokens_used) == ("goal_reached", 660)
    assert told(captured) == [passed("tokens", 219.0, 220.0, "stop"), passed("tokens", 549.0, 550.0, "warn")]


async def test_iterations_are_those_of_the_run_that_has_the_budget() -> None:
    outer, inner, captured = await nested_in([Budget(iterations=1)], [Budget(iterations=1)])
    assert (outer.stop_reason, inner.stop_reason, told(captured)) == ("goal_reached", "goal_reached", [])


async def test_agents_in_threads_pass_a_budget_once_and_the_stream_is_told_in_its_own_thread() -> None:
    together, threads = threading.Barrier(4), list[int]()

    def delegate() -> str:
        """Delegate to an agent, in a thread of this tool's own."""
        agent = Agent(CannedModel([response(TextPart("nine"))]), capabilities=[Tracing()])
        together.wait(60)
        return asyncio.run(agent.run("go")).output

    orchestrator, captured = prepared(
        delegating("c1", "c2", "c3", "c4"), tools=(delegate,), budgets=[Budget(tokens=219, action="warn")]
    )
    events = list[Event]()

    def note(event: Event) -> None:
        events.append(event)
        threads.append(threading.get_ident())

    orchestrator.stream.subscribe(note)
    result = await orchestrator.run()
    assert (result.stop_reason, result.metrics.tokens_used) == ("goal_reached", 880)
    assert told(captured) == [passed("tokens", 219.0, 220.0, "warn")]
    assert [event.type for event in events].count(EventType.BUDGET_PASSED) == 1
    assert events[-1].type == EventType.RUN_FINISHED
    assert set(threads) == {threading.get_ident()}


async def test_a_budget_stops_agents_that_work_side_by_side() -> None:
    answers = list[str]()

    async def delegate() -> str:
        """Delegate to an agent that would ask twice."""
        model = CannedModel([response(call("add", a=1, b=2)), response(TextPart("three"))])
        agent = Agent(model, tools=[add], capabilities=[Tracing()])
        answers.append((await agent.run("go")).output)
        return answers[-1]

    model = delegating("c1", "c2")
    run = await ran(model, tools=(delegate,), budgets=[Budget(tokens=439)])
    # Plan, execution and the first calls of both are 440 tokens: neither agent may ask again, nor may the executor.
    assert (ended(run)[0], answers, model.left) == ("token_budget", [], 2)
    assert run.orchestrator.metrics.api_calls == 4
    assert told(run.captured) == [passed("tokens", 439.0, 440.0, "stop")]


@pytest.mark.parametrize("limit", [{"max_tokens": 220}, {"budgets": [Budget(tokens=219)]}], ids=str)
async def test_models_that_any_exception_sends_to_the_next_one_are_stopped_as_well(limit: dict[str, Any]) -> None:
    first, second = canned(), canned()
    run = await ran(FallbackModel(first, second, fallback_on=lambda _: True), **limit)
    assert run.result is not None
    assert (run.result.status, run.result.stop_reason, run.result.error) == ("incomplete", "token_budget", None)
    assert (first.left, second.left) == (1, 3)
    assert "ERROR" not in run.tree


async def test_a_function_decides_from_the_numbers_so_far() -> None:
    seen = list[PerformanceMetrics]()

    def failing_tools(metrics: PerformanceMetrics) -> Any:
        seen.append(metrics)
        return "stop" if metrics.failed_tool_calls > 1 else "warn" if metrics.failed_tool_calls else None

    broken: list[Reply] = [response(call("broken", why="no")), response(call("broken", why="no"))]
    model = CannedModel([plan("Try"), *broken, executed("8")])
    run = await ran(model, budgets=[failing_tools])
    assert (ended(run), model.left) == (("policy", "Stopped at the policy failing_tools."), 1)
    assert told(run.captured) == [
        {"nanoagent.budget": "failing_tools", "nanoagent.action": "warn"},
        {"nanoagent.budget": "failing_tools", "nanoagent.action": "stop"},
    ]
    assert [metrics.tool_calls for metrics in seen] == [0, 0, 0, 1, 2, 2]
    assert {metrics.goal for metrics in seen} == {"What is 5 + 3?"}
    assert seen[-1].tasks_total == 1


async def test_functions_are_told_of_each_by_itself() -> None:
    run = await ran(canned(), budgets=[lambda metrics: "warn", lambda metrics: "warn"])
    assert told(run.captured) == [{"nanoagent.budget": "<lambda>", "nanoagent.action": "warn"}] * 2


async def test_a_function_that_raises_ends_the_run_as_an_error() -> None:
    def faulty(metrics: PerformanceMetrics) -> None:
        raise LookupError("our own bug")

    run = await ran(canned(), budgets=[faulty])
    assert run.result is not None
    assert (run.result.stop_reason, run.result.error) == ("error", "LookupError: our own bug")
    run = await ran(canned(), budgets=[lambda metrics: "halt"])
    assert run.result is not None
    assert run.result.error == (
        "ConfigurationError: a policy must return 'stop', 'warn' or None, got 'halt' of <lambda>"
    )


async def test_a_function_that_raises_when_the_run_is_over_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def faulty(metrics: PerformanceMetrics) -> None:
        if metrics.api_calls == 3:
            raise LookupError("a secret")

    run = await ran(canned(), budgets=[faulty])
    assert ended(run) == ("goal_reached", "It is 8.")
    assert caplog.messages[0].startswith("a policy failed at the end of the run run-1\nLookupError")
    assert "a secret" not in caplog.text


async def test_the_root_carries_the_limits_in_force() -> None:
    def limits(run: Ran) -> dict[str, Any]:
        attributes = dict(run.captured.spans[-1].attributes or {})
        return {key: value for key, value in attributes.items() if "max_" in key or "timeout" in key}

    assert limits(await ran(canned())) == {"nanoagent.max_iterations": 10}
    own: dict[str, Any] = {"max_iterations": 7, "max_tokens": 9_000, "max_tasks": 5, "timeout_s": 60}
    expected = {
        "nanoagent.max_iterations": 7,
        "nanoagent.max_tokens": 9_000,
        "nanoagent.max_tasks": 5,
        "nanoagent.timeout_s": 60.0,
    }
    run = await ran(canned(), **own)
    assert limits(run) == expected
    assert type(limits(run)["nanoagent.timeout_s"]) is float
    assert limits(await ran(canned(), max_iterations=2**63 - 1, max_tokens=2**63)) == {
        "nanoagent.max_iterations": 2**63 - 1
    }
    looser = Budget(tokens=9_001, iterations=8, duration_s=61)
    assert limits(await ran(canned(), **own, budgets=[looser, Budget(tokens=1, action="warn")])) == expected
    tighter = [Budget(tokens=8_000, cost_usd=0.5), Budget(iterations=6, duration_s=30.5, cost_usd=0.75)]
    run = await ran(canned(), **own, budgets=tighter)
    assert limits(run) == {
        "nanoagent.max_iterations": 6,
        "nanoagent.max_tokens": 8_000,
        "nanoagent.max_cost_usd": 0.5,
        "nanoagent.max_tasks": 5,
        "nanoagent.timeout_s": 30.5,
    }
    assert run.orchestrator.max_iterations == 6


async def test_the_reflector_is_told_of_the_iterations_that_the_budget_leaves() -> None:
    model = canned()
    await ran(model, max_iterations=9, budgets=[Budget(iterations=3)])
    assert "Iterations left: 2" in model.prompts[-1]


async def test_a_function_with_arguments_bound_has_its_own_name() -> None:
    def too_many_calls(limit: int, metrics: PerformanceMetrics) -> Any:
        return "warn" if metrics.api_calls > limit else None

    run = await ran(canned(), budgets=[partial(partial(too_many_calls), 2)])
    assert told(run.captured) == [{"nanoagent.budget": "too_many_calls", "nanoagent.action": "warn"}]


async def _awaited(metrics: PerformanceMetrics) -> None: ...


class Awaited:
    async def __call__(self, metrics: PerformanceMetrics) -> None: ...

    def __repr__(self) -> str:
        return "Awaited()"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Budget(tokens=0), "tokens must be a positive integer, got 0; leave it out"),
        (lambda: Budget(tokens=True), "tokens must be a positive integer, got True; leave it out"),
        (lambda: Budget(iterations=2.0), "iterations must be a positive integer, got 2.0; leave it out"),  # type: ignore[arg-type]
        (lambda: Budget(duration_s=0), "duration_s must be a positive number of seconds, got 0; leave it out"),
        (
            lambda: Budget(cost_usd=-1),
            "cost_usd must be a positive number of USD below 1,000,000,000, got -1; leave it out",
        ),
        (
            lambda: Budget(cost_usd=0),
            "cost_usd must be a positive number of USD below 1,000,000,000, got 0; leave it out",
        ),
        (lambda: Budget(cost_usd=float("nan")), "USD below 1,000,000,000, got nan; leave it out"),
        (lambda: Budget(cost_usd=1e9), "USD below 1,000,000,000, got 1000000000.0; leave it out"),
        (lambda: Budget(cost_usd="1"), "USD below 1,000,000,000, got '1'; leave it out"),  # type: ignore[arg-type]
        (lambda: Budget(tokens=1, action="halt"), "action must be 'stop' or 'warn', got 'halt'"),  # type: ignore[arg-type]
        (lambda: Budget(), "a Budget needs a bound: give it tokens, cost_usd, iterations or duration_s"),
        (lambda: Orchestrator("a", budgets=Budget(tokens=1)), "budgets must be a list, got Budget("),  # type: ignore[arg-type]
        (lambda: Orchestrator("a", budgets=[300]), "a budget must be a Budget, or a function that takes the metrics"),  # type: ignore[list-item]
        (lambda: Orchestrator("a", budgets=[_awaited]), "takes the metrics and is not awaited, got <function _awaited"),  # type: ignore[list-item]
        (lambda: Orchestrator("a", budgets=[Awaited()]), "takes the metrics and is not awaited, got Awaited()"),  # type: ignore[list-item]
        (lambda: Tracing(budgets=[Budget(iterations=1)]), "an agent has no iterations: leave them out of Budget("),
    ],
)
def test_what_is_no_budget_is_refused_with_the_way_out(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert said in str(raised.value)
