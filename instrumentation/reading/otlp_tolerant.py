"""OTLP JSON as producers really write it: each spelling of names, ids, numbers and values that protobuf's parsers take.

And more: NaN and Infinity as bare words, lone surrogates, control characters in texts, numbers as texts and texts as
numbers. What is no span or no trace is left out and told. Of two spellings in one place the first one below counts.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan
from nanoagent.core.records import exception_type_in
from nanoagent.tracing import names

HEX_DIGITS: Final = "0123456789abcdef"
RESOURCE_SPANS: Final = ("resourceSpans", "resource_spans", "batches")
"""The last one is Grafana Tempo's."""
_SCOPE_SPANS: Final = (
    "scopeSpans",
    "scope_spans",
    "instrumentationLibrarySpans",
    "instrumentation_library_spans",
)
_WRAPPERS: Final = ("result", "trace", "traces")
"""Around traces: of Jaeger's API v3 and of Grafana Tempo."""
_OTHER_SIGNALS: Final = {
    "resourceLogs": "logs",
    "resourceMetrics": "metrics",
    "resourceProfiles": "profiles",
    "resource_logs": "logs",
    "resource_metrics": "metrics",
    "resource_profiles": "profiles",
}
FAILURES: Final = (2, "2", "STATUS_CODE_ERROR")
"""The status codes that are ERROR."""
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,99})")
_SPANS: Final = re.compile(r'"spans"\s*:\s*\[')
_MAX_SHOWN: Final = 60
"""Characters of a value that a problem shows."""


def values_in(text: str) -> list[Any]:
    """The JSON values that a text consists of, one after the other, with or without commas between them.

    Raises:
        json.JSONDecodeError: A part of the text is no JSON.
    """
    values, at = [], _next(text, 0)
    while at < len(text):
        try:
            value, end = _DECODER.raw_decode(text, at)
        except RecursionError as error:
            raise json.JSONDecodeError("Nested too deeply", text, at) from error
        values.append(value)
        at = _next(text, end)
    return values


def tolerant_spans(value: Any, problems: Problems, where: str) -> Iterator[ReadSpan]:
    """The spans in a value of JSON; what else it holds is told to `problems`."""
    if isinstance(value, list):
        for one in value:
            yield from tolerant_spans(one, problems, where)
        return
    if not isinstance(value, dict):
        problems.add(where, f"is JSON but no OTLP traces: it is {'null' if value is None else shown(value)}: skipped")
        return
    if (resources := _first(value, RESOURCE_SPANS)) is not None:
        for resource in _objects(resources, problems, where, "resourceSpans"):
            yield from _of_resource(resource, problems, where)
    elif _first(value, _SCOPE_SPANS) is not None:
        yield from _of_resource(value, problems, where)
    elif isinstance(wrapped := _first(value, _WRAPPERS), dict | list):
        yield from tolerant_spans(wrapped, problems, where)
    elif signal := next((_OTHER_SIGNALS[key] for key in value if key in _OTHER_SIGNALS), None):
        problems.add_once(where, f"holds OTLP {signal}, not traces: skipped, as all such lines", lossy=False)
    elif value and not any(key in value for key in RESOURCE_SPANS):
        keys = ", ".join(shown(key) for key in list(value)[:5]) + (", ..." if len(value) > 5 else "")
        problems.add(where, f"is JSON but no OTLP traces: its keys are {keys}: skipped")


def whole_spans(text: str, problems: Problems, where: str) -> list[ReadSpan]:
    """The spans that are whole in OTLP JSON that is cut off or broken at some place."""
    found: list[Any] = []
    at = 0
    for start in _SPANS.finditer(text):
        # A list that begins inside a span that was read is no list of spans.
        if start.end() < at:
            continue
        at = _next(text, start.end())
        while text.startswith("{", at):
            try:
                span, end = _DECODER.raw_decode(text, at)
            except (json.JSONDecodeError, RecursionError):
                break
            found.append(span)
            at = _next(text, end)
    return list(tolerant_spans({"scopeSpans": [{"spans": found}]}, problems, where))


