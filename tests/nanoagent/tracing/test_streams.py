"""Streams: every way of reading one ends its span, and says how it ended."""

import asyncio
import gc
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from pydantic_ai import Agent
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelRequest, TextPart
from pydantic_ai.models.fallback import FallbackModel

from instrumentation.testing import Capture, TickingClock, tree_text
from nanoagent import PerformanceMetrics, Tracing, traced, traced_run
from tests.models import CannedModel, call, raising_at, response, waiting_at
from tests.runs import add
from tests.snapshot import assert_matches

CANCELLED = "asyncio.exceptions.CancelledError"
WORDS = "one two three four five six"


class OpenSpans(SpanProcessor):
    """Counts the spans that have started and not ended."""

    def __init__(self) -> None:
        self.started = 0
        self.open = 0

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        self.started += 1
        self.open += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.open -= 1


def words(**options: Any) -> CannedModel:
    return CannedModel([response(TextPart(WORDS))], **options)


def tracing(captured: Capture, **options: Any) -> Tracing:
    return Tracing(tracer_provider=captured.provider, clock=TickingClock(), run_id="run-1", **options)


def chats(captured: Capture) -> list[dict[str, Any]]:
    """The chat spans' attributes; a time to a first chunk is real time, and only checked to be one."""
    found: list[dict[str, Any]] = [
        dict(span.attributes or {}) for span in captured.spans if span.name.startswith("chat ")
    ]
    for attributes in found:
        if "gen_ai.response.time_to_first_chunk" in attributes:
            assert 0 < attributes["gen_ai.response.time_to_first_chunk"] < 5
            attributes["gen_ai.response.time_to_first_chunk"] = "measured"
    return found


def tree_of(captured: Capture) -> str:
    """The tree, without the one time in it that no clock of ours tells."""
    return re.sub(r"(time_to_first_chunk = )[\d.e-]+", r"\1...", tree_text(captured.spans))


def outcome(attributes: dict[str, Any]) -> tuple[Any, ...]:
    keys = ("error.type", "nanoagent.abandoned", "gen_ai.usage.input_tokens", "gen_ai.response.time_to_first_chunk")
    return tuple(attributes.get(key) for key in keys)


async def test_a_stream_that_is_read_to_the_end_is_a_complete_call() -> None:
    captured = Capture()
    model = CannedModel([response(call("add", a=1, b=2), call("nope", "c2")), response(TextPart(WORDS))])
    agent = Agent(model, name="streamer", tools=[add], capabilities=[tracing(captured)])
    async with agent.run_stream("go") as result:
        assert [text async for text in result.stream_text(debounce_by=None)][-1] == WORDS
    usage = result.usage
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    assert [outcome(chat) for chat in chats(captured)] == [(None, None, 100, "measured")] * 2
    assert (metrics.api_calls, metrics.input_tokens, metrics.output_tokens) == (2, 200, 20)
    assert (usage.requests, usage.input_tokens, usage.output_tokens) == (2, 200, 20)
    assert (metrics.tool_calls, metrics.failed_tool_calls, usage.tool_calls) == (2, 1, 1)
    assert (metrics.status, metrics.complete) == ("completed", True)
    assert metrics.first_chunk_ns is not None
    assert_matches("streamed_agent", tree_of(captured))


async def test_the_first_chunk_is_timed_the_same_in_every_source() -> None:
    captured, own = Capture(), list[PerformanceMetrics]()
    agent = Agent(words(), capabilities=[tracing(captured, on_complete=own.append)])
    async with agent.run_stream("go") as result:
        await result.get_output()
    assert own == [captured.aggregator.get("run-1")]
    (chat, _) = captured.spans
    attributes: dict[str, Any] = dict(chat.attributes or {})
    assert own[0].first_chunk_ns == round(attributes["gen_ai.response.time_to_first_chunk"] * 1e9)


async def break_off(agent: Agent[None, str], captured: Capture) -> None:
    async with agent.run_stream_events("go", capabilities=[tracing(captured)]) as events:
        async for _ in events:
            break


