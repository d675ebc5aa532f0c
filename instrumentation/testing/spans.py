"""Captured spans as plain data and as text."""

from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan


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
