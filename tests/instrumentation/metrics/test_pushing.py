"""The metrics as a receiver of OTLP takes them, over real sockets."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions, Counter, Observation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from instrumentation.metrics import pushing
from instrumentation.metrics.provider import EXEMPLAR_VARIABLE, Meters
from instrumentation.testing import (
    AWAY,
    BROKEN,
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    PROTOCOLS,
    Collector,
    Exchange,
    Protocol,
    by_series,
    closed_port,
    collecting,
    never_answers,
    refuses,
    resets_before_answering,
    series,
    takes_all_but,
)
from nanoagent.errors import ConfigurationError
from tests.instrumentation.metrics.test_scraping import open_files, until

OTLP = "OTEL_EXPORTER_OTLP_"
DELTA = {f"{OTLP}METRICS_TEMPORALITY_PREFERENCE": "delta"}

both = pytest.mark.parametrize("protocol", PROTOCOLS)


class Pushed:
    """Meters that push to a URL, what they say, and a counter."""

    def __init__(self, url: str, protocol: Protocol, env: Mapping[str, str]) -> None:
        self.said: list[str] = []
        settings = {
            f"{OTLP}ENDPOINT": url,
            f"{OTLP}PROTOCOL": protocol,
            "OTEL_METRIC_EXPORT_INTERVAL": "3600000",  # nothing is sent by itself
            **env,
        }
        resource = Resource({"service.name": "shop", "service.instance.id": "me"})
        self.meters = Meters(["otlp"], resource=resource, env=settings, notify=self.said.append)
        self.meter = self.meters.provider.get_meter("shop")
        self.counter: Counter = self.meter.create_counter("shop.orders")


@contextmanager
def pushed(url: str, protocol: Protocol = "http/protobuf", env: Mapping[str, str] | None = None) -> Iterator[Pushed]:
    made = Pushed(url, protocol, env or {})
    try:
        yield made
    finally:
        made.meters.shutdown(0.0)


def orders(collector: Collector, **attributes: Any) -> Any:
    found = by_series(collector.metrics).get(series("shop.orders", attributes))
    return found and found.value


# -- the ordinary way -------------------------------------------------------------------------------------------------


@both
def test_a_flush_sends_what_there_is_with_headers_to_the_path_of_metrics(protocol: Protocol) -> None:
    env = {f"{OTLP}METRICS_HEADERS": "x-tenant=blue", f"{OTLP}METRICS_COMPRESSION": "gzip"}
    with collecting(protocol) as collector, pushed(collector.url, protocol, env) as there:
        there.counter.add(2, {"paid": True})
        there.meter.create_histogram("shop.duration", "s", explicit_bucket_boundaries_advisory=[0.5, 1]).record(0.7)
        assert there.meters.flush(20) is True
        found = by_series(collector.metrics)
        assert found[series("shop.orders", {"paid": True})].value == 2
        duration = found[series("shop.duration")]
        assert (duration.unit, duration.temporality) == ("s", "cumulative")
        assert (duration.bounds, duration.bucket_counts, duration.sum) == ((0.5, 1.0), (0, 1, 0), 0.7)
        assert duration.resource == {"service.name": "shop", "service.instance.id": "me"}
        assert collector.headers[0]["x-tenant"] == "blue"
        path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
        assert set(collector.paths) == {"/v1/metrics" if protocol == "http/protobuf" else path}
        assert there.meters.shutdown(20) is True
        assert there.said == []


def test_it_sends_by_itself_at_intervals_and_once_more_at_the_end() -> None:
    with collecting() as collector, pushed(collector.url, env={"OTEL_METRIC_EXPORT_INTERVAL": "20"}) as there:
        there.counter.add(1)
        until(lambda: collector.requests >= 3)
    with collecting() as collector, pushed(collector.url) as there:
        there.counter.add(1)
        assert there.meters.shutdown(20) is True
        assert (collector.requests, orders(collector)) == (1, 1)
        # Afterwards nothing is sent any more.
        there.counter.add(1)
        assert there.meters.flush(20) is True
        assert there.meters.shutdown(20) is True
        assert collector.requests == 1


@both
def test_what_is_long_is_sent_in_parts_and_arrives_whole(protocol: Protocol) -> None:
    with collecting(protocol) as collector, pushed(collector.url, protocol) as there:
        for name in "abc":
            counter = there.meter.create_counter(f"shop.{name}")
            for number in range(1_000):
                counter.add(1, {"who": number})
        assert there.meters.flush(20) is True
        assert collector.requests == 3
        assert len(by_series(collector.metrics)) == 3_000


def test_deltas_are_what_happened_since_the_export_before() -> None:
    with collecting() as collector, pushed(collector.url, env=DELTA) as there:
        for amount in (2, 5):
            there.counter.add(amount)
            assert there.meters.flush(20) is True
        assert [(point.temporality, point.value) for point in collector.metrics] == [("delta", 2), ("delta", 5)]


def test_histograms_are_exponential_where_that_is_asked_for() -> None:
    env = {f"{OTLP}METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"}
    with collecting() as collector, pushed(collector.url, env=env) as there:
        there.meter.create_histogram("shop.duration").record(0.7)
        assert there.meters.flush(20) is True
        assert [point.kind for point in collector.metrics] == ["exponential_histogram"]


def test_an_application_that_flushes_and_shuts_down_the_provider_is_served() -> None:
    with collecting() as collector, pushed(collector.url) as there:
        there.counter.add(1)
        assert there.meters.provider.force_flush() is True
        assert orders(collector) == 1
        there.counter.add(1)
        there.meters.provider.shutdown()
        assert orders(collector) == 2


def test_nothing_is_sent_where_nothing_was_counted() -> None:
    with collecting() as collector, pushed(collector.url) as there:
        assert there.meters.flush(20) is True
        assert collector.requests == 0


def test_a_shutdown_closes_the_connection() -> None:
    with collecting() as collector, pushed(collector.url) as there:
        before = open_files()
        there.counter.add(1)
        assert there.meters.flush(20) is True
        assert open_files() > before
        assert there.meters.shutdown(20) is True
        until(lambda: open_files() <= before)


@pytest.mark.parametrize(
    ("value", "traced", "count"),
    [("", True, 1), ("", False, 0), ("Trace_Based", True, 1), ("always_on", False, 1), ("always_off", True, 0)],
)
def test_the_standard_variable_decides_which_measurements_are_examples(value: str, traced: bool, count: int) -> None:
    env = {EXEMPLAR_VARIABLE: value}
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("shop")
    with collecting() as collector, pushed(collector.url, env=env) as there:
        with tracer.start_as_current_span("order") if traced else nullcontext():
            there.counter.add(1)
        assert there.meters.flush(20) is True
        [point] = collector.metrics
        assert len(point.exemplars) == count
        assert all((exemplar.trace_id is not None) is traced for exemplar in point.exemplars)


def test_another_choice_of_examples_is_an_error() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Pushed("http://far:1", "http/protobuf", {EXEMPLAR_VARIABLE: "all"})
    assert str(raised.value) == f"{EXEMPLAR_VARIABLE} must be trace_based, always_on or always_off, got 'all'"


# -- receivers that fail ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("env", [{}, DELTA])
def test_a_receiver_that_was_away_gets_the_numbers_whole(
    protocol: Protocol, env: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    # gRPC's exporter tries again at once where a connection was broken off, and so do we.
    with (
        collecting(protocol, refuses(AWAY, times=4)) as collector,
        pushed(collector.url, protocol, env) as there,
        caplog.at_level(logging.INFO),
    ):
        arrived: list[bool] = []
        while not any(arrived):
            there.counter.add(1)
            arrived.append(there.meters.flush(20))
        there.counter.add(1)
        assert there.meters.flush(20) is True
        assert 2 <= len(arrived) <= 5
        assert orders(collector) == len(arrived) + 1
        # Once, not at each interval.
        assert len(there.said) == 1
        assert caplog.messages == []


@both
def test_of_deltas_in_parts_only_those_that_did_not_arrive_are_sent_again(protocol: Protocol) -> None:
    def refuses_the_second(exchange: Exchange) -> None:
        if exchange.number == 2:
            exchange.refuse(BROKEN)
        else:
            exchange.take()

    with collecting(protocol, refuses_the_second) as collector, pushed(collector.url, protocol, DELTA) as there:
        for number in range(2_500):
            there.counter.add(1, {"who": number})
        assert there.meters.flush(20) is False
        assert len(collector.metrics) == 1_000
        assert there.meters.flush(20) is True
        assert len(collector.metrics) == len(by_series(collector.metrics)) == 2_001


def test_what_a_broken_connection_left_open_is_sent_again_at_once() -> None:
    # gRPC itself decides when it connects again.
    with collecting(behaviour=resets_before_answering) as collector, pushed(collector.url) as there:
        there.counter.add(1)
        assert there.meters.flush(20) is True
        assert (collector.requests, orders(collector), there.said) == (2, 1, [])


def test_deltas_that_will_never_be_taken_are_not_sent_again() -> None:
    with collecting(behaviour=refuses(INVALID, times=1)) as collector, pushed(collector.url, env=DELTA) as there:
        there.counter.add(1)
        assert there.meters.flush(20) is False
        there.counter.add(10)
        assert there.meters.flush(20) is True
        assert orders(collector) == 10
        assert there.said == [
            f"{collector.url}/v1/metrics answered 400 (Bad Request): see what the receiver logged",
        ]


def test_deltas_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "MAX_WAITING_POINTS", 3)
    with collecting(behaviour=refuses(AWAY, times=5)) as collector, pushed(collector.url, env=DELTA) as there:
        for amount in (1, 10, 100, 1_000, 10_000):
            there.counter.add(amount)
            assert there.meters.flush(20) is False
        there.counter.add(100_000)
        assert there.meters.flush(20) is True
        # The oldest ones had to go.
        assert orders(collector) == 111_000


@both
def test_a_part_that_was_rejected_has_not_arrived(protocol: Protocol) -> None:
    with collecting(protocol, takes_all_but(1)) as collector, pushed(collector.url, protocol) as there:
        there.counter.add(1)
        assert there.meters.flush(20) is False
        assert there.said == [f"otlp at {collector.url} does not take metrics: 1 of a batch were rejected"]


def test_what_is_wrong_is_said_at_once_and_once() -> None:
    with closed_port() as url, pushed(url) as there:
        there.meters.look(20)
        line = (
            f"nothing listens at {url}: metrics will not arrive. "
            "Start a collector that takes metrics; Jaeger takes traces only"
        )
        assert there.said == [line]
        there.counter.add(1)
        assert there.meters.flush(20) is False
        assert there.meters.shutdown(20) is False
        assert there.said == [line]


@both
def test_a_receiver_of_traces_alone_is_named(protocol: Protocol) -> None:
    with collecting(protocol, refuses(NOT_FOUND)) as collector, pushed(collector.url, protocol) as there:
        there.counter.add(1)
        assert there.meters.flush(20) is False
        [line] = there.said
        assert line.endswith("Jaeger takes traces only")


@both
def test_no_credential_is_said_or_logged(protocol: Protocol, caplog: pytest.LogCaptureFixture) -> None:
    env = {f"{OTLP}METRICS_HEADERS": "authorization=Bearer%20s3cr3t-token,x-key=s3cr3t-key"}
    with (
        collecting(protocol, refuses(FORBIDDEN)) as collector,
        caplog.at_level(logging.DEBUG),
        pushed(collector.url, protocol, env) as there,
    ):
        there.meters.look(20)
        there.counter.add(1)
        assert there.meters.flush(20) is False
        assert collector.headers[-1]["authorization"] == "Bearer s3cr3t-token"
        [line] = there.said
        assert line.endswith("answered 401 (Unauthorized): check the credentials in OTEL_EXPORTER_OTLP_HEADERS")
        assert "s3cr3t" not in "\n".join([*there.said, *caplog.messages, repr(there.meters.__dict__)])


def test_credentials_are_in_no_error_of_the_setup() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Pushed("http://me:s3cr3t@far:x", "http/protobuf", {})
    assert "s3cr3t" not in str(raised.value)
    with pytest.raises(ConfigurationError) as raised:
        Pushed("http://far:1", "http/protobuf", {f"{OTLP}METRICS_HEADERS": "x-key=s3cr3t%0Ax"})
    assert "s3cr3t" not in str(raised.value)


@both
def test_nobody_waits_longer_than_the_deadline_for_a_receiver_that_hangs(protocol: Protocol) -> None:
    with collecting(protocol, never_answers) as collector, pushed(collector.url, protocol) as there:
        start_s = time.monotonic()
        there.counter.add(1)
        assert there.meters.flush(0.3) is False
        # What is recorded meanwhile waits for nothing, and one export more answers all who ask.
        for _ in range(1_000):
            there.counter.add(1)
            there.meters.begin_flush()
        assert there.meters.shutdown(0.3) is False
        # The timeout of an export is 10 s.
        assert time.monotonic() - start_s < 8
        assert there.said == [f"otlp at {collector.url} does not take metrics: no answer in time"]


def test_all_who_ask_while_an_export_goes_on_are_answered_by_the_one_after_it() -> None:
    go = threading.Event()

    def waits(exchange: Exchange) -> None:
        go.wait(20)
        exchange.take()

    with collecting(behaviour=waits) as collector, pushed(collector.url) as there:
        there.counter.add(1)
        first = there.meters.begin_flush()
        until(lambda: collector.requests)
        others = [there.meters.begin_flush() for _ in range(50)]
        go.set()
        assert [wait(20) for wait in (first, *others)] == [True] * 51
        assert collector.requests == 2


def test_what_cannot_be_collected_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with collecting() as collector, pushed(collector.url, env={"OTEL_METRIC_EXPORT_TIMEOUT": "1"}) as there:

        def late(_: CallbackOptions) -> list[Observation]:
            time.sleep(0.05)
            return []

        for name in "ab":
            there.meter.create_observable_gauge(f"shop.{name}", [late])
        there.counter.add(1)
        assert [there.meters.flush(20) for _ in range(3)] == [False] * 3
        assert len(caplog.records) == 1
        assert caplog.messages[0].startswith("metrics could not be collected\n")
