"""Receivers that speak TLS with a certificate that only the settings of OTLP vouch for."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from opentelemetry.sdk.resources import Resource

from instrumentation.metrics.provider import Meters
from instrumentation.otlp.answers import Answer, answer_to
from instrumentation.otlp.exporters import outlet_of
from tests.instrumentation.delivery.doubles import spans

OTLP = "OTEL_EXPORTER_OTLP_"


def made_in(directory: Path) -> tuple[Path, Path]:
    """A certificate of localhost that nobody else has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


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
