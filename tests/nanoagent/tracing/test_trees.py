"""Whole span trees, as they are seen in Jaeger."""

import asyncio
from typing import Any

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.fallback import FallbackModel

from nanoagent import StopReason
from tests.models import CannedModel, blocking, call, executed, plan, priced, reflected, response
from tests.runs import Ran, prepared, ran
from tests.snapshot import assert_matches


async def test_a_simple_run_emits_plan_iteration_and_reflection() -> None:
    model = CannedModel(
        [
            plan("Add 5 and 3", **priced("0.001")),
            response(call("add", a=5, b=3), **priced("0.002")),
            executed("8", **priced("0.003")),
            reflected("8", **priced("0.004")),
        ],
        base_url="https://models.example:8443/v1",
    )
    run = await ran(model, agent_version="1.2", attributes={"tenant": "blue"})
    assert_matches("simple_run", run.tree)


async def test_failing_invented_and_badly_called_tools_are_failed_tool_spans() -> None:
    model = CannedModel(
        [
            plan("Try"),
            response(
                call("broken", "c1", why="the secret is 42"),
                call("no_such_tool", "c2", x=1),
                call("add", "c3", a="not a number", b=3),
            ),
            executed("nothing worked", success=False),
            reflected(None, gaps=["no way"]),
        ]
    )
    run = await ran(model)
    assert_matches("failing_tools", run.tree)
    assert "secret" not in run.tree
    assert "not a number" not in run.tree


async def test_a_failed_model_call_is_a_chat_span_with_the_error_where_it_happened() -> None:
    model = CannedModel([plan("Add"), ModelHTTPError(500, "canned", {"message": "the key is sk-123"})])
    run = await ran(model)
    assert run.result is not None
    assert run.result.stop_reason is StopReason.MODEL_ERROR
    assert_matches("failed_model_call", run.tree)
    assert "sk-123" not in run.tree


async def test_each_attempt_of_a_fallback_model_is_a_span_of_its_own() -> None:
    first = CannedModel([ModelHTTPError(503, "first") for _ in range(3)], name="first")
    second = CannedModel([plan("Answer"), executed("8"), reflected("8")], name="second")
    run = await ran(FallbackModel(first, second))
    assert_matches("fallback", run.tree)
    assert run.result is not None
    metrics = run.result.metrics
    assert (metrics.api_calls, metrics.failed_api_calls, metrics.models) == (6, 3, ("canned-2026", "first"))


async def _cancelled(model: CannedModel, reached: asyncio.Event, **options: Any) -> Ran:
    orchestrator, captured = prepared(model, **options)
    task = asyncio.create_task(orchestrator.run())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    run = Ran(orchestrator=orchestrator, result=None, captured=captured)
    assert orchestrator.metrics == run.live
    assert orchestrator.metrics.status == "cancelled"
    assert orchestrator.metrics.complete is True
    return run


async def test_a_run_cancelled_while_planning_ends_its_spans_as_cancelled() -> None:
    reached = asyncio.Event()
    run = await _cancelled(CannedModel([blocking(reached)]), reached)
    assert_matches("cancelled_planning", run.tree)


async def test_a_run_cancelled_in_a_model_call_ends_its_spans_as_cancelled() -> None:
    reached = asyncio.Event()
    run = await _cancelled(CannedModel([plan("Add"), blocking(reached)]), reached)
    assert_matches("cancelled_executing", run.tree)


async def test_a_run_cancelled_in_a_tool_ends_its_spans_as_cancelled() -> None:
    reached = asyncio.Event()

    async def wait() -> str:
        """Wait for ever."""
        reached.set()
        await asyncio.Event().wait()
        return "never"

    run = await _cancelled(CannedModel([plan("Wait"), response(call("wait"))]), reached, tools=(wait,))
    assert_matches("cancelled_tool", run.tree)


async def test_a_run_cancelled_while_reflecting_ends_its_spans_as_cancelled() -> None:
    reached = asyncio.Event()
    run = await _cancelled(CannedModel([plan("Add"), executed("8"), blocking(reached)]), reached)
    assert_matches("cancelled_reflecting", run.tree)