async def break_off_after_a_chunk(agent: Agent[None, str], captured: Capture) -> None:
    async with agent.run_stream_events("go", capabilities=[tracing(captured)]) as events:
        async for event in events:
            if event.event_kind == "part_delta":
                break


async def never_read(agent: Agent[None, str], captured: Capture) -> None:
    async with agent.iter("go", capabilities=[tracing(captured)]) as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx):
                    return


async def raise_in_the_reader(agent: Agent[None, str], captured: Capture) -> None:
    async with agent.run_stream_events("go", capabilities=[tracing(captured)]) as events:
        async for event in events:
            if event.event_kind == "part_delta":
                raise KeyError("mine")


async def cancel_the_stream(agent: Agent[None, str], captured: Capture) -> None:
    async with agent.iter("go", capabilities=[tracing(captured)]) as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx) as stream:
                    async for event in stream:
                        if event.event_kind == "part_delta":
                            await stream.cancel()
                            return


@pytest.mark.parametrize("leave", [break_off, break_off_after_a_chunk, raise_in_the_reader, cancel_the_stream])
async def test_a_stream_that_is_left_early_is_an_abandoned_call_and_is_read_no_further(
    leave: Callable[[Agent[None, str], Capture], Awaitable[None]],
) -> None:
    captured, model = Capture(), words(before_chunk=waiting_at(4))
    with suppress(KeyError):
        await asyncio.wait_for(leave(Agent(model), captured), 2)
    read = list(model.chunks_read)
    await asyncio.sleep(0.01)
    (chat,) = chats(captured)
    assert outcome(chat)[:3] == (CANCELLED, True, None)
    if leave is break_off_after_a_chunk:
        assert_matches("abandoned_stream", tree_of(captured))
    assert (model.chunks_read, len(read) < 4) == (read, True)
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    assert (metrics.api_calls, metrics.cancelled_api_calls, metrics.input_tokens, metrics.complete) == (
        1,
        1,
        None,
        True,
    )


@pytest.mark.parametrize("leave", [break_off, break_off_after_a_chunk])
async def test_the_span_of_a_stream_that_is_broken_off_ends_within_100_ms(
    leave: Callable[[Agent[None, str], Capture], Awaitable[None]],
) -> None:
    await leave(Agent(words(before_chunk=waiting_at(4))), Capture())  # what is slow the first time
    captured = Capture()
    started_s = time.perf_counter()
    await leave(Agent(words(before_chunk=waiting_at(4))), captured)
    assert [span.name for span in captured.spans] == ["chat canned", "invoke_agent agent"]
    assert time.perf_counter() - started_s < 0.1


async def test_a_stream_that_was_never_asked_for_is_no_call() -> None:
    captured, model = Capture(), words()
    await never_read(Agent(model), captured)
    assert (chats(captured), model.prompts) == ([], [])
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    assert (metrics.api_calls, metrics.status, metrics.complete) == (0, "cancelled", True)


async def test_cancelling_the_task_cancels_the_call_and_leaves_its_tokens_unknown() -> None:
    captured, reached = Capture(), asyncio.Event()
    agent = Agent(words(before_chunk=waiting_at(2, reached)))

    async def read() -> None:
        async with agent.run_stream("go", capabilities=[tracing(captured)]) as result:
            async for _ in result.stream_text(debounce_by=None):
                pass

    task = asyncio.create_task(read())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (chat,) = chats(captured)
    assert chat["error.type"] == CANCELLED
    assert_matches("cancelled_stream", tree_of(captured))
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    assert (metrics.api_calls, metrics.cancelled_api_calls, metrics.failed_api_calls) == (1, 1, 0)
    assert (metrics.input_tokens, metrics.output_tokens, metrics.status) == (None, None, "cancelled")


async def test_a_provider_that_breaks_in_the_middle_is_a_failed_call() -> None:
    captured = Capture()
    agent = Agent(words(before_chunk=raising_at(2, ModelHTTPError(500, "canned"))), capabilities=[tracing(captured)])
    with pytest.raises(ModelHTTPError):
        async with agent.run_stream("go") as result:
            await result.get_output()
    (chat,) = chats(captured)
    assert outcome(chat) == ("pydantic_ai.exceptions.ModelHTTPError", None, None, "measured")
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    assert (metrics.failed_api_calls, metrics.status, metrics.error_type) == (
        1,
        "failed",
        "pydantic_ai.exceptions.ModelHTTPError",
    )


