import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry import trace

from instrumentation import configure
from instrumentation.otlp.addresses import Place, diagnosis, shown, unreachable
from instrumentation.otlp.settings import Protocol
from instrumentation.testing import closed_port, collecting
from tests.collectors import accepting_only, answering
from tests.jaeger.plugin import Jaeger

HTTP: Protocol = "http/protobuf"
GRPC: Protocol = "grpc"
WEB_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 9\r\n\r\n<p>Jaeger"
NOT_ALLOWED = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"
SETTINGS = bytes.fromhex("000000040000000000")
HTTP_TO_HTTPS = (b"HTTP/1.0 400 Bad Request\r\n\r\n", b"Client sent an HTTP request to an HTTPS server.\n")
TLS_ALERT = (bytes.fromhex("15030100020246"),)
START_JAEGER = "traces will not arrive. Start Jaeger with: docker compose up -d jaeger"
TAKES_NO_SPANS = (
    "answers with a web page and takes no spans: send to the receiver, usually port 4318. Port 16686 is Jaeger's UI"
)
both = pytest.mark.parametrize("protocol", [HTTP, GRPC])


def looked(endpoint: str, protocol: Protocol = HTTP, **env: str) -> str | None:
    """What a look at the address says, before anything is sent there."""
    return diagnosis(endpoint, protocol, env=env)


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")


@both
def test_at_a_receiver_nothing_is_wrong(protocol: Protocol) -> None:
    with collecting(protocol) as collector:
        assert looked(f"{collector.url}/v1/traces" if protocol == HTTP else collector.url, protocol) is None
        assert unreachable(collector.url) is None
    assert collector.requests == 0


@both
def test_nothing_listens(protocol: Protocol) -> None:
    with closed_port() as url:
        assert looked(f"{url}/v1/traces", protocol) == f"nothing listens at {url}: {START_JAEGER}"
        assert unreachable(url) == "nothing listens"


def test_of_a_host_elsewhere_it_is_not_said_to_start_jaeger() -> None:
    host = "a" * 64  # too long for a name, so nobody is asked for it
    assert looked(f"http://{host}:4318") == (
        f"the host {host} of http://{host}:4318 cannot be found: traces will not arrive. Check its name"
    )
    assert unreachable(f"http://{host}:4318") == "its host cannot be found"
    with closed_port() as url:
        elsewhere = url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - a host that is not called loopback
        assert (
            looked(elsewhere) == f"nothing listens at {elsewhere}: traces will not arrive. Check the host and the port"
        )
    # Of the addresses that go nowhere, the system knows this one by itself.
    line = looked("http://255.255.255.255:4318")
    assert line == (
        "http://255.255.255.255:4318 cannot be reached: traces will not arrive. "
        "Check the host, the port and firewalls in between"
    )


def test_http_is_sent_to_the_port_for_grpc() -> None:
    with collecting(GRPC) as collector:
        assert looked(f"{collector.url}/v1/traces", HTTP) == (
            f"{collector.url} speaks gRPC, not HTTP: send to the port for HTTP, usually 4318, "
            "or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
        )


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:{}", "http://127.0.0.1:{}/v1/traces"])
def test_grpc_is_sent_to_the_port_for_http(endpoint: str) -> None:
    with collecting(HTTP) as collector:
        assert looked(endpoint.format(urlsplit(collector.url).port), GRPC) == (
            f"{collector.url} speaks HTTP, not gRPC: send to the port for gRPC, usually 4317, "
            "or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
        )


def test_a_web_page_answers() -> None:
    with answering(WEB_PAGE) as url:
        assert looked(f"{url}/v1/traces") == f"{url} {TAKES_NO_SPANS}"
    line = diagnosis("http://me:secret@far:16686/v1/traces?key=secret", HTTP, status=200, web_page=True, env={})
    assert line == f"http://far:16686 {TAKES_NO_SPANS}"


@pytest.mark.jaeger
def test_the_ports_of_jaeger_are_told_apart(jaeger: Jaeger) -> None:
    http, grpc, ui = jaeger.otlp_http_endpoint, jaeger.otlp_grpc_endpoint, jaeger.ui_url
    lines = [looked(f"{url}/v1/traces", protocol) for url in (http, grpc, ui) for protocol in (HTTP, GRPC)]
    assert [line and line.partition(": send")[0] for line in lines] == [
        None,
        f"{http} speaks HTTP, not gRPC",
        f"{grpc} speaks gRPC, not HTTP",
        None,
        f"{ui} answers with a web page and takes no spans",
        f"{ui} speaks HTTP, not gRPC",
    ]


