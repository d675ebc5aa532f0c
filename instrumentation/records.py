"""Adapters: span records from what the OpenTelemetry SDK hands to processors and exporters."""

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from nanoagent.core.records import SpanRecord


def record_of(span: ReadableSpan) -> SpanRecord | None:
    """The record of a finished SDK span; `None` for one without ids or times."""
    context, parent = span.context, span.parent
    if context is None or span.start_time is None or span.end_time is None:
        return None
    return SpanRecord.of(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_span_id=f"{parent.span_id:016x}" if parent is not None and parent.is_valid else None,
        start_ns=span.start_time,
        end_ns=span.end_time,
        name=span.name,
        attributes=span.attributes or {},
        failed=span.status.status_code is StatusCode.ERROR,
    )
