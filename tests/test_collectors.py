"""Each collector does what its name says, to the official exporters and to plain requests."""

import socket
import time
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
import pytest
import requests
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from instrumentation import testing
from instrumentation.testing import Behaviour, Capture, Collector, Protocol, collecting
from tests import collectors

Kind = Literal["spans", "metrics"]
both = pytest.mark.parametrize("protocol", testing.PROTOCOLS)
STUBS: dict[Kind, Any] = {"spans": TraceServiceStub, "metrics": MetricsServiceStub}
of_either_kind = pytest.mark.parametrize("kind", ["spans", "metrics"])


def spans(*names: str) -> list[ReadableSpan]:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    made = [tracer.start_span(name) for name in names]
    for span in made:
        span.end()
    return [span for span in made if isinstance(span, ReadableSpan)]


def request_of(names: Sequence[str], kind: Kind) -> ExportTraceServiceRequest | ExportMetricsServiceRequest:
    """A request with spans, or metrics, of these names."""
    if kind == "spans":
        return encode_spans(spans(*names))
    metrics = [pb.Metric(name=name, gauge=pb.Gauge(data_points=[pb.NumberDataPoint(as_int=1)])) for name in names]
    return ExportMetricsServiceRequest(
        resource_metrics=[pb.ResourceMetrics(scope_metrics=[pb.ScopeMetrics(metrics=metrics)])]
    )


def post(url: str, *names: str, kind: Kind = "spans", timeout_s: float = 5) -> requests.Response:
    body = request_of(names, kind).SerializeToString()
    headers = {"Content-Type": "application/x-protobuf", "X-Key": "secret"}
    path = {"spans": "/v1/traces", "metrics": "/v1/metrics"}[kind]
    return requests.post(f"{url}{path}", data=body, headers=headers, timeout=timeout_s, allow_redirects=False)


def call(url: str, *names: str, kind: Kind = "spans", timeout_s: float = 5) -> Any:
    # A connection of its own: one that was broken off just now would be waited for.
    with grpc.insecure_channel(url.removeprefix("http://"), [("grpc.use_local_subchannel_pool", 1)]) as channel:
        return STUBS[kind](channel).Export(request_of(names, kind), timeout=timeout_s)


def said(url: str, protocol: Protocol, *names: str, kind: Kind = "spans", timeout_s: float = 5) -> int | str:
    """What is said to one request: HTTP's status, gRPC's code, or the class of what went wrong."""
    try:
        if protocol == "http/protobuf":
            return post(url, *names, kind=kind, timeout_s=timeout_s).status_code
        call(url, *names, kind=kind, timeout_s=timeout_s)
    except requests.RequestException as error:
        return type(error).__name__
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def taken_by(collector: Collector, kind: Kind) -> list[str]:
    return [taken.name for taken in (collector.received if kind == "spans" else collector.metrics)]


POISON = "poison" * 50
OK: dict[Protocol, int | str] = {"http/protobuf": 200, "grpc": "OK"}


@both
def test_a_healthy_one_takes_all_spans_with_their_ids(protocol: Protocol) -> None:
    sent = spans("a", "b")
    with collecting(protocol) as collector:
        exporter: SpanExporter = (
            GrpcExporter(endpoint=collector.url, headers={"x-key": "1"})
            if protocol == "grpc"
            else HttpExporter(endpoint=f"{collector.url}/v1/traces", headers={"x-key": "1"})
        )
        assert exporter.export(sent) is SpanExportResult.SUCCESS
        exporter.shutdown()
    contexts = [span.get_span_context() for span in sent]
    assert [(int(span.trace_id, 16), int(span.span_id, 16)) for span in collector.received] == [
        (context.trace_id, context.span_id) for context in contexts if context
    ]
    assert (collector.names, collector.requests, collector.headers[0]["x-key"]) == (["a", "b"], 1, "1")


