"""Spans of real runs: of each goal of the benchmarks, on the scripted model."""

import asyncio
from functools import cache

from opentelemetry.sdk.trace import ReadableSpan

from benchmarks.suite.goals import GOALS
from instrumentation.testing import Capture
from tests.scale.rows import Event, Span
from tests.test_lost_spans import spans_of


@cache
def real_spans() -> list[Span]:
    """All of them, each run in a trace of its own."""
    captured = Capture()

    async def run_all() -> None:
        for goal in GOALS:
            await spans_of(goal.id, captured)

    asyncio.run(run_all())
    return [span_of(span) for span in captured.spans]


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
