"""OTLP JSON: what the rules and real producers write, read by typed decoding or in the tolerant way."""

import base64
import copy
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

from instrumentation.reading.otlp_json import REFUSALS, spans_of, typed_spans
from instrumentation.reading.otlp_tolerant import tolerant_spans, values_in, whole_spans
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan
from instrumentation.records import record_of
from nanoagent.core.records import SpanRecord
from nanoagent.tracing import names
from tests.instrumentation.reading.otlp import SPAN, SPANS, TRACE, as_line, as_otlp, as_span, as_value, read_span

PARENT = "fedcba9876543210"


def read(data: bytes | str | Any) -> tuple[list[ReadSpan], list[str]]:
    """The spans of some JSON, and the problems as lines."""
    problems = Problems()
    if not isinstance(data, bytes | str):
        data = json.dumps(data)
    spans = spans_of(data.encode() if isinstance(data, str) else data, problems, "here")
    return spans, [str(problem) for problem in problems.kept]


def tolerantly(data: bytes) -> list[ReadSpan]:
    return [span for value in values_in(data.decode()) for span in tolerant_spans(value, Problems(), "here")]


def one_span(**changes: Any) -> dict[str, Any]:
    """One span in OTLP JSON, with some of its fields replaced; `None` takes one out."""
    span = as_span(read_span()) | changes
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{k: v for k, v in span.items() if v is not None}]}]}]}


def one_value(value: Any) -> Any:
    """What an attribute with this value is read as."""
    ((span,), problems) = read(one_span(attributes=[{"key": "k", "value": value}]))
    assert problems == []
    return span.attributes["k"]


@given(st.lists(SPANS, max_size=4))
def test_spans_are_read_as_they_were_written_by_either_way(spans: list[ReadSpan]) -> None:
    data = as_line(*spans)
    assert typed_spans(data) == spans
    assert tolerantly(data) == spans


@given(st.lists(SPANS, min_size=1, max_size=3), st.data())
def test_what_typed_decoding_does_not_refuse_the_tolerant_way_reads_alike(
    spans: list[ReadSpan], data: st.DataObject
) -> None:
    value = as_otlp(*spans)
    for _ in range(data.draw(st.integers(1, 3))):
        _put_something_odd(value, data)
    written = json.dumps(value).encode()
    try:
        typed = typed_spans(written)
    except REFUSALS:
        read(written)
    else:
        assert typed == tolerantly(written)


_ODD_NUMBERS = [None, True, False, 0, 1, 2, -1, 1.0, 1.5, 1e300, 10**20]
_ODD_TEXTS = ["", "0", "7", "-7", "1.0", "1e3", " 1", "true", "null", "NaN", "Infinity", "x", "AQI=", "AQI"]
_ODD_IDS = [SPAN, SPAN.upper(), "0" * 16, TRACE, TRACE.upper(), "0" * 32]
_ODD_OBJECTS = [{}, {"a": 1}, {"values": None}, {"values": [{}]}, {"code": "2"}, {"code": "STATUS_CODE_ERROR"}]
_ODD_VALUES = [{"intValue": 5}, {"stringValue": None}, {"string_value": "x"}, {"stringValue": "x", "intValue": "1"}]
ODD = st.sampled_from([*_ODD_NUMBERS, *_ODD_TEXTS, *_ODD_IDS, *_ODD_OBJECTS, *_ODD_VALUES, [], [1]])
NAMES = st.sampled_from(["traceId", "spanId", "parentSpanId", "parent_span_id", "startTimeUnixNano", "endTimeUnixNano"])
VALUE_NAMES = st.sampled_from(["stringValue", "intValue", "boolValue", "doubleValue", "arrayValue", "kvlistValue"])


def _put_something_odd(value: Any, data: st.DataObject) -> None:
    """Put an odd value somewhere, or take something out."""
    while True:
        if isinstance(value, list) and value:
            key: Any = data.draw(st.integers(0, len(value) - 1))
        elif isinstance(value, dict) and value:
            key = data.draw(st.sampled_from(sorted(value)) | NAMES | VALUE_NAMES)
        else:
            return
        inner = value.get(key) if isinstance(value, dict) else value[key]
        if isinstance(inner, list | dict) and inner and data.draw(st.integers(0, 9)):
            value = inner
            continue
        if isinstance(value, dict) and data.draw(st.booleans()):
            value.pop(key, None)
        else:
            value[key] = copy.deepcopy(data.draw(ODD))
        return


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda otlp: {"result": otlp},
        lambda otlp: {"trace": otlp},
        lambda otlp: {"traces": otlp},
        lambda otlp: {"traces": [otlp]},
        lambda otlp: {"batches": otlp["resourceSpans"]},
        lambda otlp: [otlp],
        lambda otlp: otlp["resourceSpans"][0],
    ],
)
def test_traces_may_be_wrapped(wrapped: Callable[[Any], Any]) -> None:
    spans = [read_span("0000000000000001"), read_span("0000000000000002")]
    assert read(wrapped(as_otlp(*spans))) == (spans, [])