def measured(paid: int = 2) -> Capture:
    """A shop's numbers, with an exemplar."""
    captured = Capture()
    meter = captured.meter_provider.get_meter("shop")
    meter.create_counter("shop.orders", "{order}", "Orders").add(paid, {"paid": True, "tags": ["a", "b"]})
    with captured.provider.get_tracer("test").start_as_current_span("order"):
        meter.create_histogram("shop.duration", "s", explicit_bucket_boundaries_advisory=[1, 2]).record(1.5)
    return captured


def export(captured: Capture, url: str, protocol: Protocol) -> MetricExportResult:
    exporter: MetricExporter = (
        GrpcMetricExporter(endpoint=url, timeout=1)
        if protocol == "grpc"
        else HttpMetricExporter(endpoint=f"{url}/v1/metrics", timeout=1)
    )
    data = captured.metric_reader.get_metrics_data()
    assert data is not None
    try:
        return exporter.export(data)
    finally:
        exporter.shutdown()


@both
def test_a_healthy_one_takes_all_points_as_they_were_captured(protocol: Protocol) -> None:
    captured = measured()
    with collecting(protocol) as collector:
        assert export(captured, collector.url, protocol) is MetricExportResult.SUCCESS
    assert collector.metrics == captured.metrics()
    (span,) = captured.spans
    order, duration = collector.metrics
    assert (order.resource, order.scope, order.exemplars) == ({"service.name": "test"}, "shop", ())
    assert [(kept.value, kept.trace_id, kept.span_id) for kept in duration.exemplars] == [
        (1.5, f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}")
    ]
    assert (collector.received, collector.bodies, collector.requests) == ([], [], 1)


@pytest.mark.parametrize("compression", [Compression.Gzip, Compression.Deflate])
def test_what_is_compressed_is_read(compression: Compression) -> None:
    with collecting() as collector:
        exporter: SpanExporter = HttpExporter(endpoint=collector.url, compression=compression)
        assert exporter.export(spans("a")) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert collector.names == ["a"]


@both
@of_either_kind
@pytest.mark.parametrize(
    ("behaviour", "answers", "taken"),
    [
        (testing.refuses(testing.BUSY, times=1), [(429, "RESOURCE_EXHAUSTED"), (200, "OK")], [POISON]),
        (testing.refuses(testing.AWAY, times=1), [(503, "UNAVAILABLE"), (200, "OK")], [POISON]),
        (testing.refuses(testing.BROKEN), [(500, "INTERNAL"), (500, "INTERNAL")], []),
        (testing.refuses(testing.FORBIDDEN), [(401, "UNAUTHENTICATED"), (401, "UNAUTHENTICATED")], []),
        (testing.refuses_more_than(300), [(200, "OK"), (413, "RESOURCE_EXHAUSTED")], ["a"]),
        (testing.slow(0.1), [(200, "OK"), (200, "OK")], ["a", POISON]),
    ],
)
def test_what_it_refuses_is_not_taken(
    protocol: Protocol, kind: Kind, behaviour: Behaviour, answers: list[tuple[int, str]], taken: list[str]
) -> None:
    with collecting(protocol, behaviour) as collector:
        heard = [said(collector.url, protocol, name, kind=kind) for name in ("a", POISON)]
    assert heard == [answer[protocol == "grpc"] for answer in answers]
    assert (taken_by(collector, kind), collector.requests) == (taken, 2)


@both
def test_spans_of_a_name_can_be_refused(protocol: Protocol) -> None:
    with collecting(protocol, collectors.refuses_spans_named(POISON)) as collector:
        heard = [said(collector.url, protocol, name) for name in ("a", POISON)]
    assert heard == [OK[protocol], {"http/protobuf": 400, "grpc": "INVALID_ARGUMENT"}[protocol]]
    assert collector.names == ["a"]


@both
def test_the_first_of_each_kind_are_refused(protocol: Protocol) -> None:
    kinds: list[Kind] = ["spans", "metrics", "metrics", "spans"]
    away = {"http/protobuf": 503, "grpc": "UNAVAILABLE"}[protocol]
    with collecting(protocol, testing.refuses(testing.AWAY, times=1)) as collector:
        heard = [said(collector.url, protocol, str(number), kind=kind) for number, kind in enumerate(kinds)]
    assert heard == [away, away, OK[protocol], OK[protocol]]
    assert (taken_by(collector, "spans"), taken_by(collector, "metrics")) == (["3"], ["2"])


