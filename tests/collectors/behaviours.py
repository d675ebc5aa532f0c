"""Behaviours that only our own tests ask for: requests told apart by what is in them, and odd answers over HTTP."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from instrumentation.testing import INVALID, NOT_FOUND, Behaviour, Exchange, HttpExchange, Refusal
from instrumentation.testing.decoding import spans_of


def refuses_spans_named(name: str, refusal: Refusal = INVALID) -> Behaviour:
    """Refuse every request with a span of this name in it."""

    def behave(exchange: Exchange) -> None:
        request = exchange.request()
        assert isinstance(request, ExportTraceServiceRequest)
        if any(span.name == name for span in spans_of(request)):
            exchange.refuse(refusal)
        else:
            exchange.take()

    return behave


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
