"""Runs within runs: what counts where, and that it is the same from every source and in every order."""

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import TextPart

from instrumentation.records import record_of
from instrumentation.testing import Capture, TickingClock, tree_text
from nanoagent import Orchestrator, PerformanceMetrics, RunResult, StopReason, Tracing, keep_context, traced_run
from nanoagent.core.runs import runs_in
from nanoagent.tracing.run import current_place
from nanoagent.tracing.spans import tool_span
from tests.models import CannedModel, call, executed, plan, priced, reflected, response
from tests.runs import add, prepared, ran
from tests.snapshot import assert_matches
from tests.span_records import fold


def inner_model() -> CannedModel:
    """3 calls, 330 tokens, and a tool call."""
    return CannedModel([plan("Add"), response(call("add", a=1, b=2)), executed("3"), reflected("three")], name="inner")


def inner_orchestrator(**options: Any) -> Orchestrator:
    orchestrator = Orchestrator("Add 1 and 2", model=inner_model(), run_id="run-2", **options)
    orchestrator.registry.register("add", add)
    return orchestrator


def outer_model(*tools: str) -> CannedModel:
    """Plans one task, whose executor calls these tools at once."""
    calls = [call(tool, f"c{number}") for number, tool in enumerate(tools)]
    return CannedModel([plan("Delegate"), response(*calls), executed("three"), reflected("three")])


def inner_agent(name: str = "delegate", **options: Any) -> Agent[None, str]:
    model = CannedModel([response(TextPart("nine"), **priced("0.5")) for _ in range(4)], name="inner")
    return Agent(model, name=name, capabilities=[Tracing(**options)])


def records_of(captured: Capture) -> list[Any]:
    return [record_of(span) for span in captured.spans]


def from_spans(captured: Capture, run_id: str, *, seed: int) -> PerformanceMetrics:
    """What a reader makes of the spans, in some order."""
    records = records_of(captured)
    random.Random(seed).shuffle(records)  # noqa: S311 - no secret
    return fold(records, run_id=run_id)


def live(captured: Capture, run_id: str) -> PerformanceMetrics:
    metrics = captured.aggregator.get(run_id)
    assert metrics is not None
    return metrics


async def test_an_orchestrator_in_a_tool_is_a_nested_run_whose_use_counts_in_both() -> None:
    results: list[RunResult] = []

    async def delegate() -> str:
        """Delegate."""
        results.append(await inner_orchestrator().run())
        return results[0].output

    orchestrator, captured = prepared(outer_model("delegate"), tools=(delegate,))
    outer = (await orchestrator.run()).metrics
    inner = results[0].metrics
    assert_matches("nested_orchestrator", tree_text(captured.spans))
    assert (inner.parent_run_id, inner.run_id, outer.parent_run_id) == ("run-1", "run-2", None)
    assert (inner.api_calls, inner.tool_calls, inner.tokens_used) == (4, 1, 440)
    assert (outer.api_calls, outer.tool_calls, outer.tokens_used) == (8, 2, 880)
    assert (outer.iterations, outer.tasks_total, inner.iterations, inner.tasks_total) == (1, 1, 1, 1)
    assert [(row.phase, row.api_calls) for row in outer.by_phase] == [("plan", 1), ("execute", 6), ("reflect", 1)]
    assert [(row.phase, row.api_calls) for row in inner.by_phase] == [("plan", 1), ("execute", 2), ("reflect", 1)]
    assert [(row.iteration, row.api_calls) for row in outer.by_iteration] == [(1, 7)]
    assert (outer.complete, inner.complete) == (True, True)
    for metrics in (outer, inner):
        assert metrics.run_id is not None
        without_goal = replace(metrics, goal=None)
        assert live(captured, metrics.run_id) == without_goal
        for seed in range(20):
            assert from_spans(captured, metrics.run_id, seed=seed) == without_goal
    assert fold(records_of(captured)).run_id == "run-1"


async def test_a_span_that_a_nested_run_lost_is_missing_in_both_and_one_of_the_outer_run_in_that_one() -> None:
    async def delegate() -> str:
        """Delegate."""
        return (await inner_orchestrator().run()).output

    orchestrator, captured = prepared(outer_model("delegate"), tools=(delegate,))
    await orchestrator.run()
    records = records_of(captured)
    assert {run.metrics.complete for run in runs_in(records)} == {True}
    for lost in records:
        found = {run.metrics.run_id: run.metrics.complete for run in runs_in(one for one in records if one is not lost)}
        assert found == {"run-1": False, "run-2": lost.run_id == "run-1"}, lost


