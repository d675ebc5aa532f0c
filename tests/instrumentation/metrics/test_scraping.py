"""The metrics as Prometheus fetches them, over real HTTP."""

import gzip
import http.client
import itertools
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.resources import Resource
from prometheus_client.parser import text_string_to_metric_families

from instrumentation.metrics import endpoint
from instrumentation.metrics.provider import Meters
from instrumentation.metrics.scraping import PORTS, scrape_place_in
from instrumentation.testing.sockets import reset
from nanoagent.errors import ConfigurationError
from tests.instrumentation.otlp.test_addresses import needs_ipv6

HOST = "OTEL_EXPORTER_PROMETHEUS_HOST"
PORT = "OTEL_EXPORTER_PROMETHEUS_PORT"
RESOURCE = Resource({"service.name": "shop", "service.version": "1.2", "service.instance.id": "me"})


@contextmanager
def scraped(port: int | str = 0, host: str = "", resource: Resource = RESOURCE) -> Iterator[Meters]:
    meters = Meters(["prometheus"], resource=resource, env={PORT: str(port), HOST: host}, notify=print)
    try:
        yield meters
    finally:
        meters.shutdown(5)


def asked(
    url: str, path: str = "/metrics", *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def text_of(meters: Meters) -> str:
    return asked(meters.endpoints[0])[2].decode()


def samples_in(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name != "target_info"
    }


def record_some(meters: Meters) -> None:
    meter = meters.provider.get_meter("shop", "9")
    meter.create_counter("shop.cost", "usd", "What was spent").add(1.5, {"shop.kind": "a"})
    histogram = meter.create_histogram("shop.duration", "s", explicit_bucket_boundaries_advisory=[0.5, 1.0])
    histogram.record(0.7)
    meter.create_histogram("shop.share", "1", explicit_bucket_boundaries_advisory=[0.5]).record(0.7)
    meter.create_observable_gauge("shop.open", [lambda _: [Observation(3)]], "{order}")


TEXT = """\
# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_instance_id="me",service_name="shop",service_version="1.2"} 1.0
# HELP shop_open 
# TYPE shop_open gauge
shop_open{service_version="1.2"} 3.0
# HELP shop_cost_usd_total What was spent
# TYPE shop_cost_usd_total counter
shop_cost_usd_total{service_version="1.2",shop_kind="a"} 1.5
# HELP shop_duration_seconds 
# TYPE shop_duration_seconds histogram
shop_duration_seconds_bucket{le="0.5",service_version="1.2"} 0.0
shop_duration_seconds_bucket{le="1.0",service_version="1.2"} 1.0
shop_duration_seconds_bucket{le="+Inf",service_version="1.2"} 1.0
shop_duration_seconds_count{service_version="1.2"} 1.0
shop_duration_seconds_sum{service_version="1.2"} 0.7
# HELP shop_share 
# TYPE shop_share histogram
shop_share_bucket{le="0.5",service_version="1.2"} 0.0
shop_share_bucket{le="+Inf",service_version="1.2"} 1.0
shop_share_count{service_version="1.2"} 1.0
shop_share_sum{service_version="1.2"} 0.7
"""  # noqa: W291 - as it is written


# -- what is served ---------------------------------------------------------------------------------------------------


def test_the_numbers_have_units_in_their_names_and_the_version_as_a_label_and_nothing_of_the_meter() -> None:
    with scraped() as meters:
        record_some(meters)
        status, headers, body = asked(meters.endpoints[0])
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        by_family = re.split(r"(?=# HELP)", body.decode())
        assert sorted(by_family) == sorted(re.split(r"(?=# HELP)", TEXT))


def test_every_scrape_says_the_same_until_something_happens() -> None:
    with scraped() as meters:
        record_some(meters)
        # Whoever flushes the provider collects, too, which must not be in the next scrape twice.
        before = text_of(meters)
        assert meters.provider.force_flush()
        assert meters.flush(5)
        assert text_of(meters) == text_of(meters) == before


def test_the_names_are_the_same_in_openmetrics() -> None:
    with scraped() as meters:
        record_some(meters)
        # As Prometheus 2 and 3 ask.
        accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8,text/plain;version=0.0.4;q=0.5"
        status, headers, body = asked(meters.endpoints[0], headers={"Accept": accept})
        assert (status, headers["Content-Type"]) == (
            200,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        )
        assert body.endswith(b"# EOF\n")
        of_both = [{line for line in text.splitlines() if line[0] != "#"} for text in (body.decode(), TEXT)]
        assert of_both[0] == of_both[1]


@pytest.mark.parametrize("version", ["x", "1.x.0", "1.0\xff"])
def test_whoever_asks_for_a_version_that_is_none_gets_what_everybody_reads(version: str) -> None:
    with scraped() as meters:
        record_some(meters)
        accept = f"application/openmetrics-text;version={version}"
        status, headers, body = asked(meters.endpoints[0], headers={"Accept": accept})
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert body.decode() == text_of(meters)


def test_whoever_takes_gzip_gets_it_and_a_head_has_no_body() -> None:
    with scraped() as meters:
        record_some(meters)
        _, plain_headers, plain = asked(meters.endpoints[0])
        _, headers, packed = asked(meters.endpoints[0], headers={"Accept-Encoding": "br, gzip"})
        assert headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed) == plain
        status, head, body = asked(meters.endpoints[0], method="HEAD")
        assert (status, body) == (200, b"")
        assert [named["Content-Length"] for named in (head, plain_headers)] == [str(len(plain))] * 2


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/", 200, "The metrics are at /metrics\n"),
        ("/metrics?x=1", 200, None),
        ("/metrics/", 404, "Nothing is here; the metrics are at /metrics\n"),
        ("/favicon.ico", 404, "Nothing is here; the metrics are at /metrics\n"),
    ],
)
def test_nothing_else_is_served(path: str, status: int, body: str | None) -> None:
    with scraped() as meters:
        found = asked(meters.endpoints[0], path)
        assert found[0] == status
        assert body is None or found[2].decode() == body
        assert asked(meters.endpoints[0], path, method="POST")[0] == 501
        assert found[1]["Server"].strip() == "nanoagent"


