"""Collectors of OTLP over gRPC, each behind a relay: its port can be closed, and its connections broken off."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from tests.collectors.behaviours import Behaviour, Exchange, Refusal
from tests.collectors.collector import Collector
from tests.collectors.sockets import Relay

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@contextmanager
def serve_grpc(behaviour: Behaviour, comes_after_s: float) -> Iterator[Collector]:
    """A collector that listens after that time, on a port that is its own from now on."""
    workers = ThreadPoolExecutor(16)
    server = grpc.server(workers)
    port = server.add_insecure_port("127.0.0.1:0")
    with Relay(port, comes_after_s) as relay:
        collector = Collector(relay.url)
        add_TraceServiceServicer_to_server(_Servicer(collector, behaviour, relay), server)  # type: ignore[no-untyped-call]
        server.start()
        try:
            yield collector
        finally:
            collector.ended.set()
            server.stop(0).wait(5)
            workers.shutdown()


class _Servicer(TraceServiceServicer):
    def __init__(self, collector: Collector, behaviour: Behaviour, relay: Relay) -> None:
        self._collector = collector
        self._behaviour = behaviour
        self._relay = relay

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802
        number = self._collector.asked(METHOD, {key: str(value) for key, value in context.invocation_metadata()})
        exchange = _Exchange(self._collector, number, request, context, self._relay)
        self._behaviour(exchange)
        return exchange.response


class _Exchange(Exchange):
    def __init__(
        self, collector: Collector, number: int, request: ExportTraceServiceRequest, context: Any, relay: Relay
    ) -> None:
        super().__init__(collector, number)
        self.response = ExportTraceServiceResponse()
        self._request = request
        self._context = context
        self._relay = relay

    def request(self) -> ExportTraceServiceRequest:
        return self._request

    def accept(self, rejected_spans: int) -> None:
        if rejected_spans:
            partial = ExportTracePartialSuccess(rejected_spans=rejected_spans)
            self.response = ExportTraceServiceResponse(partial_success=partial)

    def refuse(self, refusal: Refusal) -> None:
        if refusal.retry_after_s is not None:
            again = RetryInfo(retry_delay=Duration(seconds=refusal.retry_after_s)).SerializeToString()
            self._context.set_trailing_metadata((("google.rpc.retryinfo-bin", again),))
        self._context.set_code(getattr(grpc.StatusCode, refusal.code))
        self._context.set_details(refusal.details)

    def reset(self) -> None:
        self._relay.reset_connections()
