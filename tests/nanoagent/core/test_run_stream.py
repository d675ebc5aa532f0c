"""`run_stream`: a run's events as they happen, and a run that ends with whoever reads them."""

import asyncio
import gc
import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai.messages import TextPart

from instrumentation.testing import tree_text
from nanoagent import Event, EventType, ModelConfigurationError, Orchestrator, StopReason
from nanoagent.core.event_stream import EventStream
from tests.models import CannedModel, call, executed, plan, reflected, response, waiting_at
from tests.runs import prepared, ran
from tests.snapshot import assert_matches

OUTSIDE = "the events of a run can be read inside `async with orchestrator.run_stream() as events:` alone"


def answering(**options: Any) -> CannedModel:
    replies = [plan("Add 5 and 3"), response(call("add", a=5, b=3)), executed("8"), reflected("It is 8")]
    return CannedModel(replies, **options)


async def test_it_tells_what_run_tells_and_the_executors_own_events() -> None:
    orchestrator, captured = prepared(answering())
    async with orchestrator.run_stream() as events:
        told = [event async for event in events]
    run = await ran(answering())
    assert run.result is not None
    kinds = [event.type for event in told if event.type != EventType.AGENT_EVENT]
    assert kinds == ["run_started", "plan", "task", "reflection", "iteration", "run_finished"]
    own = [event.data["event"].event_kind for event in told if event.type == EventType.AGENT_EVENT]
    assert (own.count("function_tool_call"), own.count("function_tool_result"), own.count("part_start")) == (1, 1, 2)
    assert {event.data["task"].id for event in told if event.type == EventType.AGENT_EVENT} == {"t1"}
    assert (events.result.output, events.result.stop_reason) == ("It is 8", StopReason.GOAL_REACHED)
    streamed, plain = events.result.metrics, run.result.metrics
    assert streamed.first_chunk_ns is not None
    assert _counts(streamed) == _counts(plain)
    assert replace(streamed, goal=None) == captured.aggregator.get("run-1")
    assert _names(captured) == _names(run.captured)


async def test_events_arrive_while_the_run_goes_on() -> None:
    reached = asyncio.Event()
    orchestrator, _ = prepared(answering(before_chunk=waiting_at(1, reached)))
    async with orchestrator.run_stream() as events:
        told = [await anext(events) for _ in range(3)]
        assert [event.type for event in told] == ["run_started", "plan", "agent_event"]
        assert orchestrator.metrics.api_calls == 1


async def test_leaving_the_block_ends_the_run_within_100_ms_and_reads_the_model_no_further() -> None:
    reached = asyncio.Event()
    model = CannedModel(
        [plan("Talk"), response(TextPart("one two three four five"))], before_chunk=waiting_at(2, reached)
    )
    orchestrator, captured = prepared(model)
    async with orchestrator.run_stream() as events:
        async for event in events:
            if event.type == EventType.AGENT_EVENT:
                await reached.wait()
                break
        left_s = time.perf_counter()
    assert time.perf_counter() - left_s < 0.1
    assert model.chunks_read == [0, 1]
    tree = tree_text(captured.spans)
    assert_matches("broken_off_run", re.sub(r"(time_to_first_chunk = )[\d.e-]+", r"\1...", tree))
    ended = {span.name: dict(span.attributes or {}) for span in captured.spans}
    for name in ("invoke_workflow nanoagent", "iteration", "invoke_agent executor", "chat canned"):
        assert ended[name]["nanoagent.abandoned"] is True
        assert ended[name]["error.type"] == "asyncio.exceptions.CancelledError"
    metrics = orchestrator.metrics
    assert (metrics.status, metrics.stop_reason, metrics.api_calls, metrics.cancelled_api_calls) == (
        "cancelled",
        "cancelled",
        2,
        1,
    )
    assert replace(metrics, goal=None) == captured.aggregator.get("run-1")
    with pytest.raises(RuntimeError, match="the run has no result: read its events to the end first"):
        _ = events.result


async def test_what_the_reader_raises_ends_the_run_and_goes_on() -> None:
    orchestrator, _ = prepared(answering(before_chunk=waiting_at(0)))

    async def read() -> None:
        async with orchestrator.run_stream() as events:
            async for _ in events:
                raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await read()
    assert orchestrator.metrics.status == "cancelled"


