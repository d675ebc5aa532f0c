"""Behaviours: what a collector does with a request, in the words of either protocol."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collectors.collector import Collector, spans_of


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer to a request of which nothing is taken."""

    status: int
    """Over HTTP."""
    code: str
    """Over gRPC."""
    retry_after_s: int | None = None
    details: str = "no"


BUSY: Final = Refusal(status=429, code="RESOURCE_EXHAUSTED", retry_after_s=1, details="busy")
AWAY: Final = Refusal(status=503, code="UNAVAILABLE")
BROKEN: Final = Refusal(status=500, code="INTERNAL")
INVALID: Final = Refusal(status=400, code="INVALID_ARGUMENT")
FORBIDDEN: Final = Refusal(status=401, code="UNAUTHENTICATED")
NOT_FOUND: Final = Refusal(status=404, code="UNIMPLEMENTED")
TOO_LARGE: Final = Refusal(
    status=413, code="RESOURCE_EXHAUSTED", details="grpc: received message larger than max (2 vs. 1)"
)


class Exchange(ABC):
    """A request and its answer."""

    def __init__(self, collector: Collector, number: int) -> None:
        self.collector = collector
        self.number = number
        """From 1."""

    @abstractmethod
    def request(self) -> ExportTraceServiceRequest:
        """What was sent, read to its end."""

    @abstractmethod
    def accept(self, rejected_spans: int) -> None:
        """Answer that all spans but so many were taken."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Answer that nothing was taken."""

    @abstractmethod
    def reset(self) -> None:
        """Break the connection off with RST, without an answer."""

    def take(self, rejected_spans: int = 0) -> None:
        """Take the spans, and say so; a collector that has been closed takes none."""
        if self.collector.ended.is_set():
            return
        self.collector.take(self.request())
        self.accept(rejected_spans)

    def wait(self, seconds: float | None) -> None:
        """Let time pass, or `None` for ever; the end of the collector ends it."""
        self.collector.ended.wait(seconds)


class HttpExchange(Exchange):
    """One over HTTP, of which more can be done wrong."""

    path: str

    @abstractmethod
    def read_some(self, count: int) -> None:
        """Read so many bytes of the body."""

    @abstractmethod
    def answer(
        self, status: int, content: bytes = b"", headers: Mapping[str, str] | None = None, *, pause_s: float = 0.0
    ) -> None:
        """Answer; with a pause, byte by byte."""


Behaviour = Callable[[Exchange], None]


def healthy(exchange: Exchange) -> None:
    """Take everything at once."""
    exchange.take()


def never_answers(exchange: Exchange) -> None:
    """Read the request, and hang."""
    exchange.request()
    exchange.wait(None)


def slow(seconds: float) -> Behaviour:
    """Take everything, and answer late; a sender that has gone by then was not told."""

    def behave(exchange: Exchange) -> None:
        exchange.request()
        exchange.wait(seconds)
        exchange.take()

    return behave


def refuses(refusal: Refusal, *, times: int | None = None) -> Behaviour:
    """Refuse the first requests, or all."""

    def behave(exchange: Exchange) -> None:
        if times is None or exchange.number <= times:
            exchange.refuse(refusal)
        else:
            exchange.take()

    return behave


def refuses_more_than(most_bytes: int, refusal: Refusal = TOO_LARGE) -> Behaviour:
    """Refuse requests that are longer than this, uncompressed."""

    def behave(exchange: Exchange) -> None:
        if exchange.request().ByteSize() > most_bytes:
            exchange.refuse(refusal)
        else:
            exchange.take()

    return behave


def refuses_spans_named(name: str, refusal: Refusal = INVALID) -> Behaviour:
    """Refuse every request with a span of this name in it."""

    def behave(exchange: Exchange) -> None:
        if any(span.name == name for span in spans_of(exchange.request())):
            exchange.refuse(refusal)
        else:
            exchange.take()

    return behave


def takes_all_but(rejected_spans: int) -> Behaviour:
    """Answer that so many of the spans were not taken; which is not said."""
    return lambda exchange: exchange.take(rejected_spans)


def resets_before_answering(exchange: Exchange) -> None:
    """Take everything, and break off every other time instead of saying so, beginning with the first."""
    if exchange.number % 2:
        exchange.collector.take(exchange.request())
        exchange.reset()
    else:
        exchange.take()


# -- over HTTP only; for gRPC see `sockets` ----------------------------------------------------------------------------


def resets_half_way(exchange: Exchange) -> None:
    """Break off within the body every other time, beginning with the first."""
    if exchange.number % 2:
        _http(exchange).read_some(10)
        exchange.reset()
    else:
        exchange.take()


def dribbles(pause_s: float) -> Behaviour:
    """Take everything, and answer byte by byte: no single read takes long."""

    def behave(exchange: Exchange) -> None:
        exchange.collector.take(exchange.request())
        _http(exchange).answer(200, headers={"Content-Type": "application/x-protobuf"}, pause_s=pause_s)

    return behave


def shows_a_web_page(exchange: Exchange) -> None:
    """Answer everything with 200 and a page, as the port of Jaeger's UI does."""
    exchange.request()
    _http(exchange).answer(200, b"<!DOCTYPE html><p>Hello", {"Content-Type": "text/html; charset=utf-8"})


def knows_only(path: str) -> Behaviour:
    """Take what is sent to this path, and answer 404 to all else."""

    def behave(exchange: Exchange) -> None:
        if _http(exchange).path == path:
            exchange.take()
        else:
            exchange.refuse(NOT_FOUND)

    return behave


def redirects_to(url: str, status: int = 307) -> Behaviour:
    """Send the sender elsewhere."""

    def behave(exchange: Exchange) -> None:
        exchange.request()
        _http(exchange).answer(status, headers={"Location": url})

    return behave


def _http(exchange: Exchange) -> HttpExchange:
    assert isinstance(exchange, HttpExchange)
    return exchange