async def test_runs_nest_in_runs_that_are_nested() -> None:
    async def deepest() -> str:
        """The innermost run."""
        return (await inner_orchestrator().run()).output

    async def middle() -> str:
        """A run around it."""
        between = Orchestrator("Between", model=outer_model("deepest"), run_id="between")
        between.registry.register("deepest", deepest)
        return (await between.run()).output

    run = await _ran_without_usage(outer_model("middle"), middle)
    outer, captured = run
    assert_matches("runs_three_deep", tree_text(captured.spans))
    assert (outer.api_calls, live(captured, "between").api_calls, live(captured, "run-2").api_calls) == (12, 8, 4)
    assert [(row.phase, row.api_calls) for row in outer.by_phase] == [("plan", 1), ("execute", 10), ("reflect", 1)]
    assert live(captured, "run-2").parent_run_id == "between"
    for run_id, calls in (("run-1", 12), ("between", 8), ("run-2", 4)):
        for seed in range(20):
            found = from_spans(captured, run_id, seed=seed)
            assert (found.api_calls, found) == (calls, live(captured, run_id))


async def test_without_an_sdk_a_nested_run_counts_the_same() -> None:
    async def delegate() -> str:
        """Delegate."""
        return (await inner_orchestrator().run()).output

    traced_outer, _ = await _ran_without_usage(outer_model("delegate"), delegate)
    untraced = Orchestrator("What is 5 + 3?", model=outer_model("delegate"), run_id="run-1", clock=TickingClock())
    untraced.registry.register("delegate", delegate)
    assert replace((await untraced.run()).metrics, goal=None) == replace(traced_outer, trace_id=None)


async def test_a_traced_agent_in_a_tool_belongs_to_the_run() -> None:
    completed: list[PerformanceMetrics] = []
    agent = inner_agent(on_complete=completed.append)

    async def delegate() -> str:
        """Delegate."""
        return (await agent.run("go")).output

    run = await ran(outer_model("delegate"), tools=(delegate,))
    assert_matches("agent_in_a_tool", run.tree)
    assert run.result is not None
    assert (run.result.metrics.api_calls, run.result.metrics.cost_usd_known) == (5, Decimal("0.5"))
    assert completed == []


async def test_a_plain_agent_beside_ours_is_neither_traced_nor_counted() -> None:
    agent = Agent(CannedModel([response(TextPart("nine"))]))

    async def delegate() -> str:
        """Delegate."""
        return (await agent.run("go")).output

    metrics, captured = await _ran_without_usage(outer_model("delegate"), delegate)
    assert (metrics.api_calls, metrics.untracked_api_calls, metrics.complete) == (4, 0, True)
    assert len(captured.spans) == 10


async def test_an_agent_that_a_sync_tool_calls_in_its_worker_thread_is_below_the_tool() -> None:
    agent, threads = inner_agent(), []

    def delegate() -> str:
        """Delegate."""
        threads.append(threading.current_thread())
        return asyncio.run(agent.run("go")).output

    run = await ran(outer_model("delegate"), tools=(delegate,))
    assert threads[0] is not threading.main_thread()
    assert_matches("agent_in_a_thread", run.tree)
    assert len({span.context.trace_id for span in run.captured.spans if span.context}) == 1
    tool, inner = (_span(run.captured, name) for name in ("execute_tool delegate", "invoke_agent delegate"))
    assert inner.parent.span_id == tool.context.span_id
    assert run.result is not None
    assert run.result.metrics.api_calls == 5


def _in_executor(wrap: Callable[..., Any], agent: Agent[None, str]) -> Callable[[], Any]:
    async def delegate() -> str:
        """Delegate."""
        with ThreadPoolExecutor(1) as pool:
            work = wrap(lambda: asyncio.run(agent.run("go")).output)
            return await asyncio.get_running_loop().run_in_executor(pool, work)

    return delegate


async def test_the_helper_keeps_work_in_an_executor_inside_the_run() -> None:
    agent = inner_agent()
    run = await ran(outer_model("delegate"), tools=(_in_executor(keep_context, agent),))
    assert run.result is not None
    assert run.result.metrics.api_calls == 5
    assert len({span.context.trace_id for span in run.captured.spans if span.context}) == 1


async def test_without_the_helper_work_in_an_executor_is_a_run_and_a_trace_of_its_own() -> None:
    captured = Capture()
    agent = inner_agent(tracer_provider=captured.provider, run_id="own")
    metrics, outer = await _ran_without_usage(outer_model("delegate"), _in_executor(lambda work: work, agent))
    assert (metrics.api_calls, len(outer.spans)) == (4, 10)
    assert (live(captured, "own").api_calls, live(captured, "own").parent_run_id) == (1, None)
    assert _span(captured, "invoke_agent delegate").parent is None


def test_the_helper_may_be_called_by_several_threads_at_a_time() -> None:
    barrier = threading.Barrier(3)

    def work(number: int) -> int:
        barrier.wait(5)
        return number

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(keep_context(work), range(3))) == [0, 1, 2]


async def test_parallel_tools_and_parallel_agents_are_told_apart() -> None:
    agents = [inner_agent(name) for name in ("first", "second")]

    async def delegate() -> str:
        """Delegate to both."""
        return " ".join(result.output for result in await asyncio.gather(*(agent.run("go") for agent in agents)))

    run = await ran(outer_model("delegate", "delegate"), tools=(delegate,))
    assert run.result is not None
    assert (run.result.metrics.api_calls, run.result.metrics.tool_calls) == (8, 2)
    assert_matches("parallel_agents", run.tree)
    spans = {span.context.span_id: span for span in run.captured.spans if span.context}
    for span in run.captured.spans:
        if span.name == "chat inner" and span.parent and span.attributes:
            assert spans[span.parent.span_id].name == f"invoke_agent {span.attributes['gen_ai.agent.name']!s}"