def test_what_is_no_path_is_not_found() -> None:
    with scraped() as meters:
        place = urlsplit(meters.endpoints[0])
        with socket.create_connection((place.hostname, place.port), 20) as connection:
            connection.sendall(b"GET http://[ HTTP/1.0\r\n\r\n")
            assert connection.recv(18) == b"HTTP/1.0 404 Not F"


def test_scrapes_at_one_time_each_have_the_whole() -> None:
    # It takes the exporter some time to put all this in its first answer.
    much = Resource({f"said.{number}": number for number in range(10_000)})
    with scraped(resource=much) as meters:
        record_some(meters)
        together = threading.Barrier(4)

        def text(_: int) -> str:
            together.wait(20)
            return text_of(meters)

        with ThreadPoolExecutor(4) as pool:
            texts = list(pool.map(text, range(4)))
        assert [found.count("# HELP shop_cost_usd_total") for found in texts] == [1] * 4


def test_a_series_too_many_goes_into_one_that_says_so() -> None:
    with scraped() as meters:
        counter = meters.provider.get_meter("shop").create_counter("shop.orders")
        for number in range(2_500):
            counter.add(1, {"who": str(number)})
        samples = samples_in(text_of(meters))
        assert (len(samples), sum(samples.values())) == (2_001, 2_500)
        overflow = ("shop_orders_total", (("otel_metric_overflow", "true"), ("service_version", "1.2"), ("who", "")))
        assert samples[overflow] == 500


# -- where ------------------------------------------------------------------------------------------------------------