@pytest.mark.parametrize("between", ["", " ", "\n", ",", ",\r\n"])
def test_several_values_may_follow_each_other(between: str) -> None:
    span = read_span()
    text = as_line(span).decode()
    assert read(f"{text}{between}{text}") == ([span, span], [])


def test_the_names_of_protobuf_and_of_older_protocols_are_read() -> None:
    span = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "start_time_unix_nano": "1",
        "end_time_unix_nano": 2,
        "name": "chat m",
        "attributes": [
            {"key": "a", "value": {"string_value": "x"}},
            {"key": "b", "value": {"int_value": "5"}},
            {"key": "c", "value": {"array_value": {"values": [{"bool_value": True}]}}},
            {"key": "d", "value": {"kvlist_value": {"values": [{"key": "e", "value": {"double_value": 1}}]}}},
            {"key": "f", "value": {"bytes_value": "AQI="}},
        ],
        "status": {"code": "STATUS_CODE_ERROR"},
    }
    right = read_span(
        parent_span_id=PARENT,
        attributes={"a": "x", "b": 5, "c": (True,), "d": {"e": 1.0}, "f": b"\1\2"},
        failed=True,
    )
    for scopes in ("scope_spans", "instrumentation_library_spans", "instrumentationLibrarySpans", "scopeSpans"):
        for resources in ("resource_spans", "resourceSpans"):
            assert read({resources: [{scopes: [{"spans": [span]}]}]}) == ([right], [])


@pytest.mark.parametrize(
    ("field", "value", "of"),
    [
        ("traceId", TRACE.upper(), {}),
        ("traceId", base64.b64encode(bytes.fromhex(TRACE)).decode(), {}),
        ("traceId", base64.b64encode(bytes.fromhex(TRACE)).decode().rstrip("="), {}),
        ("spanId", SPAN.upper(), {}),
        ("spanId", base64.b64encode(bytes.fromhex(SPAN)).decode(), {}),
        ("spanId", "____________"[:11], {"span_id": "ffffffffffffffff"[:15] + "f"}),
        ("parent_span_id", PARENT, {"parent_span_id": PARENT}),
        ("parentSpanId", "", {}),
        ("parentSpanId", "0000000000000000", {}),
        ("parentSpanId", "AAAAAAAAAAA=", {}),
        ("parentSpanId", PARENT.upper(), {"parent_span_id": PARENT}),
        ("parentSpanId", base64.b64encode(bytes.fromhex(PARENT)).decode(), {"parent_span_id": PARENT}),
        ("parentSpanId", "no id", {"parent_span_id": "no id"}),
        ("parentSpanId", 17, {"parent_span_id": "17"}),
        ("startTimeUnixNano", 1, {}),
        ("startTimeUnixNano", "1795596391398272286", {"start_ns": 1795596391398272286}),
        ("startTimeUnixNano", 1795596391398272286, {"start_ns": 1795596391398272286}),
        ("startTimeUnixNano", -5, {"start_ns": 0}),
        ("startTimeUnixNano", "soon", {"start_ns": 0}),
        ("endTimeUnixNano", None, {"end_ns": 0}),
        ("endTimeUnixNano", True, {"end_ns": 0}),
        ("name", None, {"name": ""}),
        ("name", 5, {"name": ""}),
        ("attributes", None, {}),
        ("attributes", {"k": "v"}, {"attributes": {"k": "v"}}),
        ("status", None, {}),
        ("status", {"code": 2}, {"failed": True}),
        ("status", {"code": "STATUS_CODE_ERROR"}, {"failed": True}),
        ("status", {"code": 1}, {}),
        ("status", {"code": "STATUS_CODE_OK"}, {}),
        ("status", {"message": "no code"}, {}),
    ],
)
def test_each_spelling_of_a_field_is_read(field: str, value: Any, of: dict[str, Any]) -> None:
    assert read(one_span(**{field: value})) == ([read_span(**{"span_id": SPAN} | of)], [])


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ({"intValue": "12"}, 12),
        ({"intValue": 12}, 12),
        ({"intValue": 12.0}, 12),
        ({"intValue": "many"}, "many"),
        ({"intValue": "9" * 5_000}, "9" * 5_000),
        ({"doubleValue": 12}, 12.0),
        ({"doubleValue": "1.5"}, 1.5),
        ({"doubleValue": "-Infinity"}, -math.inf),
        ({"boolValue": "true"}, True),
        ({"bytesValue": "not base64"}, "not base64"),
        ({"arrayValue": {}}, ()),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {}]}}, ("a", None)),
        ({"kvlistValue": {}}, {}),
        ({"string_value": "x"}, "x"),
        ({}, None),
        (None, None),
        ({"stringValue": None}, None),
        ({"stringValue": ""}, ""),
        ("bare", "bare"),
    ],
)
def test_each_kind_of_value_is_read_as_the_sdk_has_it(value: Any, right: Any) -> None:
    found = one_value(value)
    assert (found, type(found)) == (right, type(right))


