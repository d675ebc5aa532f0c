"""From OTLP's protobuf to plain data."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from instrumentation.testing.points import Exemplar, ExponentialBuckets, Kind, MetricPoint

_TEMPORALITIES: Final[Mapping[int, Literal["cumulative", "delta"]]] = {
    pb.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
    pb.AGGREGATION_TEMPORALITY_DELTA: "delta",
}


class ReceivedSpan(NamedTuple):
    """A span that was taken."""

    trace_id: str
    span_id: str
    name: str


def spans_of(request: ExportTraceServiceRequest) -> list[ReceivedSpan]:
    """The spans of a request."""
    return [
        ReceivedSpan(span.trace_id.hex(), span.span_id.hex(), span.name)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def points_of(request: ExportMetricsServiceRequest) -> list[MetricPoint]:
    """The data points of a request."""
    return [
        point
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in _points(metric, {"scope": scope.scope.name, "resource": _attributes(resource.resource.attributes)})
    ]


def _points(metric: pb.Metric, origin: Mapping[str, Any]) -> Iterator[MetricPoint]:
    kind = _kind(metric)
    data = getattr(metric, metric.WhichOneof("data") or "gauge")
    for point in data.data_points:
        yield MetricPoint(
            name=metric.name,
            kind=kind,
            unit=metric.unit,
            description=metric.description,
            temporality=_TEMPORALITIES.get(getattr(data, "aggregation_temporality", 0)),
            attributes=_attributes(point.attributes),
            start_ns=point.start_time_unix_nano,
            time_ns=point.time_unix_nano,
            exemplars=tuple(map(_exemplar, getattr(point, "exemplars", ()))),
            **origin,
            **_said(point),
        )


def _kind(metric: pb.Metric) -> Kind:
    if metric.HasField("sum"):
        return "counter" if metric.sum.is_monotonic else "up_down_counter"
    kinds: tuple[Kind, ...] = ("histogram", "exponential_histogram", "summary")
    return next((kind for kind in kinds if metric.HasField(kind)), "gauge")  # type: ignore[arg-type]


def _said(point: Any) -> dict[str, Any]:
    """The fields that a point of its kind has."""
    if isinstance(point, pb.NumberDataPoint):
        return {"value": _number(point)}
    said: dict[str, Any] = {"count": point.count}
    if isinstance(point, pb.SummaryDataPoint):
        quantiles = {one.quantile: one.value for one in point.quantile_values}
        return said | {"sum": point.sum, "quantiles": quantiles}
    said |= {key: getattr(point, key) for key in ("sum", "min", "max") if point.HasField(key)}
    if isinstance(point, pb.ExponentialHistogramDataPoint):
        return said | {"exponential": _exponential(point)}
    return said | {"bounds": tuple(point.explicit_bounds), "bucket_counts": tuple(point.bucket_counts)}


def _exponential(point: pb.ExponentialHistogramDataPoint) -> ExponentialBuckets:
    return ExponentialBuckets(
        scale=point.scale,
        zero_count=point.zero_count,
        positive_offset=point.positive.offset,
        positive_counts=tuple(point.positive.bucket_counts),
        negative_offset=point.negative.offset,
        negative_counts=tuple(point.negative.bucket_counts),
    )


def _exemplar(exemplar: pb.Exemplar) -> Exemplar:
    return Exemplar(
        value=_number(exemplar) or 0,
        trace_id=exemplar.trace_id.hex() or None,
        span_id=exemplar.span_id.hex() or None,
        time_ns=exemplar.time_unix_nano,
        attributes=_attributes(exemplar.filtered_attributes),
    )


def _number(holder: pb.NumberDataPoint | pb.Exemplar) -> int | float | None:
    which = holder.WhichOneof("value")
    return getattr(holder, which) if which else None


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    """A list becomes a tuple."""
    which = value.WhichOneof("value")
    if which == "array_value":
        return tuple(map(_value, value.array_value.values))
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, which) if which else None