def test_a_busy_one_says_how_long_to_wait() -> None:
    behaviour = testing.refuses(testing.BUSY)
    with collecting("http/protobuf", behaviour) as collector:
        assert post(collector.url).headers["Retry-After"] == "1"
    with collecting("grpc", behaviour) as collector, pytest.raises(grpc.RpcError) as caught:
        call(collector.url)
    retry_info = dict(caught.value.trailing_metadata())["google.rpc.retryinfo-bin"]
    assert RetryInfo.FromString(retry_info).retry_delay.seconds == 1


@both
@of_either_kind
def test_one_that_hangs_takes_nothing_and_is_closed_at_once(protocol: Protocol, kind: Kind) -> None:
    silence = {"http/protobuf": "ReadTimeout", "grpc": "DEADLINE_EXCEEDED"}[protocol]
    with collectors.accepting_only() as url:
        assert said(url, protocol, "a", kind=kind, timeout_s=0.1) == silence
    with collecting(protocol, testing.never_answers) as collector:
        assert said(collector.url, protocol, "a", kind=kind, timeout_s=0.1) == silence
        start_s = time.monotonic()
    assert time.monotonic() - start_s < 5
    assert (collector.received, collector.metrics, collector.requests) == ([], [], 1)


@both
def test_nothing_listens_at_a_closed_port(protocol: Protocol) -> None:
    with testing.closed_port() as url:
        assert said(url, protocol, "a") == {"http/protobuf": "ConnectionError", "grpc": "UNAVAILABLE"}[protocol]


@both
def test_one_that_comes_back_is_closed_until_then(protocol: Protocol) -> None:
    with collecting(protocol, comes_after_s=0.3) as collector:
        assert (
            said(collector.url, protocol, "a") == {"http/protobuf": "ConnectionError", "grpc": "UNAVAILABLE"}[protocol]
        )
        until_s = time.monotonic() + 30
        while said(collector.url, protocol, "b") != OK[protocol]:
            assert time.monotonic() < until_s
            time.sleep(0.05)
    assert collector.names == ["b"]


@both
def test_one_that_never_came_is_closed_at_once(protocol: Protocol) -> None:
    start_s = time.monotonic()
    with collecting(protocol, comes_after_s=60):
        pass
    assert time.monotonic() - start_s < 5


@both
@of_either_kind
def test_one_that_breaks_off_before_it_answers_has_taken_what_was_sent(protocol: Protocol, kind: Kind) -> None:
    broken_off = {"http/protobuf": "ConnectionError", "grpc": "UNAVAILABLE"}[protocol]
    with collecting(protocol, testing.resets_before_answering) as collector:
        heard = [said(collector.url, protocol, name, kind=kind) for name in ("a", "b", "c")]
    assert heard == [broken_off, OK[protocol], broken_off]
    assert taken_by(collector, kind) == ["a", "b", "c"]


def test_one_that_breaks_off_half_way_has_not() -> None:
    with collecting("http/protobuf", collectors.resets_half_way) as collector:
        with pytest.raises(requests.ConnectionError, match="Connection reset by peer"):
            post(collector.url, "a")
        assert post(collector.url, "b").ok
    assert (collector.names, collector.requests) == (["b"], 2)


@both
def test_every_other_connection_breaks_off_within_the_request(protocol: Protocol) -> None:
    broken_off = {"http/protobuf": "ConnectionError", "grpc": "UNAVAILABLE"}[protocol]
    # HTTP's head alone may come first, and must not reach the collector either.
    after_bytes = {"http/protobuf": 100, "grpc": 300}[protocol]
    with collecting(protocol) as collector, collectors.reset_often(collector.url, after_bytes=after_bytes) as url:
        heard = [said(url, protocol, name * 999) for name in ("a", "b", "c")]
    assert heard == [broken_off, OK[protocol], broken_off]
    assert (collector.names, collector.requests) == (["b" * 999], 1)