def free_ports(count: int) -> int:
    """The first of so many, of those that no system gives to connections; other processes begin elsewhere."""
    for attempt in itertools.count(os.getpid()):
        first = 15_000 + attempt * count % 17_000
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True


def test_by_default_nobody_from_elsewhere_can_connect() -> None:
    with scraped(free_ports(1)) as meters:
        port = urlsplit(meters.endpoints[0]).port or 0
        assert meters.endpoints == (f"http://127.0.0.1:{port}/metrics",)
        # Other addresses of this machine stand for those that others reach it by.
        assert [listens(host, port) for host in ("127.0.0.1", "127.0.0.2", "::1")] == [True, False, False]
    with scraped(host="0.0.0.0") as meters:  # noqa: S104 - it is what is tried
        port = urlsplit(meters.endpoints[0]).port or 0
        assert listens("127.0.0.2", port)


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_it_listens_at_an_address_of_ipv6(host: str) -> None:
    port = free_ports(1)
    with scraped(port, host=host) as meters:
        assert meters.endpoints == (f"http://[::1]:{port}/metrics",)
        assert asked(meters.endpoints[0])[0] == 200
        assert not listens("127.0.0.1", port)


def test_of_a_hosts_addresses_one_that_the_machine_lacks_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    system = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **options: Any) -> list[Any]:
        hosts = ("2001:db8::1", "192.0.2.1", "127.0.0.1") if host == "localhost" else (host,)
        return [found for one in hosts for found in system(one, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with scraped(host="localhost") as meters:
        port = urlsplit(meters.endpoints[0]).port or 0
        assert meters.endpoints == (f"http://localhost:{port}/metrics",)
        assert listens("127.0.0.1", port)


def test_workers_have_ports_one_after_another_and_the_one_too_many_goes_without() -> None:
    first = free_ports(PORTS)
    with ExitStack() as stack:
        workers = [stack.enter_context(scraped(first)) for _ in range(PORTS + 1)]
        assert [worker.endpoints for worker in workers] == [
            *[(f"http://127.0.0.1:{port}/metrics",) for port in range(first, first + PORTS)],
            (),
        ]
        assert [worker.notices for worker in workers] == [
            (),
            *[
                (f"metrics are served at http://127.0.0.1:{port}/metrics: others listen at 127.0.0.1:{first}",)
                for port in range(first + 1, first + PORTS)
            ],
            (
                f"metrics are not served: others listen at 127.0.0.1:{first} and on the ports up to "
                f"{first + PORTS - 1}; give this process a port of its own with {PORT}",
            ),
        ]
        for number, worker in enumerate(workers):
            worker.provider.get_meter("shop").create_counter("shop.orders").add(number)
        assert [list(samples_in(text_of(worker)).values()) for worker in workers[:PORTS]] == [
            [number] for number in range(PORTS)
        ]
    # A port that was served a moment ago can be served again.
    with scraped(first) as meters:
        assert meters.endpoints == (f"http://127.0.0.1:{first}/metrics",)


def test_the_ports_end_where_all_ports_do() -> None:
    assert [scrape_place_in({PORT: port}).ports for port in ("65530", "9464", "0")] == [
        range(65_530, 65_536),
        range(9_464, 9_480),
        range(1),
    ]


@pytest.mark.parametrize("value", ["x", "-1", "65536", "9464.0", "٣", "1e3"])
def test_what_is_no_port_is_an_error(value: str) -> None:
    with pytest.raises(ConfigurationError) as raised, scraped(value):
        pass
    assert str(raised.value) == f"{PORT} must be a port from 0 to 65535, got {value!r}"


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 64, "x\udc80"])
def test_a_host_that_is_not_this_machine_is_an_error(host: str) -> None:
    with pytest.raises(ConfigurationError) as raised, scraped(host=host):
        pass
    assert str(raised.value).startswith(f"{HOST} must be an address or a name of this machine, got {host!r}: ")


