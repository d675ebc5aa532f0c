"""Rows of the exporter's table: a span as the Collector's ClickHouse exporter writes it, and as a reader finds it.

The exporter makes a text of each attribute value (`AsString` of its pdata): an int 12, a float 12.0 and a text '12' are
one and the same afterwards. `as_stored` is the span with what can still be told of its values.
"""

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import ModuleType
from typing import Any, Final, NamedTuple

from nanoagent.core import producers, records
from nanoagent.core.records import TOKEN_KEYS, SpanRecord
from nanoagent.tracing import names

COUNT_KEYS: Final = frozenset(
    (
        *TOKEN_KEYS,
        *(key for keys in producers.USAGE for key in keys),
        *(key for keys in producers.AGENT_USAGE for key in keys),
        names.ITERATION,
        names.RUN_ITERATIONS,
        names.RUN_API_CALLS,
        names.RUN_TOOL_CALLS,
        names.RUN_INPUT_TOKENS,
        names.RUN_OUTPUT_TOKENS,
        names.RUN_SPANS,
        names.TASKS_COMPLETED,
        names.TASKS_TOTAL,
    )
)
"""Attributes that count with an integer alone."""
NUMBER_KEYS: Final = frozenset((*producers.COST_USD, *producers.FIRST_CHUNK_S, names.RUN_COST_USD))
"""Attributes that count with any number."""

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NUMBER: Final = re.compile(r"-0|(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-][0-9]+)?")
_INT64: Final = range(-(2**63), 2**63)
_UINT64: Final = 2**64


class Event(NamedTuple):
    """An event of a span."""

    name: str
    attributes: Mapping[str, Any]


class Span(NamedTuple):
    """A finished span, with what the exporter writes of it and the fold looks at."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    start_ns: int
    end_ns: int
    name: str
    attributes: Mapping[str, Any]
    """Their values as the SDK has them."""
    failed: bool = False
    events: Sequence[Event] = ()
    service: str = "nanoagent"


def record_of(span: Span, rule: ModuleType = records) -> SpanRecord:
    """What the fold needs to know of the span, by `nanoagent.core.records` or a copy of it."""
    exceptions = [event.attributes for event in span.events if event.name == names.EXCEPTION_EVENT]
    record: SpanRecord = rule.SpanRecord.of(*span[:8], rule.exception_type_in(exceptions) if span.failed else None)
    return record


def as_stored(span: Span) -> Span:
    """The span as a reader of the table finds it: what reads as a number is one, where a number is looked for."""
    return span._replace(
        attributes={key: _told(key, as_string(value)) for key, value in span.attributes.items()},
        events=[
            Event(one.name, {key: as_string(value) for key, value in one.attributes.items()}) for one in span.events
        ],
    )


def _told(key: str, text: str) -> Any:
    if key in COUNT_KEYS:
        return int(text) if _INTEGER.fullmatch(text) and int(text) in _INT64 else text
    if key in NUMBER_KEYS:
        return float(text) if _NUMBER.fullmatch(text) else text
    return text


def row_of(span: Span) -> dict[str, Any]:
    """The row, by its columns; times are nanoseconds."""
    events = span.events
    return {
        "Timestamp": span.start_ns,
        "TraceId": span.trace_id,
        "SpanId": span.span_id,
        "ParentSpanId": span.parent_span_id or "",
        "SpanName": span.name,
        "SpanKind": "Client" if span.attributes.get(names.OPERATION_NAME) == names.OP_CHAT else "Internal",
        "ServiceName": span.service,
        "ResourceAttributes": {"service.name": span.service},
        "ScopeName": names.SCOPE_NAME,
        "SpanAttributes": strings(span.attributes),
        # The exporter subtracts unsigned: what ends before its start is some 2**64 long.
        "Duration": (span.end_ns - span.start_ns) % _UINT64,
        "StatusCode": "Error" if span.failed else "Unset",
        "Events.Timestamp": [span.end_ns] * len(events),
        "Events.Name": [event.name for event in events],
        "Events.Attributes": [strings(event.attributes) for event in events],
    }


def strings(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Attributes as the exporter writes them."""
    return {key: value if type(value) is str else as_string(value) for key, value in attributes.items()}


def as_string(value: Any) -> str:
    """An attribute's value as the exporter writes it."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _float_text(value)
        case bytes():
            return base64.b64encode(value).decode()
    return _json(value)


def _json(value: Any) -> str:
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case bytes():
            return _json(base64.b64encode(value).decode())
        case Mapping():
            return "{" + ",".join(f"{_json(key)}:{_json(value[key])}" for key in sorted(value)) + "}"
        case Iterable():
            return "[" + ",".join(map(_json, value)) + "]"
    return as_string(value)


def _float_text(value: float) -> str:
    """As Go's JSON has floats: the fewest digits that tell the value, without an exponent from 1e-6 up to 1e21."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0")
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(text), "f")
    return text.replace("e-0", "e-")
