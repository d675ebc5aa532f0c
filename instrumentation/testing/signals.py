"""What is sent over OTLP: spans and metrics, each to an address of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

Request = ExportTraceServiceRequest | ExportMetricsServiceRequest
Response = ExportTraceServiceResponse | ExportMetricsServiceResponse


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A kind of telemetry."""

    path: str
    """Of HTTP."""
    service: str
    """Of gRPC."""
    request: type[Request]
    response: Callable[[int], Response]
    """The answer that all was taken but so many spans or points."""


def _spans_taken(rejected: int) -> ExportTraceServiceResponse:
    partial = ExportTracePartialSuccess(rejected_spans=rejected) if rejected else None
    return ExportTraceServiceResponse(partial_success=partial)


def _points_taken(rejected: int) -> ExportMetricsServiceResponse:
    partial = ExportMetricsPartialSuccess(rejected_data_points=rejected) if rejected else None
    return ExportMetricsServiceResponse(partial_success=partial)


SPANS: Final = Signal(
    path="/v1/traces",
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    request=ExportTraceServiceRequest,
    response=_spans_taken,
)
METRICS: Final = Signal(
    path="/v1/metrics",
    service="opentelemetry.proto.collector.metrics.v1.MetricsService",
    request=ExportMetricsServiceRequest,
    response=_points_taken,
)


def signal_at(path: str) -> Signal | None:
    """What is sent to a path, below whatever prefix: spans, unless it is the path of metrics, or of logs: `None`."""
    place = path.partition("?")[0]
    if place.endswith("/v1/logs"):
        return None
    return METRICS if place.endswith(METRICS.path) else SPANS
