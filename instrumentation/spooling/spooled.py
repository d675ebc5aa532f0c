"""Spooled spans: a line of OTLP JSON back into the spans that it was written from."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.proto_json.collector.trace.v1.trace_service import ExportTraceServiceRequest
from opentelemetry.proto_json.common.v1 import common as otlp_common
from opentelemetry.proto_json.trace.v1 import trace as otlp
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

_KINDS: Final = {
    otlp.Span.SpanKind.SPAN_KIND_SERVER: SpanKind.SERVER,
    otlp.Span.SpanKind.SPAN_KIND_CLIENT: SpanKind.CLIENT,
    otlp.Span.SpanKind.SPAN_KIND_PRODUCER: SpanKind.PRODUCER,
    otlp.Span.SpanKind.SPAN_KIND_CONSUMER: SpanKind.CONSUMER,
}
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8


def spooled_spans(line: bytes) -> list[ReadableSpan]:
    """The spans of a line: an exporter of the SDK sends of them what it would have sent of the original ones.

    What OTLP has room for and the SDK's spans have not is left out, of files that others wrote: trace states and trace
    flags of links, descriptions of a status that is no error, attributes without a key, counts of what a resource or
    a scope dropped.

    Raises:
        ValueError: It is no OTLP JSON of traces; the message quotes nothing of it.
    """
    try:
        value = json.loads(line)
        if value and "resourceSpans" not in value:
            raise ValueError("no resourceSpans")
        request = ExportTraceServiceRequest.from_dict(value)
        return [span for one in request.resource_spans for span in _spans_of_resource(one)]
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"no OTLP JSON of traces: {type(error).__name__}") from None


def _spans_of_resource(found: otlp.ResourceSpans) -> Iterator[ReadableSpan]:
    resource = Resource(_values(found.resource.attributes if found.resource else ()), found.schema_url)
    for of_scope in found.scope_spans:
        said = of_scope.scope or otlp_common.InstrumentationScope()
        attributes = _values(said.attributes)
        scope = InstrumentationScope(said.name or "", said.version, of_scope.schema_url, attributes)
        for span in of_scope.spans:
            yield _span(span, resource, scope)


def _span(found: otlp.Span, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    state = TraceState.from_header([found.trace_state]) if found.trace_state else None
    parent = _context(found.trace_id, found.parent_span_id, found.flags) if found.parent_span_id else None
    return ReadableSpan(
        name=found.name or "",
        context=_context(found.trace_id, found.span_id, 0, state),
        parent=parent,
        resource=resource,
        attributes=_attributes(found.attributes, found.dropped_attributes_count),
        events=_bounded(map(_event, found.events), found.dropped_events_count),
        links=_bounded(map(_link, found.links), found.dropped_links_count),
        kind=_KINDS.get(otlp.Span.SpanKind(found.kind or 0), SpanKind.INTERNAL),
        status=_status(found.status),
        start_time=found.start_time_unix_nano,
        end_time=found.end_time_unix_nano,
        instrumentation_scope=scope,
    )


def _context(
    trace_id: bytes | None, span_id: bytes | None, flags: int | None, state: TraceState | None = None
) -> SpanContext:
    trace_id, span_id = trace_id or b"", span_id or b""
    if len(trace_id) != _TRACE_ID_BYTES or len(span_id) != _SPAN_ID_BYTES:
        raise ValueError("ids of another length")
    is_remote = bool((flags or 0) & otlp.SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int.from_bytes(trace_id), int.from_bytes(span_id), is_remote, sampled, state)


def _event(found: otlp.Span.Event) -> Event:
    attributes = _attributes(found.attributes, found.dropped_attributes_count)
    return Event(found.name or "", attributes, found.time_unix_nano or 0)


def _link(found: otlp.Span.Link) -> Link:
    attributes = _attributes(found.attributes, found.dropped_attributes_count)
    return Link(_context(found.trace_id, found.span_id, found.flags), attributes)


def _status(found: otlp.Status | None) -> Status:
    code = StatusCode(int(found.code or 0) if found else 0)
    # The SDK's status takes a description of an error alone.
    return Status(code, found.message if found and code is StatusCode.ERROR else None)


def _bounded(items: Iterable[Any], dropped: int | None) -> "BoundedList[Any]":
    found = BoundedList.from_seq(None, items)
    found.dropped = dropped or 0
    return found


def _attributes(found: Iterable[otlp_common.KeyValue], dropped: int | None) -> BoundedAttributes:
    attributes = BoundedAttributes(attributes=_values(found))
    attributes.dropped = dropped or 0
    return attributes


def _values(found: Iterable[otlp_common.KeyValue]) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in found if one.key}


def _value(found: otlp_common.AnyValue | None) -> Any:
    if found is None:
        return None
    if found.array_value is not None:
        return [_value(one) for one in found.array_value.values]
    if found.kvlist_value is not None:
        return _values(found.kvlist_value.values)
    scalars = (found.string_value, found.bool_value, found.int_value, found.double_value, found.bytes_value)
    return next((one for one in scalars if one is not None), None)