@pytest.mark.parametrize("value", ['{"doubleValue":NaN}', '{"doubleValue":"NaN"}'])
def test_no_number_is_a_number(value: str) -> None:
    ((span,), problems) = read(
        json.dumps(one_span(attributes=[{"key": "k", "value": 0}])).replace('"value": 0', f'"value":{value}')
    )
    assert problems == []
    assert math.isnan(span.attributes["k"])


def test_a_number_that_is_longer_than_any_costs_no_span() -> None:
    data = json.dumps(one_span(attributes=[{"key": "k", "value": {"intValue": 7}}])).replace("7}", f"{'9' * 5_000}}}")
    assert read(data) == ([read_span(attributes={"k": math.inf})], [])


def test_of_an_attribute_that_is_there_twice_the_last_one_counts() -> None:
    attributes = [{"key": "k", "value": as_value(value)} for value in ("first", "last")]
    assert read(one_span(attributes=attributes)) == ([read_span(attributes={"k": "last"})], [])


def test_the_exception_is_that_of_the_last_event_that_names_one() -> None:
    def event(name: str, **attributes: Any) -> dict[str, Any]:
        return {"name": name, "attributes": [{"key": "exception.type", "value": as_value(attributes.get("kind"))}]}

    events = [event("exception", kind="First"), event("exception", kind="Last"), event("retry", kind="Other")]
    assert read(one_span(events=events)) == ([read_span(exception_type="Last")], [])
    assert read(one_span(events=[*events, event("exception", kind=5)])) == ([read_span(exception_type="Last")], [])
    assert read(one_span(events=[*events, event("exception")])) == ([read_span(exception_type="Last")], [])