def test_one_that_takes_a_part_says_how_many_it_did_not_take() -> None:
    with collecting("http/protobuf", testing.takes_all_but(1)) as collector:
        spans_answer = ExportTraceServiceResponse.FromString(post(collector.url, "a", "b").content)
        metrics_answer = ExportMetricsServiceResponse.FromString(post(collector.url, "a", "b", kind="metrics").content)
    with collecting("grpc", testing.takes_all_but(1)) as collector:
        assert call(collector.url, "a", "b") == spans_answer
        assert call(collector.url, "a", "b", kind="metrics") == metrics_answer
    assert spans_answer.partial_success.rejected_spans == 1
    assert metrics_answer.partial_success.rejected_data_points == 1


def test_logs_are_unknown_to_it() -> None:
    with collecting() as collector:
        assert requests.post(f"{collector.url}/v1/logs", data=b"anything", timeout=5).status_code == 404
        assert (collector.paths, taken_by(collector, "spans")) == (["/v1/logs"], [])
    with collecting("grpc") as collector, grpc.insecure_channel(collector.url.removeprefix("http://")) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            LogsServiceStub(channel).Export(ExportLogsServiceRequest(), timeout=5)  # type: ignore[no-untyped-call]
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("path", ["/v1/metrics", "/prefix/v1/metrics", "/v1/metrics?key=1"])
def test_metrics_are_told_by_how_their_path_ends(path: str) -> None:
    with collecting() as collector:
        body = request_of(["a"], "metrics").SerializeToString()
        assert requests.post(f"{collector.url}{path}", data=body, timeout=5).ok
    assert (taken_by(collector, "metrics"), collector.paths) == (["a"], [path])


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [(b'{"resourceSpans":[]}', {}), (b"x", {"Content-Encoding": "gzip"}), (b"x", {"Content-Encoding": "deflate"})],
)
def test_what_is_no_protobuf_is_refused(path: str, body: bytes, headers: dict[str, str]) -> None:
    with collecting() as collector:
        answer = requests.post(f"{collector.url}{path}", data=body, headers=headers, timeout=5)
    assert (answer.status_code, answer.text[:28]) == (400, "this is no OTLP in protobuf:")
    assert (collector.received, collector.metrics, collector.requests) == ([], [], 1)


def test_a_body_of_unknown_length_is_refused() -> None:
    with collecting() as collector:
        chunks = iter([request_of(["a"], "spans").SerializeToString()])
        assert requests.post(f"{collector.url}/v1/traces", data=chunks, timeout=5).status_code == 411
    assert collector.received == []


@pytest.mark.parametrize(
    ("behaviour", "status", "headers"),
    [
        (collectors.knows_only("/there"), 404, {}),
        (collectors.knows_only("/v1/traces"), 200, {}),
        (collectors.shows_a_web_page, 200, {"Content-Type": "text/html; charset=utf-8"}),
        (collectors.redirects_to("http://elsewhere", 301), 301, {"Location": "http://elsewhere"}),
        (collectors.redirects_to("http://elsewhere"), 307, {"Location": "http://elsewhere"}),
    ],
)
def test_over_http_each_says_what_its_name_says(behaviour: Behaviour, status: int, headers: dict[str, Any]) -> None:
    with collecting("http/protobuf", behaviour) as collector:
        answer = post(collector.url, "a")
    assert (answer.status_code, {key: answer.headers[key] for key in headers}) == (status, headers)
    assert (collector.paths, collector.headers[0]["x-key"]) == (["/v1/traces"], "secret")


def test_a_dribbled_answer_takes_longer_than_any_read_of_it() -> None:
    with collecting("http/protobuf", collectors.dribbles(0.005)) as collector:
        start_s = time.monotonic()
        assert post(collector.url, "a", timeout_s=0.2).ok
    assert time.monotonic() - start_s > 0.3
    assert collector.names == ["a"]


def test_a_server_of_something_else_says_one_thing() -> None:
    with (
        collectors.answering(b"SSH-2.0-x\r\n") as url,
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as client,
    ):
        client.sendall(b"GET /")
        assert client.recv(100) == b"SSH-2.0-x\r\n"
