"""Test doubles with the real interfaces: captured spans, counted ids, a ticking clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

from instrumentation.aggregator import PerformanceAggregator


class TickingClock:
    """A run's clock that moves by one step each time it is read."""

    def __init__(self, start_ns: int = 1_700_000_000_000_000_000, step_ns: int = 1_000_000) -> None:
        self._now_ns = start_ns
        self._step_ns = step_ns

    def now_ns(self) -> int:
        """The next tick, in Unix nanoseconds."""
        self._now_ns += self._step_ns
        return self._now_ns


class CountingIds(IdGenerator):
    """Trace and span ids that count from 1."""

    def __init__(self) -> None:
        self._traces = 0
        self._spans = 0

    def generate_trace_id(self) -> int:
        """The next trace id."""
        self._traces += 1
        return self._traces

    def generate_span_id(self) -> int:
        """The next span id."""
        self._spans += 1
        return self._spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A tracer provider of its own that keeps every span in memory, with an aggregator on it.

    Example:
        >>> captured = Capture()
        >>> await Orchestrator("What is 5 + 3?", tracer_provider=captured.provider).run()
        >>> print(tree_text(captured.spans))
    """

    aggregator: PerformanceAggregator = field(default_factory=PerformanceAggregator)
    provider: TracerProvider = field(
        default_factory=lambda: TracerProvider(
            resource=Resource({"service.name": "test"}), id_generator=CountingIds(), shutdown_on_exit=False
        )
    )
    _exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def __post_init__(self) -> None:
        """Put the aggregator first, as `configure` does."""
        self.provider.add_span_processor(self.aggregator)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that ended, in that order."""
        return self._exporter.get_finished_spans()


def span_dicts(spans: Sequence[ReadableSpan]) -> list[dict[str, Any]]:
    """The spans as plain data, in order of start: name, kind, ids, times, attributes, status, events."""
    return [_as_dict(span) for span in sorted(spans, key=lambda span: span.start_time or 0)]


def tree_text(spans: Sequence[ReadableSpan]) -> str:
    """The spans as an indented text: name, kind, status and time of each, then its attributes and events."""
    rows = span_dicts(spans)
    ids = {row["span_id"] for row in rows}
    origin_ns = min((row["start_ns"] for row in rows), default=0)
    tops = [row for row in rows if row["parent_span_id"] not in ids]
    return "\n".join(line for top in tops for line in _lines(top, rows, origin_ns, ""))


def _as_dict(span: ReadableSpan) -> dict[str, Any]:
    context, parent = span.get_span_context(), span.parent
    return {
        "name": span.name,
        "kind": span.kind.name,
        "trace_id": f"{context.trace_id:032x}" if context else None,
        "span_id": f"{context.span_id:016x}" if context else None,
        "parent_span_id": f"{parent.span_id:016x}" if parent else None,
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "attributes": dict(span.attributes or {}),
        "status": span.status.status_code.name,
        "status_description": span.status.description,
        "events": [{"name": event.name, "attributes": dict(event.attributes or {})} for event in span.events],
    }


def _lines(row: dict[str, Any], rows: list[dict[str, Any]], origin_ns: int, indent: str) -> Iterator[str]:
    start_ms, end_ms = ((row[key] - origin_ns) / 1e6 for key in ("start_ns", "end_ns"))
    yield f"{indent}{row['name']}  [{row['kind']} {row['status']} {start_ms:g}-{end_ms:g} ms]"
    for key, value in sorted(row["attributes"].items()):
        yield f"{indent}    {key} = {value!r}"
    for event in row["events"]:
        yield f"{indent}    * {event['name']} {dict(sorted(event['attributes'].items()))!r}"
    for child in rows:
        if child["parent_span_id"] == row["span_id"]:
            yield from _lines(child, rows, origin_ns, f"{indent}  ")