def test_of_what_is_broken_only_whole_spans_of_a_list_of_spans_are_found() -> None:
    first, second, third = (read_span(f"{number:016x}") for number in (1, 2, 3))
    inside = json.dumps(as_span(first) | {"more": {"spans": [as_span(third)]}})
    text = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{inside},{json.dumps(as_span(second))},{{"traceId":"'
    assert whole_spans(text, Problems(), "here") == [first, second]
    again = f'{text}"}}]}},{{"spans" : [ {json.dumps(as_span(third))}'
    assert whole_spans(again, Problems(), "here") == [first, second, third]
    assert whole_spans(text.replace('"spans":[', '"other":['), Problems(), "here") == [third]


def test_a_lone_surrogate_costs_no_span() -> None:
    spans = [
        read_span(f"{number:016x}", attributes={"k": "\ud83e" if number == 7 else "v"}) for number in range(1, 513)
    ]
    data = as_line(*spans)
    assert b"\\ud83e" in data
    with pytest.raises(REFUSALS):
        typed_spans(data)
    told = "here: holds halves of characters (lone surrogates): kept as they are, and shown as U+FFFD"
    assert read(data) == (spans, [told])


def test_bytes_that_are_no_utf_8_cost_no_span() -> None:
    data = as_line(read_span(attributes={"k": "xyz"})).replace(b"xyz", b"x\xffz")
    at = data.index(b"\xff")
    assert read(data) == (
        [read_span(attributes={"k": "x\ufffdz"})],
        [f"here: is not UTF-8 at byte {at}: read with U+FFFD in its place"],
    )


def test_control_characters_in_a_text_cost_no_span() -> None:
    data = as_line(read_span(attributes={"k": "xyz"})).replace(b"xyz", b"x\0z")
    assert read(data) == ([read_span(attributes={"k": "x\0z"})], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("traceId", "12"),
        ("traceId", "0" * 32),
        ("traceId", None),
        ("spanId", 5),
        ("spanId", "x" * 16),
        ("spanId", "0" * 16),
        ("spanId", "abcd"),
    ],
)
def test_a_span_without_ids_is_left_out_and_told_and_the_others_stay(field: str, value: Any) -> None:
    otlp = as_otlp(read_span("0000000000000001"), read_span("0000000000000002"))
    otlp["resourceSpans"][0]["scopeSpans"][0]["spans"][0][field] = value
    ids = {"traceId": TRACE, "spanId": "0000000000000001"} | {field: value}
    assert read(otlp) == (
        [read_span("0000000000000002")],
        [f"here: a span has no usable ids (traceId {ids['traceId']!r}, spanId {ids['spanId']!r}): left out"],
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"resourceLogs": []}, "holds OTLP logs, not traces: skipped, as all such lines"),
        ({"resourceMetrics": []}, "holds OTLP metrics, not traces: skipped, as all such lines"),
        ({"data": [], "total": 0}, "is JSON but no OTLP traces: its keys are 'data', 'total': skipped"),
        (
            {str(key): 0 for key in range(9)},
            "is JSON but no OTLP traces: its keys are '0', '1', '2', '3', '4', ...: skipped",
        ),
        ("text", "is JSON but no OTLP traces: it is 'text': skipped"),
        (None, "is JSON but no OTLP traces: it is null: skipped"),
        (["x" * 99], f"is JSON but no OTLP traces: it is '{'x' * 59}...: skipped"),
        ({"resourceSpans": 5}, "its 'resourceSpans' must be a list, got 5: left out"),
        ({"resourceSpans": [5]}, "each of its 'resourceSpans' must be an object, got 5: left out"),
        (
            {"resourceSpans": [{"scopeSpans": {"spans": []}}]},
            "its 'scopeSpans' must be a list, got {'spans': []}: left out",
        ),
        (
            {"resourceSpans": [{"scopeSpans": [{"spans": ["x"]}]}]},
            "each of its 'spans' must be an object, got 'x': left out",
        ),
    ],
)
def test_what_is_no_trace_is_told_with_what_it_is(value: Any, problem: str) -> None:
    assert read(json.dumps(value)) == ([], [f"here: {problem}"])


@pytest.mark.parametrize(
    "value", [{}, [], {"resourceSpans": []}, {"resourceSpans": None}, {"resourceSpans": [{}, None]}]
)
def test_nothing_is_no_problem(value: Any) -> None:
    assert read(value) == ([], [])


@pytest.mark.parametrize("data", [b"{", b"no", b'{"a":1} x', b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_json_is_refused_whole(data: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read(data)


@given(
    st.dictionaries(
        st.sampled_from(
            [names.INPUT_TOKENS, names.REQUEST_MODEL, names.RUN_ID, names.ERROR_TYPE, names.OPERATION_COST]
        ),
        st.text(max_size=5)
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats()
        | st.lists(st.text(max_size=5), max_size=2),
    ),
    st.sampled_from([None, *names.INFERENCE_OPERATIONS, names.OP_TOOL, names.OP_AGENT, names.OP_WORKFLOW]),
    st.booleans(),
    st.booleans(),
)
@settings(deadline=None)
def test_the_adapters_give_equal_records(
    attributes: dict[str, Any], operation: str | None, failed: bool, nested: bool
) -> None:
    if operation is not None:
        attributes = {names.OPERATION_NAME: operation} | attributes
    span = _sdk_span(attributes, failed=failed, nested=nested)
    (found,), problems = read(json.dumps(encode_spans([span]).to_dict()))
    assert problems == []
    assert SpanRecord.of(*found) == record_of(span)


def _sdk_span(attributes: dict[str, Any], *, failed: bool, nested: bool) -> ReadableSpan:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    parent = set_span_in_context(tracer.start_span("parent")) if nested else None
    span = tracer.start_span("chat m", parent, SpanKind.CLIENT, attributes)
    if failed:
        span.set_status(StatusCode.ERROR, "why")
    span.end()
    (finished,) = exporter.get_finished_spans()
    return finished


def test_a_value_that_is_nested_too_deeply_is_told() -> None:
    for depth in range(900, 1_000):
        try:
            spans, problems = read('{"result":' * depth + "1" + "}" * depth)
        except json.JSONDecodeError:
            continue
        assert (spans, len(problems)) == ([], 1)
