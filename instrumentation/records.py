"""Adapters: span records from what the OpenTelemetry SDK hands to processors and exporters."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from nanoagent.core.records import SpanRecord, exception_type_in
from nanoagent.tracing import names


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    """The attributes that a span has now, as a plain dictionary: the SDK's own mapping is slow to look things up in."""
    attributes: Any = span.attributes
    if attributes is None:
        return {}
    try:
        copied: Mapping[str, Any] = attributes.copy()
    except AttributeError:
        return dict(attributes)
    return copied


def record_of(span: ReadableSpan, attributes: Mapping[str, Any] | None = None) -> SpanRecord | None:
    """The record of a finished SDK span; `None` for one without ids or times.

    Args:
        span: The span.
        attributes: Its attributes, where the caller has them already.
    """
    context, parent = span.context, span.parent
    start_ns, end_ns = span.start_time, span.end_time
    if context is None or start_ns is None or end_ns is None:
        return None
    return SpanRecord.of(
        # A span context is a tuple that begins with the trace's and the span's id.
        _trace_id(context[0]),
        _span_id(context[1]),
        _parent_id(parent[1]) if parent is not None else None,
        start_ns,
        end_ns,
        span.name,
        attributes_of(span) if attributes is None else attributes,
        span.status.status_code is StatusCode.ERROR,
        _exception_type(span) if span.status.status_code is StatusCode.ERROR else None,
    )


def _exception_type(span: ReadableSpan) -> str | None:
    return exception_type_in(event.attributes or {} for event in span.events if event.name == names.EXCEPTION_EVENT)


@lru_cache(maxsize=1_024)
def _trace_id(number: int) -> str:
    return f"{number:032x}"


@lru_cache(maxsize=1_024)
def _parent_id(number: int) -> str | None:
    return f"{number:016x}" if number else None


def _span_id(number: int) -> str:
    return f"{number:016x}"