def test_a_web_page_of_an_error_says_nothing() -> None:
    with answering(WEB_PAGE.replace(b"200 OK", b"404 Not Found")) as url:
        assert looked(f"{url}/v1/traces") is None


CREDENTIALS = "check the credentials in OTEL_EXPORTER_OTLP_HEADERS"
PATH = (
    "no receiver is at this path. OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it is, "
    "to OTEL_EXPORTER_OTLP_ENDPOINT /v1/traces is added"
)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, f"401 (Unauthorized): {CREDENTIALS}"),
        (403, f"403 (Forbidden): {CREDENTIALS}"),
        (404, f"404 (Not Found): {PATH}"),
        (405, f"405 (Method Not Allowed): {PATH}"),
        (503, "503 (Service Unavailable): see what the receiver logged"),
        (599, "599: see what the receiver logged"),
    ],
)
def test_a_refusal_is_explained_by_its_status_with_the_url_that_was_used(status: int, words: str) -> None:
    endpoint = "http://me:secret@far:4318/my/path?key=secret#secret"
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret"}
    assert diagnosis(endpoint, HTTP, status=status, env=headers) == f"http://far:4318/my/path answered {words}"


def test_of_metrics_the_lines_speak_of_metrics() -> None:
    def looked_for_metrics(url: str, **said: Any) -> str | None:
        return diagnosis(f"{url}/v1/metrics", HTTP, signal="metrics", env={}, **said)

    with closed_port() as url:
        assert looked_for_metrics(url) == (
            f"nothing listens at {url}: metrics will not arrive. "
            "Start a collector that takes metrics; Jaeger takes traces only"
        )
    with answering(WEB_PAGE) as url:
        assert looked_for_metrics(url) == f"{url} {TAKES_NO_SPANS.replace('spans', 'metrics')}"
    assert looked_for_metrics("http://far:4318", status=404) == (
        f"http://far:4318/v1/metrics answered 404 (Not Found): "
        f"{PATH.replace('TRACES', 'METRICS').replace('traces', 'metrics')}; Jaeger takes traces only"
    )


