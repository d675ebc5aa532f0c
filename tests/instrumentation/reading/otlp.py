"""OTLP JSON for tests: written as the rules have it, and in all the other ways that producers have."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from instrumentation.reading.spans import ReadSpan

TRACE = "0123456789abcdef0123456789abcdef"
SPAN = "0123456789abcdef"


def read_span(span_id: str = SPAN, **fields: Any) -> ReadSpan:
    """A span with everything at its plainest."""
    plain: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": span_id,
        "parent_span_id": None,
        "start_ns": 1,
        "end_ns": 2,
        "name": "chat m",
        "attributes": {},
        "failed": False,
    }
    return ReadSpan(**plain | fields)


def as_otlp(*spans: ReadSpan) -> dict[str, Any]:
    """Spans as the rules have them, and as exporters write them."""
    return {
        "resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [as_span(one) for one in spans]}]}]
    }


def as_line(*spans: ReadSpan) -> bytes:
    """The same as a line without its end."""
    return json.dumps(as_otlp(*spans)).encode()


def as_span(span: ReadSpan) -> dict[str, Any]:
    events = [{"name": "exception", "attributes": as_attributes({"exception.type": span.exception_type})}]
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_span_id} if span.parent_span_id else {}),
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": as_attributes(span.attributes),
        **({"events": events} if span.exception_type is not None else {}),
        "status": {"code": 2} if span.failed else {},
    }


def as_attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": as_value(value)} for key, value in attributes.items()]


def as_value(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else _not_finite(value)}
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case Mapping():
            return {"kvlistValue": {"values": as_attributes(value)}}
        case Sequence():
            return {"arrayValue": {"values": [as_value(one) for one in value]}}
    raise TypeError(value)


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
_LEAVES = TEXTS | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False) | st.binary(max_size=4)
VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
SPAN_IDS = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
TIMES = st.integers(0, 2**63 - 1)
SPANS = st.builds(
    ReadSpan,
    st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}"),
    SPAN_IDS,
    st.none() | SPAN_IDS,
    TIMES,
    TIMES,
    TEXTS,
    st.dictionaries(TEXTS, VALUES, max_size=4),
    st.booleans(),
    st.none() | TEXTS,
)
