"""Receivers that speak TLS with a certificate that only the settings of OTLP vouch for."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import pytest
from opentelemetry.sdk.resources import Resource

from instrumentation.metrics.provider import Meters
from instrumentation.otlp.answers import Answer, answer_to
from instrumentation.otlp.exporters import outlet_of
from tests.certificates import made_in
from tests.instrumentation.delivery.doubles import spans

OTLP = "OTEL_EXPORTER_OTLP_"


class Taking(BaseHTTPRequestHandler):
    """Takes whatever it is sent."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust it is what is tried."""


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The URL of a receiver, and its certificate; the environment has others for everything else."""
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(variable, certifi.where())
    certificate, key = made_in(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with QuietServer(("127.0.0.1", 0), Taking) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"https://localhost:{server.server_port}", certificate
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("variable", ["CERTIFICATE", "TRACES_CERTIFICATE", None])
def test_spans_are_sent_to_whom_the_settings_vouch_for(
    receiver: tuple[str, Path], variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate = receiver
    if variable is not None:
        monkeypatch.setenv(f"{OTLP}{variable}", str(certificate))
    exporter = outlet_of("otlp", {f"{OTLP}ENDPOINT": url}).build()
    answer = answer_to(exporter, spans(1))
    exporter.shutdown()
    assert answer == (Answer(error="SSLError") if variable is None else Answer(accepted=True, status=200))


@pytest.mark.parametrize("variable", ["CERTIFICATE", "METRICS_CERTIFICATE", "TRACES_CERTIFICATE"])
def test_metrics_are_sent_to_whom_the_settings_vouch_for(
    receiver: tuple[str, Path], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate = receiver
    monkeypatch.setenv(f"{OTLP}{variable}", str(certificate))
    said: list[str] = []
    meters = Meters(["otlp"], resource=Resource({}), env={f"{OTLP}ENDPOINT": url}, notify=said.append)
    meters.provider.get_meter("shop").create_counter("shop.orders").add(1)
    is_for_metrics = variable != "TRACES_CERTIFICATE"
    assert meters.shutdown(20) is is_for_metrics
    assert said == ([] if is_for_metrics else [f"otlp at {url} does not take metrics: SSLError"])
