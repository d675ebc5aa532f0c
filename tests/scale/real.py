"""Spans of real runs: of the benchmarks' goals, of runs that go wrong, and of other producers inside runs of ours."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from pydantic_ai import Agent, ApprovalRequired, DeferredToolRequests
from pydantic_ai.messages import TextPart

from benchmarks.suite.goals import GOALS
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.testing import Capture
from nanoagent import Orchestrator, Tracing
from nanoagent.tracing import names
from tests.models import CannedModel, blocking, call, executed, plan, priced, reflected, response
from tests.runs import add, broken
from tests.scale.rows import Event, Span
from tests.test_lost_spans import spans_of

_FOREIGN = Path(__file__).parents[1] / "foreign"


@cache
def real_spans() -> list[Span]:
    """Of each goal, on the scripted model, each run in a trace of its own."""
    captured = Capture()

    async def run_all() -> None:
        for goal in GOALS:
            await spans_of(goal.id, captured)

    asyncio.run(run_all())
    return [span_of(span) for span in captured.spans]


@cache
def troubled_spans() -> list[Span]:
    """Of runs in runs, streams and agents' own runs, in which something fails, is cancelled, deferred or broken off."""
    captured = Capture()
    asyncio.run(_nested(captured))
    asyncio.run(_cancelled(captured))
    asyncio.run(_failed(captured))
    asyncio.run(_agents(captured))
    spans = map(span_of, captured.spans)
    return [span._replace(trace_id="7" + span.trace_id[1:]) for span in spans]  # none of those of the goals' runs


async def _nested(captured: Capture) -> None:
    async def delegate() -> str:
        """Delegate."""
        replies = [plan("Add"), response(call("broken", why="no")), executed("3"), RuntimeError("down")]
        inner = _orchestrator(captured, *replies)
        await inner.run()
        agent = _agent(captured, response(call("add", a=1, b=2), **priced("0.1")), response(TextPart("It is 3.")))
        async with agent.run_stream("add") as stream:
            return str(await stream.get_output())

    replies = [plan("Delegate", **priced("0.2")), response(call("delegate"), call("nope", "c2")), executed("three")]
    outer = _orchestrator(captured, *replies, reflected("three", **priced("0.7")))
    outer.registry.register("delegate", delegate)
    await outer.run()


async def _cancelled(captured: Capture) -> None:
    reached = asyncio.Event()
    running = asyncio.create_task(_orchestrator(captured, plan("Wait"), blocking(reached)).run())
    await reached.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def _failed(captured: Capture) -> None:
    with suppress(RuntimeError):
        await _agent(captured, RuntimeError("down")).run("go")
    with suppress(ValueError):
        await _agent(captured, response(call("broken", why="no"))).run("go")


async def _agents(captured: Capture) -> None:
    """One that asks for an approval, and one whose stream is left before it has ended."""
    await _agent(captured, response(call("ask"), call("add", "c2", a=1, b=2))).run("go")
    async with _agent(captured, response(TextPart("one two three"))).run_stream_events("go") as events:
        async for _ in events:
            break


def ask() -> str:
    """Ask before anything is done."""
    raise ApprovalRequired


def _orchestrator(captured: Capture, *replies: Any) -> Orchestrator:
    orchestrator = Orchestrator("Add", model=CannedModel(list(replies)), tracer_provider=captured.provider)
    orchestrator.registry.register("broken", broken)
    return orchestrator


def _agent(captured: Capture, *replies: Any) -> Agent[None, Any]:
    tools = Tracing(tracer_provider=captured.provider)
    model, output = CannedModel(list(replies)), [str, DeferredToolRequests]
    return Agent(model, tools=[add, broken, ask], output_type=output, name="agent", capabilities=[tools])


def foreign_spans() -> Iterator[Span]:
    """Traces of other producers, each inside a run of ours: their model calls are untracked there."""
    for path in sorted(_FOREIGN.glob("*.jsonl")):
        traces: set[str] = set()
        for read in (read for batch in read_file(str(path), Problems()) for read in batch):
            run = f"{path.name} {read.trace_id}"
            if read.trace_id not in traces:
                traces.add(read.trace_id)
                own = {names.RUN_ID: run, names.OPERATION_NAME: names.OP_WORKFLOW}
                yield Span(read.trace_id, "f" * 16, None, read.start_ns, read.end_ns, names.ROOT_SPAN, own)
            events = [] if read.exception_type is None else [_exception(read.exception_type)]
            yield Span(*read[:8], events)._replace(parent_span_id=read.parent_span_id or "f" * 16)


def _exception(kind: str) -> Event:
    return Event(names.EXCEPTION_EVENT, {names.EXCEPTION_TYPE: kind})


def span_of(span: ReadableSpan) -> Span:
    """A span of the SDK's."""
    context, parent = span.get_span_context(), span.parent
    assert context
    assert span.start_time is not None
    assert span.end_time is not None
    return Span(
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        f"{parent.span_id:016x}" if parent else None,
        span.start_time,
        span.end_time,
        span.name,
        dict(span.attributes or {}),
        not span.status.is_ok,
        [Event(event.name, dict(event.attributes or {})) for event in span.events],
    )
