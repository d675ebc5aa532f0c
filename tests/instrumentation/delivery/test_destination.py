import contextlib
import gzip
import logging
import socket
import threading
import weakref
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import TraceFlags

from instrumentation.courier import Courier, outcome_of
from instrumentation.delivery.acceptance import (
    AcceptanceExporter,
    DeliveryReport,
    listening,
    loss_notice,
    shown,
    silence_notice,
)
from instrumentation.delivery.destination import Destination


class Receiver:
    """A collector on loopback that takes OTLP over HTTP, and answers with one status."""

    def __init__(self, status: int = 200) -> None:
        self.spans: list[str] = []
        self.encodings: list[str | None] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.services: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        encoding = request.headers.get("Content-Encoding")
        message = ExportTraceServiceRequest.FromString(gzip.decompress(body) if encoding == "gzip" else body)
        self.paths.append(request.path)
        self.encodings.append(encoding)
        self.headers.append({key.lower(): value for key, value in request.headers.items()})
        for resource in message.resource_spans:
            self.services += [a.value.string_value for a in resource.resource.attributes if a.key == "service.name"]
            self.spans += [span.name for scope in resource.scope_spans for span in scope.spans]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def receiving(status: int = 200) -> Iterator[Receiver]:
    receiver = Receiver(status)
    try:
        yield receiver
    finally:
        receiver.close()


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    """The endpoint of a collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def dead_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


class Scripted(SpanExporter):
    """Answers each batch with the next of its outcomes, and the last one from then on."""

    def __init__(self, *outcomes: SpanExportResult | Exception) -> None:
        self.outcomes = list(outcomes)
        self.batches: list[list[str]] = []
        self.shutdowns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.batches.append([span.name for span in spans])
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def shutdown(self) -> None:
        self.shutdowns += 1
        raise RuntimeError("shutdown")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        raise RuntimeError("flush")


class Blocking(SpanExporter):
    """Blocks in export until it is freed."""

    def __init__(self) -> None:
        self.entered, self.free, self.shut_down = threading.Event(), threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        self.free.wait(10)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.shut_down.set()


OK, BAD = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


def spans(count: int) -> list[ReadableSpan]:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    made = [tracer.start_span(f"s{number}") for number in range(count)]
    for span in made:
        span.end()
    return [span for span in made if isinstance(span, ReadableSpan)]


def report(accepted: int = 0, refused: int = 0, unknown: int = 0, reason: str | None = None) -> DeliveryReport:
    return DeliveryReport(
        destination="there",
        accepted_spans=accepted,
        refused_spans=refused,
        unknown_spans=unknown,
        last_reason=reason,
    )


def test_batches_are_counted_as_accepted_or_refused() -> None:
    exporter = AcceptanceExporter(Scripted(OK, BAD, OK), "there")
    assert [exporter.export(spans(count)) for count in (3, 2, 1)] == [OK, BAD, OK]
    assert exporter.report() == report(accepted=4, refused=2, reason="refused")


def test_spans_on_their_way_are_unknown() -> None:
    exporter = AcceptanceExporter(Scripted(OK), "there")
    for _ in range(5):
        exporter.expect()
    exporter.export(spans(2))
    assert exporter.report() == report(accepted=2, unknown=3)


def test_a_batch_under_way_is_unknown() -> None:
    blocking = Blocking()
    exporter = AcceptanceExporter(blocking, "there")
    thread = threading.Thread(target=exporter.export, args=(spans(2),))
    thread.start()
    assert blocking.entered.wait(5)
    assert exporter.report() == report(unknown=2)
    blocking.free.set()
    thread.join()
    assert exporter.report() == report(accepted=2)


def test_an_exporter_that_raises_refuses_and_is_logged_once_a_kind(caplog: pytest.LogCaptureFixture) -> None:
    failures = [ValueError("http://user:secret@host"), ValueError("again"), OSError("third")]
    exporter = AcceptanceExporter(Scripted(*failures), "there")
    assert [exporter.export(spans(1)) for _ in failures] == [BAD, BAD, BAD]
    assert exporter.report() == report(refused=3, reason="OSError")
    assert caplog.messages == ["the exporter there failed: ValueError", "the exporter there failed: OSError"]


def test_what_comes_after_a_shutdown_is_refused_unseen_by_the_exporter(caplog: pytest.LogCaptureFixture) -> None:
    inner = Scripted(OK)
    exporter = AcceptanceExporter(inner, "there")
    exporter.shutdown()
    exporter.shutdown()
    assert exporter.export(spans(2)) is BAD
    assert (inner.batches, inner.shutdowns) == ([], 1)
    assert exporter.report() == report(refused=2, reason="shut down")
    assert exporter.force_flush() is False
    assert caplog.messages == ["the exporter there failed: RuntimeError"]


def test_the_sdks_exporters_say_each_thing_once_for_us_and_always_for_others(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")

    class Chatty(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            logger.warning("Transient error %s encountered while exporting", "x")
            logger.error("Failed to export %s", len(spans))
            return BAD

    chatty = AcceptanceExporter(Chatty(), "there")
    for _ in range(3):
        chatty.export(spans(1))
    assert caplog.messages == ["Failed to export 1"]
    Chatty().export(spans(2))
    assert caplog.messages[1:] == ["Transient error x encountered while exporting", "Failed to export 2"]


def destination(exporter: SpanExporter, *, endpoint: str | None = None, queue: int = 100) -> Destination:
    # The delay is so long that nothing is sent by itself.
    return Destination(
        exporter,
        name="there",
        endpoint=endpoint,
        max_queue_size=queue,
        max_export_batch_size=queue,
        schedule_delay_ms=60_000,
    )


def test_a_flush_sends_everything_in_order_of_end() -> None:
    inner = Scripted(OK)
    there = destination(inner)
    for span in spans(3):
        there.on_end(span)
    assert there.report() == report(unknown=3)
    assert there.force_flush() is True
    assert inner.batches == [["s0", "s1", "s2"]]
    assert there.report() == report(accepted=3)
    there.shutdown()


def test_a_flush_of_a_hanging_exporter_returns_by_its_deadline() -> None:
    blocking = Blocking()
    there = destination(blocking)
    there.on_end(spans(1)[0])
    assert there.force_flush(timeout_millis=10) is False
    assert blocking.entered.wait(5)
    blocking.free.set()
    assert there.force_flush(timeout_millis=5_000) is True
    there.shutdown()


def test_spans_that_fell_out_of_a_full_queue_stay_unknown_and_the_flush_says_so() -> None:
    blocking = Blocking()
    there = destination(blocking, queue=2)
    first, *rest = spans(5)
    there.on_end(first)
    flush = there.start_flush()
    assert blocking.entered.wait(5)
    for span in rest:
        there.on_end(span)
    blocking.free.set()
    assert outcome_of(flush, 5) is True
    assert there.force_flush() is False
    assert there.report() == report(accepted=3, unknown=2)
    there.shutdown()


def test_a_span_that_is_not_sampled_is_not_expected() -> None:
    span = spans(1)[0]
    context = span.get_span_context()
    assert context is not None
    unsampled = ReadableSpan("x", context=type(context)(1, 1, is_remote=False, trace_flags=TraceFlags(0)))
    there = destination(Scripted(OK))
    there.on_end(unsampled)
    assert there.report() == report()
    there.shutdown()


def test_closing_sends_what_is_queued() -> None:
    there = destination(Scripted(OK))
    there.on_end(spans(1)[0])
    assert there.start_close() is there.start_close()
    assert outcome_of(there.start_close(), 5) is True
    assert there.report() == report(accepted=1)


def test_closing_does_not_wait_for_a_flush_that_hangs() -> None:
    blocking = Blocking()
    there = destination(blocking, endpoint=dead_endpoint())
    there.on_end(spans(1)[0])
    flush = there.start_flush()
    assert blocking.entered.wait(5)
    closing = there.start_close()
    assert blocking.shut_down.wait(5)
    assert not flush.done()
    assert there.report() == report(unknown=1, reason="nothing listens")
    blocking.free.set()
    assert outcome_of(closing, 5) is True


def test_closing_refuses_at_once_where_nothing_listens() -> None:
    inner = Scripted(OK)
    there = destination(inner, endpoint=dead_endpoint())
    there.on_end(spans(1)[0])
    assert outcome_of(there.start_close(), 5) is False
    assert inner.batches == []
    assert there.report() == report(refused=1, reason="nothing listens")


def test_a_provider_that_shuts_down_what_is_closing_does_not_wait_for_it_again() -> None:
    blocking = Blocking()
    there = destination(blocking)
    there.on_end(spans(1)[0])
    closing = there.start_close()
    assert blocking.entered.wait(5)
    there.shutdown()
    assert not blocking.shut_down.is_set()
    blocking.free.set()
    assert outcome_of(closing, 5) is True


def test_a_closed_destination_has_let_go_of_its_exporter() -> None:
    exporter = Blocking()
    exporter.free.set()
    held = weakref.ref(exporter)
    there = destination(exporter)
    del exporter
    assert outcome_of(there.start_close(), 5) is True
    assert held() is None


def test_a_courier_survives_an_errand_that_raises() -> None:
    courier = Courier("test")
    assert outcome_of(courier.run(lambda: bool(1 // 0)), 5) is False
    assert outcome_of(courier.run(lambda: True), 5) is True
    courier.stop()
    assert outcome_of(courier.run(lambda: True), 5) is False


def test_listening_tells_an_open_port_from_a_closed_one() -> None:
    with hanging() as endpoint:
        assert listening(endpoint)
        assert listening(endpoint.removeprefix("http://"))
        assert listening(endpoint.replace("//", "//user:secret@"))
    assert not listening(dead_endpoint())


def test_listening_finds_ipv6() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert listening(f"http://[::1]:{server.getsockname()[1]}")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:99999", "http://[::1", "http://a..b:1"])
def test_nothing_listens_at_an_impossible_endpoint(endpoint: str) -> None:
    assert not listening(endpoint)


def test_a_unix_socket_is_given_the_benefit_of_the_doubt() -> None:
    assert listening("unix:///run/collector.sock")


def test_a_proxy_is_given_the_benefit_of_the_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "localhost")
    assert listening(dead_endpoint())
    assert not listening(dead_endpoint().replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize(
    ("endpoint", "seen"),
    [
        ("http://localhost:4318/v1/traces", "http://localhost:4318"),
        ("https://user:p@ss/w@host/v1?api_key=secret", "https://host"),
        ("http://[::1]:4318/x", "http://[::1]:4318"),
        ("user:secret@host:4317", "host:4317"),
    ],
)
def test_an_endpoint_is_shown_without_secrets(endpoint: str, seen: str) -> None:
    assert shown(endpoint) == seen


def test_the_notices_say_what_to_do_and_what_was_lost() -> None:
    assert silence_notice("http://me:secret@localhost:4318/v1/traces") == (
        "nothing listens at http://localhost:4318: traces will not arrive. "
        "Start Jaeger with: docker compose up -d jaeger"
    )
    lost = report(accepted=1, refused=2, unknown=1, reason="refused")
    assert loss_notice(lost, "http://localhost:4318/v1/traces") == (
        "traces did not arrive: 3 of 4 spans for there at http://localhost:4318 (refused)"
    )
    assert loss_notice(report(unknown=1), None) == "traces did not arrive: 1 of 1 spans for there"
    assert loss_notice(report(accepted=4), None) is None
