"""Collectors of OTLP over gRPC, each behind a relay: its port can be closed, and its connections broken off."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]

from instrumentation.testing.behaviours import Behaviour
from instrumentation.testing.collector import Collector
from instrumentation.testing.exchange import Exchange, Refusal
from instrumentation.testing.relay import Relay
from instrumentation.testing.signals import METRICS, SPANS, Request, Response, Signal


@contextmanager
def serve_grpc(behaviour: Behaviour, comes_after_s: float) -> Iterator[Collector]:
    """A collector that listens after that time, on a port that is its own from now on."""
    workers = ThreadPoolExecutor(16)
    server = grpc.server(workers)
    port = server.add_insecure_port("127.0.0.1:0")
    with Relay(port, comes_after_s) as relay:
        collector = Collector(relay.url)
        answer = partial(_answer, collector, behaviour, relay)
        server.add_generic_rpc_handlers([_service(signal, partial(answer, signal)) for signal in (SPANS, METRICS)])
        server.start()
        try:
            yield collector
        finally:
            collector.ended.set()
            server.stop(0).wait(5)
            workers.shutdown()


def _service(signal: Signal, answer: Callable[[Request, Any], Response]) -> Any:
    export = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=signal.request.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )
    return grpc.method_handlers_generic_handler(signal.service, {"Export": export})


def _answer(
    collector: Collector, behaviour: Behaviour, relay: Relay, signal: Signal, request: Request, context: Any
) -> Response:
    headers = {key: str(value) for key, value in context.invocation_metadata()}
    number = collector.asked(f"/{signal.service}/Export", headers)
    exchange = _Exchange(collector, number, signal, request, context, relay)
    behaviour(exchange)
    return exchange.response


class _Exchange(Exchange):
    def __init__(
        self, collector: Collector, number: int, signal: Signal, request: Request, context: Any, relay: Relay
    ) -> None:
        super().__init__(collector, number)
        self.response = signal.response(0)
        self._signal = signal
        self._request = request
        self._context = context
        self._relay = relay

    def request(self) -> Request:
        return self._request

    def accept(self, rejected: int) -> None:
        self.response = self._signal.response(rejected)

    def refuse(self, refusal: Refusal) -> None:
        if refusal.retry_after_s is not None:
            again = RetryInfo(retry_delay=Duration(seconds=refusal.retry_after_s)).SerializeToString()
            self._context.set_trailing_metadata((("google.rpc.retryinfo-bin", again),))
        self._context.set_code(getattr(grpc.StatusCode, refusal.code))
        self._context.set_details(refusal.details)

    def reset(self) -> None:
        self._relay.reset_connections()