def shown(value: object) -> str:
    """A value as problems show it: bounded, on one line, and as ASCII, since it may be no text at all."""
    text = ascii(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _of_resource(resource: Mapping[str, Any], problems: Problems, where: str) -> Iterator[ReadSpan]:
    for scope in _objects(_first(resource, _SCOPE_SPANS), problems, where, "scopeSpans"):
        for span in _objects(scope.get("spans"), problems, where, "spans"):
            read = _span(span, problems, where)
            if read is not None:
                yield read


def _objects(value: Any, problems: Problems, where: str, key: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; anything else that is there is told."""
    if not isinstance(value, list):
        if value is not None:
            problems.add(where, f"its {key!r} must be a list, got {shown(value)}: left out")
        return
    for one in value:
        if isinstance(one, dict):
            yield one
        elif one is not None:
            problems.add(where, f"each of its {key!r} must be an object, got {shown(one)}: left out")


def _span(span: Mapping[str, Any], problems: Problems, where: str) -> ReadSpan | None:
    trace_id, span_id = _first(span, ("traceId", "trace_id")), _first(span, ("spanId", "span_id"))
    trace, own = _id(trace_id, 16), _id(span_id, 8)
    if trace is None or own is None:
        problems.add(where, f"a span has no usable ids (traceId {shown(trace_id)}, spanId {shown(span_id)}): left out")
        return None
    name, status = span.get("name"), span.get("status")
    try:
        attributes, exception_type = _attributes(span.get("attributes")), _exception_type(span.get("events"))
    except RecursionError:
        problems.add(where, f"span {own} of trace {trace} has an attribute that is nested too deeply: left out")
        return None
    return ReadSpan(
        trace,
        own,
        _parent(_first(span, ("parentSpanId", "parent_span_id"))),
        _nanoseconds(_first(span, ("startTimeUnixNano", "start_time_unix_nano"))),
        _nanoseconds(_first(span, ("endTimeUnixNano", "end_time_unix_nano"))),
        name if isinstance(name, str) else "",
        attributes,
        (status.get("code") if isinstance(status, dict) else status) in FAILURES,
        exception_type,
    )


def _id(value: Any, size: int) -> str | None:
    """An id of so many bytes as lower-case hex, from hex or base64; `None` for none, and for one that is all zeros."""
    if not isinstance(value, str):
        return None
    if len(value) == 2 * size:
        found = value.lower()
    else:
        octets = _octets(value)
        if octets is None or len(octets) != size:
            return None
        found = octets.hex()
    return found if not found.strip(HEX_DIGITS) and found.strip("0") else None


def _parent(value: Any) -> str | None:
    """The parent's id; one that is no id is kept as it is: there was a parent, and it is missing."""
    if value is None or (isinstance(value, str) and not value.strip("0")):
        return None
    known = _id(value, 8)
    if known is not None:
        return known
    octets = _octets(value) if isinstance(value, str) else None
    return None if octets is not None and not any(octets) else str(value)


def _octets(value: str) -> bytes | None:
    """Base64 of either alphabet, padded or not."""
    standard = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _nanoseconds(value: Any) -> int:
    found = _integer(value)
    return found if type(found) is int and found >= 0 else 0


def _integer(value: Any) -> Any:
    """An integer, from a number or a text; anything else stays what it is."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    number = _number(value) if isinstance(value, str) else value
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 2**64 else value


def _number(value: Any) -> Any:
    """A floating-point number, from a number or a text; anything else stays what it is."""
    if type(value) not in (int, float, str):
        return value
    try:
        return float(value)
    except (ValueError, OverflowError):
        return value


def _attributes(pairs: Any) -> dict[str, Any]:
    """Of a key that is there twice the last value, as in the SDK."""
    if isinstance(pairs, dict):
        return {key: _value(value) for key, value in pairs.items()}
    if not isinstance(pairs, list):
        return {}
    return {
        pair["key"]: _value(pair.get("value"))
        for pair in pairs
        if isinstance(pair, dict) and isinstance(pair.get("key"), str)
    }


def _value(value: Any) -> Any:
    """The value as the SDK has it; `None` for an empty one."""
    if not isinstance(value, dict):
        return tuple(_value(one) for one in value) if isinstance(value, list) else value
    for keys, read in _KINDS:
        found = _first(value, keys)
        if found is not None:
            return read(found)
    return None


def _flag(value: Any) -> Any:
    return {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower(), value)


def _array(value: Any) -> tuple[Any, ...]:
    values = value.get("values") if isinstance(value, dict) else value
    return tuple([_value(one) for one in values]) if isinstance(values, list) else ()


def _mapping(value: Any) -> dict[str, Any]:
    return _attributes(value.get("values") if isinstance(value, dict) else value)


def _bytes(value: Any) -> Any:
    octets = _octets(value) if isinstance(value, str) else None
    return value if octets is None else octets


_KINDS: Final = (
    (("stringValue", "string_value"), lambda value: value),
    (("intValue", "int_value"), _integer),
    (("boolValue", "bool_value"), _flag),
    (("doubleValue", "double_value"), _number),
    (("arrayValue", "array_value"), _array),
    (("kvlistValue", "kvlist_value"), _mapping),
    (("bytesValue", "bytes_value"), _bytes),
)


def _exception_type(events: Any) -> str | None:
    return exception_type_in(
        _attributes(event.get("attributes"))
        for event in (events if isinstance(events, list) else ())
        if isinstance(event, dict) and event.get("name") == names.EXCEPTION_EVENT
    )


def _first(mapping: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """What stands under the first of the keys that is there and not null."""
    return next((mapping[key] for key in keys if mapping.get(key) is not None), None)


def _parsed_integer(text: str) -> int | float:
    """Of a number that is too long to be one, what a floating-point number can say of it."""
    return int(text) if len(text) <= 100 else float(text)


_DECODER: Final = json.JSONDecoder(strict=False, parse_int=_parsed_integer)
"""Not strict: control characters may stand in texts."""
_BETWEEN: Final = re.compile(r"[\s,\x1e]*")


def _next(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at