def test_of_metrics_a_variable_of_their_own_says_whether_grpc_speaks_tls() -> None:
    env = {"OTEL_EXPORTER_OTLP_METRICS_INSECURE": "true", "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "false"}
    with collecting(GRPC) as collector:
        endpoint = collector.url.removeprefix("http://")
        assert diagnosis(endpoint, GRPC, signal="metrics", env=env) is None
        assert diagnosis(endpoint, GRPC, signal="traces", env=env) is not None


def test_a_batch_that_is_too_large_and_a_redirection_are_explained() -> None:
    lines = [diagnosis("http://far:1/v1/traces", HTTP, status=status, env={}) for status in (413, 307)]
    assert lines[0] is not None
    assert lines[0].endswith(
        "a batch is too large for it. Raise its limit, max_request_body_size in an OpenTelemetry Collector"
    )
    assert lines[1] == (
        "http://far:1/v1/traces answered 307 (Temporary Redirect): it is not followed, "
        "because credentials are for this address alone. Set the new address"
    )


@both
@pytest.mark.parametrize("said", [HTTP_TO_HTTPS, TLS_ALERT])
def test_what_is_not_encrypted_is_sent_to_a_server_of_tls(protocol: Protocol, said: tuple[bytes, ...]) -> None:
    with answering(*said) as url:
        assert diagnosis(url, protocol, status=400, env={}) == f"{url} speaks TLS: write https:// in the endpoint"


def test_what_is_encrypted_is_sent_to_a_server_without_tls() -> None:
    with collecting(HTTP) as collector:
        url = collector.url.replace("http:", "https:")
        assert looked(f"{url}/v1/traces") == f"{url} does not speak TLS: write http:// in the endpoint"


@pytest.mark.parametrize(
    ("scheme", "env", "is_wrong"),
    [
        ("http://", {}, False),
        ("https://", {}, True),
        ("", {}, True),
        ("", {"OTEL_EXPORTER_OTLP_INSECURE": "true"}, False),
        ("", {"OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "false"}, True),
        ("http://", {"OTEL_EXPORTER_OTLP_TRACES_INSECURE": "false"}, True),
    ],
)
def test_grpc_speaks_tls_unless_it_is_told_otherwise(scheme: str, env: dict[str, str], is_wrong: bool) -> None:
    with collecting(GRPC) as collector:
        endpoint = collector.url.replace("http://", scheme)
        line = (
            f"{endpoint} does not speak TLS: write http:// in the endpoint and leave OTEL_EXPORTER_OTLP_INSECURE unset"
        )
        assert looked(endpoint, GRPC, **env) == (line if is_wrong else None)


@needs_ipv6
@both
@pytest.mark.parametrize(("there", "asked"), [("127.0.0.1", "[::1]"), ("::1", "127.0.0.1")])
def test_it_listens_on_the_other_loopback_address_only(protocol: Protocol, there: str, asked: str) -> None:
    said = NOT_ALLOWED if protocol == HTTP else SETTINGS
    with answering(said, host=there) as url:
        wrong = f"http://{asked}:{urlsplit(url).port}"
        assert looked(wrong, protocol) == f"nothing listens at {wrong}, but something does at {url}: use that address"
        assert (unreachable(wrong), unreachable(url), looked(url, protocol)) == ("nothing listens", None, None)


def localhost_is(*addresses: str) -> Callable[..., list[Any]]:
    """The system's resolver on a machine whose localhost is this, in this order."""
    system = socket.getaddrinfo

    def resolve(host: str | None, *args: Any, **options: Any) -> list[Any]:
        hosts = addresses if host == "localhost" else (host,)
        return [entry for one in hosts for entry in system(one, *args, **options)]

    return resolve


@needs_ipv6
@pytest.mark.parametrize("there", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("addresses", [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
def test_localhost_finds_what_listens_on_either_of_its_addresses(
    addresses: tuple[str, ...], there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", localhost_is(*addresses))
    with answering(NOT_ALLOWED, host=there) as url:
        endpoint = f"http://localhost:{urlsplit(url).port}/v1/traces"
        assert (unreachable(endpoint), looked(endpoint)) == (None, None)


@needs_ipv6
@both
@pytest.mark.parametrize(("there", "localhost"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
def test_localhost_is_the_other_loopback_address_only(
    there: str, localhost: str, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", localhost_is(localhost))
    said = NOT_ALLOWED if protocol == HTTP else SETTINGS
    with answering(said, host=there) as url:
        wrong = f"http://localhost:{urlsplit(url).port}"
        assert looked(wrong, protocol) == f"nothing listens at {wrong}, but something does at {url}: use that address"
        assert unreachable(wrong) == "nothing listens"


@needs_ipv6
@pytest.mark.parametrize("addresses", [("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("::1",)])
@pytest.mark.usefixtures("no_global_state")
def test_spans_reach_a_collector_on_ipv4_only_by_localhost_or_are_kept_at_once(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", localhost_is(*addresses))
    lines: list[str] = []
    with collecting(HTTP) as collector:
        endpoint = collector.url.replace("127.0.0.1", "localhost")
        start_s = time.monotonic()
        telemetry = configure(exporters=["jaeger"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, notify=lines.append)
        trace.get_tracer("test").start_span("a").end()
        arrives = "127.0.0.1" in addresses
        assert telemetry.shutdown() is arrives
        assert time.monotonic() - start_s < 2.5
    assert collector.names == (["a"] if arrives else [])
    assert [line.partition(",")[0] for line in lines[:1]] == ([] if arrives else [f"nothing listens at {endpoint}"])
    assert len(lines) == (0 if arrives else 2)


SENDS_AWAY = "sends what is for http://localhost:1 to a proxy, though it is on this machine"


@pytest.mark.parametrize(
    ("protocol", "env", "line"),
    [
        (HTTP, {"http_proxy": "P"}, f"http_proxy {SENDS_AWAY}: NO_PROXY=localhost exempts it"),
        (HTTP, {"HTTP_PROXY": "P"}, f"HTTP_PROXY {SENDS_AWAY}: NO_PROXY=localhost exempts it"),
        (HTTP, {"ALL_PROXY": "P"}, f"ALL_PROXY {SENDS_AWAY}: NO_PROXY=localhost exempts it"),
        (HTTP, {"https_proxy": "P", "grpc_proxy": "P"}, None),
        (HTTP, {"http_proxy": "P", "NO_PROXY": "a, localhost"}, None),
        (HTTP, {"http_proxy": "P", "no_proxy": "localhost:1"}, None),
        (HTTP, {"http_proxy": "P", "no_proxy": "*"}, None),
        (HTTP, {"http_proxy": "P", "no_proxy": "host,,2"}, f"http_proxy {SENDS_AWAY}: NO_PROXY=localhost exempts it"),
        (GRPC, {"https_proxy": "P"}, f"https_proxy {SENDS_AWAY}: no_proxy=localhost exempts it"),
        (GRPC, {"grpc_proxy": "P", "http_proxy": "Q"}, f"grpc_proxy {SENDS_AWAY}: no_proxy=localhost exempts it"),
        (GRPC, {"http_proxy": "P", "NO_PROXY": "localhost"}, f"http_proxy {SENDS_AWAY}: no_proxy=localhost exempts it"),
        (GRPC, {"http_proxy": "P", "no_grpc_proxy": "localhost"}, None),
        (GRPC, {"HTTP_PROXY": "P", "ALL_PROXY": "P"}, None),
    ],
)
def test_a_proxy_is_in_the_way_of_this_machine(protocol: Protocol, env: dict[str, str], line: str | None) -> None:
    found = looked("http://localhost:1", protocol, **env)
    assert found == (line or f"nothing listens at http://localhost:1: {START_JAEGER}")


def test_a_network_is_exempt_from_a_proxy() -> None:
    with closed_port() as url:
        assert looked(url, http_proxy="P", no_proxy="127.0.0.0/8") == f"nothing listens at {url}: {START_JAEGER}"


def test_a_proxy_that_cannot_be_reached_is_named_by_its_variable() -> None:
    with closed_port() as url:
        proxy = url.replace("http://", "http://me:secret@")
        assert looked("http://far:4318/v1/traces", HTTP_PROXY=proxy) == (
            "the proxy that HTTP_PROXY names for http://far:4318 cannot be reached: correct it; NO_PROXY=far exempts it"
        )


def test_what_is_answered_by_way_of_a_proxy_says_so() -> None:
    with accepting_only() as url:
        env = {"HTTP_PROXY": url}
        assert diagnosis("http://far:4318", HTTP, env=env) is None
        assert diagnosis("http://far:4318/v1/traces", HTTP, status=403, env=env) == (
            f"http://far:4318/v1/traces answered 403 (Forbidden): {CREDENTIALS} "
            "(by way of the proxy that HTTP_PROXY names; NO_PROXY=far exempts it)"
        )


@pytest.mark.parametrize("endpoint", ["unix:///run/otel.sock", "unix:run/otel.sock", "dns:///far:4317", "http://"])
def test_what_has_no_host_and_port_is_not_looked_at(endpoint: str) -> None:
    assert (looked(endpoint, GRPC), unreachable(endpoint)) == (None, None)


@pytest.mark.parametrize("endpoint", ["http://far:99999", "http://[far", "http://far:port"])
def test_what_is_no_url_does_no_harm(endpoint: str) -> None:
    assert (looked(endpoint), unreachable(endpoint), shown(endpoint)) == (None, "nothing listens", "***")


@pytest.mark.parametrize(
    ("endpoint", "protocol", "port"),
    [("http://far", HTTP, 80), ("https://far", HTTP, 443), ("http://far", GRPC, 443), ("far", GRPC, 443)],
)
def test_without_a_port_it_is_the_protocol_s_own(endpoint: str, protocol: Protocol, port: int) -> None:
    place = Place.of(endpoint, protocol)
    assert place is not None
    assert (place.host, place.port) == ("far", port)


@contextmanager
def dribbling() -> Iterator[str]:
    """The URL of a server that says something every now and then, and never comes to an end."""
    ended = threading.Event()

    def dribble(server: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 ")
                while not ended.wait(0.05):
                    connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=dribble, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        thread.join()


def test_a_server_that_says_nothing_or_never_ends_takes_a_second_at_most() -> None:
    for opened, at_most_s in ((accepting_only(), 0.5), (dribbling(), 1.0)):
        with opened as url:
            start_s = time.monotonic()
            assert looked(url) is None
            assert time.monotonic() - start_s < at_most_s + 0.3


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS
GET = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAccept: */*\r\n\r\n"


@pytest.mark.parametrize(
    ("scheme", "protocol", "expected"),
    [("http", HTTP, GET % b"/v1/traces"), ("https", HTTP, GET % b"/"), ("http", GRPC, PREFACE)],
)
def test_no_credentials_are_sent_and_no_path_that_would_be_encrypted(
    scheme: str, protocol: Protocol, expected: bytes
) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hear() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(65_536))

        thread = threading.Thread(target=hear)
        thread.start()
        endpoint = f"{scheme}://me:secret@127.0.0.1:{server.getsockname()[1]}/v1/traces?key=secret"
        assert looked(endpoint, protocol, OTEL_EXPORTER_OTLP_HEADERS="authorization=secret") is None
        thread.join()
    assert heard == [expected]


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("http://localhost:4318/v1/traces", "http://localhost:4318"),
        ("http://me:secret@far", "http://far"),
        ("http://far:1?key=secret@x://y", "http://far:1"),
        ("http://me:sec/ret@far", "***"),
        ("http://me:sec?ret@far", "***"),
        ("localhost:4317", "localhost:4317"),
        ("me:secret@far:1", "far:1"),
        ("http://[::1]:4318/", "http://[::1]:4318"),
    ],
)
def test_what_is_shown_of_an_endpoint_holds_no_secret(endpoint: str, line: str) -> None:
    assert shown(endpoint) == line
