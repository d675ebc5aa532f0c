"""OTLP JSON: the spans in the bytes of a JSON value, by typed decoding where it is written as the rules have it.

What the typed decoder refuses goes the tolerant way of `otlp_tolerant`, which is slower and gives equal spans: other
spellings of names and ids, values of odd types, texts that are no Unicode, several values one after the other.
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from instrumentation.reading.otlp_tolerant import FAILURES, HEX_DIGITS, tolerant_spans, values_in
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan
from nanoagent.core.records import exception_type_in
from nanoagent.tracing import names

_ZERO_TRACE_ID: Final = "0" * 32
_ZERO_SPAN_ID: Final = "0" * 16
_Nanoseconds = Annotated[int, msgspec.Meta(ge=0)]


class _Value(msgspec.Struct, gc=False):
    text: str | None = msgspec.field(default=None, name="stringValue")
    integer: int | None = msgspec.field(default=None, name="intValue")
    flag: bool | None = msgspec.field(default=None, name="boolValue")
    number: float | None = msgspec.field(default=None, name="doubleValue")
    array: "_Array | None" = msgspec.field(default=None, name="arrayValue")
    mapping: "_Mapping | None" = msgspec.field(default=None, name="kvlistValue")
    octets: bytes | None = msgspec.field(default=None, name="bytesValue")


class _Attribute(msgspec.Struct, gc=False):
    key: str
    value: _Value


class _Array(msgspec.Struct, gc=False):
    values: list[_Value] = []


class _Mapping(msgspec.Struct, gc=False):
    values: list[_Attribute] = []


class _Event(msgspec.Struct, gc=False):
    name: str = ""
    attributes: list[_Attribute] = []


class _Status(msgspec.Struct, gc=False):
    code: int | str = 0


class _Span(msgspec.Struct, gc=False):
    # What has no default here has another spelling, which would go unnoticed.
    trace_id: str = msgspec.field(name="traceId")
    span_id: str = msgspec.field(name="spanId")
    start_ns: _Nanoseconds = msgspec.field(name="startTimeUnixNano")
    end_ns: _Nanoseconds = msgspec.field(name="endTimeUnixNano")
    parent_span_id: str | None = msgspec.field(default=None, name="parentSpanId")
    other_parent: str | None = msgspec.field(default=None, name="parent_span_id")
    name: str = ""
    attributes: list[_Attribute] = []
    status: _Status | None = None
    events: list[_Event] = []


class _ScopeSpans(msgspec.Struct, gc=False):
    spans: list[_Span]


class _ResourceSpans(msgspec.Struct, gc=False):
    scope_spans: list[_ScopeSpans] = msgspec.field(name="scopeSpans")


class _Traces(msgspec.Struct, gc=False):
    resource_spans: list[_ResourceSpans] = msgspec.field(name="resourceSpans")


_DECODER: Final = msgspec.json.Decoder(_Traces, strict=False)
"""Not strict: integers may be texts, as the rules have them."""


class Refused(Exception):  # noqa: N818 - no error: the way on
    """The typed decoder would misread it."""


REFUSALS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Refused)
"""What typed decoding raises where the tolerant way is the one to go."""


def spans_of(data: bytes, problems: Problems, where: str) -> list[ReadSpan]:
    """The spans in one JSON value, or in several that follow each other.

    Args:
        data: UTF-8, without a byte order mark.
        problems: Hears of what was no span, no trace or no Unicode.
        where: What `data` is, for the problems.

    Raises:
        json.JSONDecodeError: It is no JSON; nothing of it was read.
    """
    try:
        return typed_spans(data)
    except REFUSALS:
        pass
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text = data.decode(errors="replace")
        values = values_in(text)
        problems.add(where, f"is not UTF-8 at byte {error.start}: read with U+FFFD in its place", lossy=False)
    else:
        values = values_in(text)
    found: list[ReadSpan] = []
    try:
        for value in values:
            found.extend(tolerant_spans(value, problems, where))
        if _has_halves(values):
            what = "holds halves of characters (lone surrogates): kept as they are, and shown as U+FFFD"
            problems.add(where, what, lossy=False)
    except RecursionError:
        problems.add(where, "is nested too deeply: what comes from there on is skipped")
    return found


def _has_halves(values: Sequence[Any]) -> bool:
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def is_traces(data: bytes) -> bool:
    """Whether this is one whole JSON value with traces, written as the rules have it."""
    try:
        _DECODER.decode(data)
    except REFUSALS:
        return False
    return True


def typed_spans(data: bytes) -> list[ReadSpan]:
    """The spans in one JSON value that is written as the rules have it; one of `REFUSALS` is raised for any other."""
    spans = [
        span
        for resource in _DECODER.decode(data).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    _check_ids(spans)
    found = []
    for span in spans:
        attributes: dict[str, Any] = {}
        for attribute in span.attributes:
            value = attribute.value
            plain: Any = value.text
            if plain is None:
                plain = value.integer
                if plain is None:
                    plain = _plain(value)
            attributes[attribute.key] = plain
        status, events = span.status, span.events
        fields = (
            span.trace_id,
            span.span_id,
            span.parent_span_id,
            span.start_ns,
            span.end_ns,
            span.name,
            attributes,
            status is not None and status.code in FAILURES,
            _exception_type(events) if events else None,
        )
        # The constructor of a named tuple takes longer than all of the above.
        found.append(tuple.__new__(ReadSpan, fields))
    return found


def _check_ids(spans: list[_Span]) -> None:
    """Refuse ids that are not lower-case hex of the right length; take those of no parent as none."""
    trace_ids = {span.trace_id for span in spans}
    span_ids = [span.span_id for span in spans]
    parent_ids = set()
    for span in spans:
        parent = span.parent_span_id
        if not parent or parent == _ZERO_SPAN_ID:
            if span.other_parent is not None:
                raise Refused
            span.parent_span_id = None
        else:
            parent_ids.add(parent)
    span_ids += parent_ids
    if (
        _ZERO_TRACE_ID in trace_ids
        or _ZERO_SPAN_ID in span_ids
        or not {32}.issuperset(map(len, trace_ids))
        or not {16}.issuperset(map(len, span_ids))
        or "".join(trace_ids).strip(HEX_DIGITS)
        or "".join(span_ids).strip(HEX_DIGITS)
    ):
        raise Refused


def _plain(value: _Value) -> Any:
    """The value as the SDK has it."""
    if value.text is not None:
        return value.text
    if value.integer is not None:
        return value.integer
    if value.flag is not None:
        return value.flag
    if value.number is not None:
        return value.number
    if value.array is not None:
        return tuple([one.text if one.text is not None else _plain(one) for one in value.array.values])
    if value.mapping is not None:
        return {one.key: _plain(one.value) for one in value.mapping.values}
    if value.octets is not None:
        return value.octets
    raise Refused


def _exception_type(events: list[_Event]) -> str | None:
    return exception_type_in(
        {attribute.key: _plain(attribute.value) for attribute in event.attributes}
        for event in events
        if event.name == names.EXCEPTION_EVENT
    )
