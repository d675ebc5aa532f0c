"""A spool gives back the spans that went into it: what an exporter sends of them is the same to the byte."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from instrumentation.spooling.spool import Spool
from instrumentation.spooling.spooled import spooled_spans
from tests.instrumentation.command_line import a_run
from tests.instrumentation.delivery.doubles import spans


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Spool:
    return Spool(tmp_path_factory.mktemp("spool"))


def read_back(spool: Spool, written: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """The spans of the lines that a spool writes for these."""
    before = spool.path.stat().st_size if spool.path else 0
    assert spool.write(written) == len(written)
    assert spool.path is not None
    with spool.path.open("rb") as file:
        file.seek(before)
        return [span for line in file for span in spooled_spans(line)]


def sent(these: Sequence[ReadableSpan]) -> bytes:
    return bytes(encode_spans(these).SerializeToString(deterministic=True))


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_numbers = st.integers(0, 2**63)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.just(math.nan)
    | st.binary(max_size=4)
    | _texts
)
_anything = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3), max_leaves=6
)
_trace_states = st.sampled_from([TraceState(), TraceState([("rojo", "00f0"), ("congo@a", "t61")])])


@st.composite
def _attributes(draw: st.DrawFn) -> BoundedAttributes:
    attributes = BoundedAttributes(attributes=draw(st.dictionaries(_keys, _anything, max_size=3)))
    attributes.dropped = draw(st.integers(0, 9))
    return attributes


@st.composite
def _lists(draw: st.DrawFn, items: st.SearchStrategy[Any]) -> Any:
    found = BoundedList.from_seq(None, draw(st.lists(items, max_size=2)))
    found.dropped = draw(st.integers(0, 9))
    return found


_contexts = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1)]),
    _trace_states,
)
_statuses = st.just(Status(StatusCode.OK)) | st.just(Status()) | st.builds(Status, st.just(StatusCode.ERROR), _texts)
_spans = st.builds(
    ReadableSpan,
    name=_texts,
    context=_contexts,
    parent=st.none() | _contexts,
    resource=st.builds(Resource, st.dictionaries(_keys, _anything, max_size=2), _texts),
    attributes=_attributes(),
    events=_lists(st.builds(Event, _texts, _attributes(), _numbers)),
    links=_lists(st.builds(Link, _contexts, _attributes())),
    kind=st.sampled_from(SpanKind),
    status=_statuses,
    start_time=_numbers,
    end_time=_numbers,
    instrumentation_scope=st.none()
    | st.builds(
        InstrumentationScope,
        _keys,
        st.none() | _keys,
        st.none() | _texts,
        st.dictionaries(_keys, _scalars, max_size=2),
    ),
)


@given(written=st.lists(_spans, min_size=1, max_size=3))
def test_whatever_is_in_a_span_comes_back(spool: Spool, written: list[ReadableSpan]) -> None:
    assert sent(read_back(spool, written)) == sent(written)


def test_a_run_of_ours_comes_back(spool: Spool) -> None:
    written = asyncio.run(a_run()).captured.spans

    assert sent(read_back(spool, written)) == sent(written)


def test_what_the_sdk_dropped_of_a_span_is_still_said(spool: Spool) -> None:
    limits = SpanLimits(max_attributes=1, max_events=1, max_links=1)
    tracer = TracerProvider(span_limits=limits, shutdown_on_exit=False).get_tracer("test")
    other = SpanContext(1, 2, is_remote=True)
    span = tracer.start_span("full", attributes={"a": 1, "b": 2}, links=[Link(other), Link(other), Link(other)])
    for _ in range(4):
        span.add_event("again")
    span.end()
    assert isinstance(span, ReadableSpan)

    [found] = read_back(spool, [span])

    assert (found.dropped_attributes, found.dropped_events, found.dropped_links) == (1, 3, 2)
    assert sent([found]) == sent([span])


def test_more_spans_than_a_line_takes_come_back_in_their_order(spool: Spool) -> None:
    written = spans(150)

    assert [span.name for span in read_back(spool, written)] == [span.name for span in written]


_IDS = '"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"'


def line_of(span: str) -> bytes:
    return ('{"resourceSpans":[{"scopeSpans":[{"spans":[{' + span + "}]}]}]}").encode()


def test_a_line_as_others_write_it_is_read_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    line = line_of(
        _IDS + ',"parentSpanId":"","kind":0,"startTimeUnixNano":7,"status":{"code":1,"message":"fine"},'
        '"attributes":[{"key":"n","value":{"intValue":3}},{"key":"","value":{"intValue":4}},{"key":"none"}]'
    )

    [span] = spooled_spans(line)

    assert (span.kind, span.parent, span.start_time, span.end_time) == (SpanKind.INTERNAL, None, 7, 0)
    assert (span.status.status_code, span.status.description) == (StatusCode.OK, None)
    assert dict(span.attributes or {}) == {"n": 3, "none": None}
    assert sent([span])
    assert caplog.records == []


def test_a_request_without_spans_has_none() -> None:
    assert spooled_spans(b"{}") == []
    assert spooled_spans(b'{"resourceSpans":[]}') == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not JSON",
        b'{"resourceSpans":[{"scopeSpans"',
        b"[]",
        b"null",
        b"17",
        b'"resourceSpans"',
        b'{"resourceLogs":[]}',
        b'{"resourceSpans":{}}',
        b'{"resourceSpans":[null]}',
        b"\xff\xfe\x00",
        line_of('"spanId":"b7ad6b7169203331"'),
        line_of('"traceId":"0af7","spanId":"b7ad6b7169203331"'),
        line_of('"traceId":"no hex","spanId":"b7ad6b7169203331"'),
        line_of(_IDS + ',"kind":9'),
        line_of(_IDS + ',"status":{"code":7}'),
        line_of(_IDS + ',"startTimeUnixNano":"soon"'),
        line_of(_IDS + ',"links":[{"spanId":"b7ad6b7169203331"}]'),
        line_of(_IDS + ',"attributes":[{"key":"deep","value":' + '{"arrayValue":{"values":[' * 2_000),
    ],
)
def test_what_is_no_line_of_spans_is_refused_whole_and_not_quoted(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"^no OTLP JSON of traces: \w+$"):
        spooled_spans(line)


def test_a_value_that_is_nested_too_deeply_is_refused() -> None:
    value = '{"arrayValue":{"values":[' * 300 + '{"intValue":1}' + "]}}" * 300

    with pytest.raises(ValueError, match="RecursionError"):
        spooled_spans(line_of(f'{_IDS},"attributes":[{{"key":"deep","value":{value}}}]'))