# -- clients that misbehave, and the end ------------------------------------------------------------------------------


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def until(done: Callable[[], Any]) -> None:
    deadline_s = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_clients_that_say_nothing_keep_nobody_out_and_do_not_delay_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint._Handler, "timeout", 60.0)
    before = open_files()
    with ExitStack() as stack:
        meters = stack.enter_context(scraped(free_ports(1)))
        place = urlsplit(meters.endpoints[0])
        silent = [
            stack.enter_context(socket.create_connection((place.hostname, place.port), 20))
            for _ in range(endpoint.MAX_CONNECTIONS + 8)
        ]
        silent[-1].sendall(b"GET /metr")
        assert asked(meters.endpoints[0])[0] == 200
        # The oldest ones had to go.
        assert silent[0].recv(1) == b""
        assert meters.shutdown(5) is True
        assert not listens("127.0.0.1", place.port or 0)
        assert silent[-1].recv(1) == b""
    until(lambda: open_files() <= before)


def test_clients_of_a_collection_that_hangs_are_bounded_and_answered_again_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(endpoint, "_ENDING_S", 0.01)
    go = threading.Event()

    def hangs(_: CallbackOptions) -> list[Observation]:
        go.wait(20)
        return []

    with ExitStack() as stack:
        meters = stack.enter_context(scraped())
        stack.callback(go.set)
        meters.provider.get_meter("shop").create_observable_gauge("shop.slow", [hangs])
        place = urlsplit(meters.endpoints[0])
        before = threading.active_count()
        for _ in range(20):
            client = stack.enter_context(socket.create_connection((place.hostname, place.port), 20))
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
        assert threading.active_count() <= before + 4
        go.set()
        until(lambda: threading.active_count() <= before)
        assert asked(meters.endpoints[0])[0] == 200


def test_a_client_that_says_nothing_for_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint._Handler.timeout == endpoint.SILENCE_S
    monkeypatch.setattr(endpoint._Handler, "timeout", 0.05)
    with scraped() as meters:
        place = urlsplit(meters.endpoints[0])
        with socket.create_connection((place.hostname, place.port), 20) as silent:
            assert silent.recv(1) == b""


def test_a_client_that_has_gone_is_no_news(capfd: pytest.CaptureFixture[str]) -> None:
    with scraped() as meters:
        before = open_files()
        place = urlsplit(meters.endpoints[0])
        connection = socket.create_connection((place.hostname, place.port), 20)
        connection.sendall(b"GET /metr")
        until(lambda: open_files() == before + 2)
        reset(connection)
        until(lambda: open_files() == before)
        assert asked(meters.endpoints[0])[0] == 200
    assert capfd.readouterr().err == ""


def test_a_shutdown_closes_all_and_a_second_one_does_nothing() -> None:
    before = open_files(), threading.active_count()
    with scraped() as meters:
        assert asked(meters.endpoints[0])[0] == 200
        assert meters.shutdown(5) is True
        assert meters.shutdown(5) is True
        meters.provider.shutdown()
    until(lambda: (open_files(), threading.active_count()) <= before)


def test_what_fails_while_it_is_collected_is_an_answer_and_is_said_once(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with scraped() as meters:
        meter = meters.provider.get_meter("shop")
        fails = True

        class Label(str):
            def __str__(self) -> str:
                if fails:
                    raise RuntimeError("secret")
                return "fine"

        meter.create_counter("shop.orders").add(1, {"who": Label("x")})
        for _ in range(2):
            fails = True
            assert [asked(meters.endpoints[0])[0] for _ in range(2)] == [500, 500]
            fails = False
            assert asked(meters.endpoints[0])[0] == 200
    # Once for each time that it began to fail.
    assert [message.partition("\n")[0] for message in caplog.messages] == ["metrics could not be collected"] * 2
    assert "secret" not in caplog.text
    assert capfd.readouterr().err == ""