async def test_cancelling_the_reader_cancels_the_run() -> None:
    reached = asyncio.Event()
    orchestrator, captured = prepared(answering(before_chunk=waiting_at(0, reached)))

    async def read() -> None:
        async with orchestrator.run_stream() as events:
            async for _ in events:
                pass

    task = asyncio.create_task(read())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert orchestrator.metrics.status == "cancelled"
    assert captured.spans[-1].name == "invoke_workflow nanoagent"


async def test_a_run_whose_events_are_not_read_ends_with_the_block() -> None:
    orchestrator, _ = prepared(answering())
    async with orchestrator.run_stream() as events:
        await _until(lambda: orchestrator.metrics.status != "running")
        await asyncio.sleep(0.01)
    assert events.result.output == "It is 8"
    with pytest.raises(RuntimeError) as raised:
        await anext(events)
    assert str(raised.value) == OUTSIDE


async def test_a_stream_that_is_read_outside_of_its_block_says_so() -> None:
    orchestrator, _ = prepared(answering())
    with pytest.raises(RuntimeError) as raised:
        await anext(orchestrator.run_stream())
    assert str(raised.value) == OUTSIDE


async def test_an_ended_stream_stays_ended() -> None:
    orchestrator, _ = prepared(answering())
    async with orchestrator.run_stream() as events:
        assert [event async for event in events][-1].type == "run_finished"
        assert [event async for event in events] == []


async def test_what_is_wrong_with_the_models_is_raised_on_entering() -> None:
    orchestrator = Orchestrator("goal", model="nosuch:model")
    with pytest.raises(ModelConfigurationError):
        async with orchestrator.run_stream():
            raise AssertionError


async def test_an_orchestrator_runs_once_however_it_is_started() -> None:
    orchestrator, _ = prepared(answering())
    async with orchestrator.run_stream() as events:
        async for _ in events:
            pass
        with pytest.raises(RuntimeError, match="has run already"):
            await orchestrator.run()
    with pytest.raises(RuntimeError, match="has run already"):
        async with orchestrator.run_stream():
            raise AssertionError
    with pytest.raises(RuntimeError, match="was entered before"):
        await events.__aenter__()


async def test_an_agent_waits_for_a_reader_that_is_slow() -> None:
    from nanoagent.core import event_stream

    words = " ".join(["word"] * (2 * event_stream.MAX_WAITING))
    orchestrator, _ = prepared(CannedModel([plan("Talk"), executed(words), reflected("done")]))
    async with orchestrator.run_stream() as events:
        await _until(lambda: _waiting(events) == event_stream.MAX_WAITING)
        await asyncio.sleep(0.05)
        assert _waiting(events) == event_stream.MAX_WAITING
        told = [event async for event in events]
    assert (told[-1].type, len(told) > 2 * event_stream.MAX_WAITING) == ("run_finished", True)


@pytest.mark.slow
def test_200_streams_that_are_broken_off_log_nothing_and_leave_no_open_span(caplog: pytest.LogCaptureFixture) -> None:
    from tests.nanoagent.tracing.test_streams import OpenSpans

    spans = OpenSpans()

    async def break_off(number: int) -> None:
        orchestrator, captured = prepared(answering())
        captured.provider.add_span_processor(spans)
        async with orchestrator.run_stream() as events:
            seen: list[Event] = []
            async for event in events:
                seen.append(event)
                if len(seen) > number % 20:
                    break

    async def break_all_off() -> None:
        for number in range(200):
            await break_off(number)

    with caplog.at_level(logging.WARNING):
        asyncio.run(break_all_off())
        gc.collect()
    assert ([record.getMessage() for record in caplog.records], spans.open, spans.started > 600) == ([], 0, True)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.001)


def _waiting(events: EventStream) -> int:
    return events._events.qsize()


def _counts(metrics: Any) -> tuple[Any, ...]:
    return (metrics.api_calls, metrics.tokens_used, metrics.tool_calls, metrics.iterations, metrics.tasks_completed)


def _names(captured: Any) -> list[str]:
    return [span.name for span in captured.spans]