async def test_the_token_budget_of_a_run_holds_for_the_runs_in_it() -> None:
    results: list[RunResult] = []

    async def delegate() -> str:
        """Delegate."""
        results.append(await inner_orchestrator().run())
        return results[0].output

    orchestrator, _ = prepared(outer_model("delegate"), tools=(delegate,), max_tokens=400)
    result = await orchestrator.run()
    assert (result.stop_reason, result.metrics.tokens_used) == (StopReason.TOKEN_BUDGET, 440)
    assert (results[0].stop_reason, results[0].metrics.tokens_used) == (StopReason.TOKEN_BUDGET, 220)
    assert results[0].output == "Stopped at the budget of the run around it."


async def test_a_nested_run_that_outlives_its_run_is_ended_with_it() -> None:
    hanging, reached = CannedModel([]), asyncio.Event()
    tasks: list[asyncio.Task[RunResult]] = []

    async def hang() -> Any:
        reached.set()
        await asyncio.Event().wait()

    hanging._replies = [hang]

    async def delegate() -> str:
        """Start something and do not wait for it."""
        tasks.append(asyncio.create_task(Orchestrator("Hang", model=hanging, run_id="run-2").run()))
        await reached.wait()
        return "started"

    orchestrator, captured = prepared(outer_model("delegate"), tools=(delegate,))
    outer = (await orchestrator.run()).metrics
    assert (outer.api_calls, outer.cancelled_api_calls, outer.complete) == (5, 1, True)
    assert replace(outer, goal=None) == live(captured, "run-1") == from_spans(captured, "run-1", seed=1)
    assert (live(captured, "run-2").status, live(captured, "run-2").error_type) == (
        "cancelled",
        "asyncio.exceptions.CancelledError",
    )
    spans = len(captured.spans)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert len(captured.spans) == spans


async def test_a_nested_run_has_an_id_of_its_own_even_where_it_was_given_that_of_the_run_around_it() -> None:
    results: list[RunResult] = []

    async def delegate() -> str:
        """Delegate."""
        inner = Orchestrator("Add 1 and 2", model=inner_model(), run_id="run-1")
        inner.registry.register("add", add)
        results.append(await inner.run())
        return results[0].output

    metrics, captured = await _ran_without_usage(outer_model("delegate"), delegate)
    assert results[0].metrics.run_id != "run-1"
    assert (metrics.api_calls, metrics.complete, live(captured, "run-1").api_calls) == (8, True, 8)


async def _ran_without_usage(model: CannedModel, tool: Callable[..., Any]) -> tuple[PerformanceMetrics, Capture]:
    """For runs in which pydantic-ai counts other things than ours: what the run and the aggregator agree on."""
    orchestrator, captured = prepared(model, tools=(tool,))
    metrics = replace((await orchestrator.run()).metrics, goal=None)
    assert metrics == live(captured, "run-1")
    return metrics, captured


def _span(captured: Capture, name: str) -> Any:
    (span,) = (span for span in captured.spans if span.name == name)
    return span


async def test_work_that_a_nested_run_leaves_behind_is_of_the_run_around_it() -> None:
    agent = inner_agent()
    tasks: list[asyncio.Task[str]] = []
    over = asyncio.Event()

    async def later() -> str:
        await over.wait()
        return (await agent.run("go")).output

    async def leave() -> str:
        """Start something and do not wait for it."""
        tasks.append(asyncio.create_task(later()))
        return "started"

    async def delegate() -> str:
        """Delegate, and wait for what was left behind."""
        inner = Orchestrator("Leave", model=outer_model("leave"), run_id="run-2")
        inner.registry.register("leave", leave)
        await inner.run()
        over.set()
        return await tasks[0]

    metrics, captured = await _ran_without_usage(outer_model("delegate"), delegate)
    assert (metrics.api_calls, live(captured, "run-2").api_calls, metrics.complete) == (9, 4, True)
    for seed in range(5):
        assert from_spans(captured, "run-1", seed=seed) == metrics


def test_threads_that_outlive_a_run_change_none_of_its_numbers() -> None:
    for _ in range(60):
        captured, own = Capture(), list[PerformanceMetrics]()
        stop = threading.Event()

        def work(stop: threading.Event = stop) -> None:
            while not stop.is_set():
                place = current_place()
                if place is None:
                    return
                with tool_span(place, "busy", call_id=None):
                    pass

        with traced_run("agent", tracer_provider=captured.provider, run_id="run-1", on_complete=own.append) as span:
            threads = [threading.Thread(target=keep_context(work)) for _ in range(3)]
            for thread in threads:
                thread.start()
        stop.set()
        for thread in threads:
            thread.join()
        final = span.run.metrics()
        assert (final, final.complete) == (own[0], True)
        assert live(captured, "run-1") == final
