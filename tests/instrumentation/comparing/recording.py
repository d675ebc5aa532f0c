"""Recorded runs for tests: real runs, read back from the lines that the official exporter writes."""

import asyncio
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.comparing.recorded import RecordedRun, recorded_runs
from instrumentation.reading.otlp_json import spans_of
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan
from nanoagent import Orchestrator
from tests.models import CannedModel, Reply, call, executed, plan, reflected, response
from tests.runs import add, prepared, ran

BASELINE = (
    plan("Add", "Break it"),
    response(call("add", a=5, b=3)),
    executed("8"),
    response(call("broken", why="so")),
    executed("it broke"),
    reflected("8"),
)
"""Two iterations: a tool in the first, one that fails in the second, then a reflection."""


def spans_of_run(replies: Sequence[Reply] = BASELINE, **options: Any) -> list[ReadSpan]:
    """A real run on a model that gives these replies, as the spans that a reader makes of its trace."""
    run = asyncio.run(ran(CannedModel(replies), **options))
    return as_read(run.captured.spans)


def nested_spans(inner: Sequence[Reply]) -> list[ReadSpan]:
    """The spans of a run whose tool makes a run of its own, which gets these replies."""

    async def delegate() -> str:
        run = Orchestrator("Add", model=CannedModel(inner), run_id="inner", tracer_provider=captured.provider)
        run.registry.register("add", add)
        return (await run.run()).output

    replies = [plan("Go on", "Delegate"), executed("gone"), response(call("delegate")), executed("8"), reflected("8")]
    orchestrator, captured = prepared(CannedModel(replies), tools=(delegate,))
    asyncio.run(orchestrator.run())
    return as_read(captured.spans)


def as_read(spans: Sequence[ReadableSpan]) -> list[ReadSpan]:
    """Spans of the SDK, written and read back."""
    stream, problems = io.StringIO(), Problems()
    FileSpanExporter(stream=stream).export(spans)
    read = [span for line in stream.getvalue().splitlines() for span in spans_of(line.encode(), problems, "test")]
    assert problems.count == 0
    return read


def recorded(spans: Iterable[ReadSpan]) -> RecordedRun:
    """The outermost run of these spans."""
    [run] = [run for run in recorded_runs([list(spans)], Problems()) if run.metrics.parent_run_id is None]
    return run


def with_changes(replies: Sequence[Reply], changes: Mapping[int, Sequence[Reply]]) -> list[Reply]:
    """The replies, each at one of these places replaced by others."""
    return [one for number, reply in enumerate(replies) for one in changes.get(number, [reply])]