async def test_a_provider_that_does_not_open_the_stream_is_a_failed_call_beside_the_one_that_does() -> None:
    captured = Capture()
    model = FallbackModel(CannedModel([ModelHTTPError(503, "first")], name="first"), words(name="second"))
    agent = Agent(model, capabilities=[tracing(captured)])
    async with agent.run_stream("go") as result:
        assert await result.get_output() == WORDS
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    assert [outcome(chat)[0] for chat in chats(captured)] == ["pydantic_ai.exceptions.ModelHTTPError", None]
    assert (metrics.api_calls, metrics.failed_api_calls, metrics.input_tokens, result.usage.requests) == (2, 1, 100, 1)


async def test_a_stream_without_usage_is_unmeasured() -> None:
    captured = Capture()
    model = CannedModel([response(TextPart(WORDS), input_tokens=0, output_tokens=0)])
    agent = Agent(model, capabilities=[tracing(captured)])
    async with agent.run_stream("go") as result:
        await result.get_output()
    metrics = captured.aggregator.get("run-1")
    assert metrics is not None
    assert (metrics.unmeasured_api_calls, metrics.input_tokens, result.usage.unmeasured_requests) == (1, None, 1)


async def test_outside_of_a_run_a_traced_stream_only_forwards() -> None:
    async with model_request_stream(traced(words()), [ModelRequest.user_text_prompt("go")]) as stream:
        assert len([event async for event in stream]) > 2


async def dropped(agent: Agent[None, str], captured: Capture) -> None:
    """An async generator that nobody closes."""

    async def read() -> AsyncIterator[object]:
        async with agent.run_stream_events("go", capabilities=[tracing(captured)]) as events:
            async for event in events:
                yield event

    async for _ in read():
        break


async def dropped_by_hand(agent: Agent[None, str], captured: Capture) -> None:
    model = agent.model
    assert isinstance(model, CannedModel)

    async def read() -> AsyncIterator[object]:
        with traced_run("by hand", tracer_provider=captured.provider):
            async with model_request_stream(traced(model), [ModelRequest.user_text_prompt("go")]) as stream:
                async for event in stream:
                    yield event

    async for _ in read():
        break


async def cancelled_somewhere(agent: Agent[None, str], captured: Capture) -> None:
    async def read() -> None:
        async with agent.run_stream("go", capabilities=[tracing(captured)]) as result:
            async for _ in result.stream_text(debounce_by=None):
                pass

    task = asyncio.create_task(read())
    for _ in range(len(captured.spans) % 30):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def timed_out(agent: Agent[None, str], captured: Capture) -> None:
    async def read() -> None:
        async with agent.run_stream("go", capabilities=[tracing(captured)]) as result:
            await result.get_output()

    with suppress(TimeoutError):
        await asyncio.wait_for(read(), 0.002)


WAYS = (
    break_off,
    break_off_after_a_chunk,
    never_read,
    raise_in_the_reader,
    cancel_the_stream,
    dropped,
    dropped_by_hand,
    cancelled_somewhere,
    timed_out,
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_1000_streams_left_in_every_way_leave_no_open_span_and_no_detach_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    captured, spans = Capture(), OpenSpans()
    captured.provider.add_span_processor(spans)

    async def leave_all() -> None:
        for number in range(1_008):
            with suppress(KeyError, asyncio.CancelledError):
                await WAYS[number % len(WAYS)](Agent(words(before_chunk=waiting_at(4))), captured)
            if number % 50 == 0:
                gc.collect()
                await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING):
        asyncio.run(leave_all())
        gc.collect()
    assert (spans.open, spans.started > 1_500) == (0, True)
    assert [record.getMessage() for record in caplog.records if record.name.startswith(("opentelemetry", "nano"))] == []
