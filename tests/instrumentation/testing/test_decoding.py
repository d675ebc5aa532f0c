"""Every kind of data point becomes plain data."""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation

from instrumentation.testing import Capture, Exemplar, ExponentialBuckets, MetricPoint, series
from instrumentation.testing.decoding import points_of


def decoded(metric: dict[str, Any]) -> MetricPoint:
    """The only point of a metric, given as protobuf's JSON."""
    request = ExportMetricsServiceRequest()
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scopes = [{"scope": {"name": "meter"}, "metrics": [{"name": "m", **metric}]}]
    ParseDict({"resourceMetrics": [{"resource": resource, "scopeMetrics": scopes}]}, request)
    (point,) = points_of(request)
    return point


@pytest.mark.parametrize(
    ("metric", "point"),
    [
        (
            {
                "description": "Orders",
                "unit": "{order}",
                "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [{"asInt": 7}]},
            },
            MetricPoint(
                name="m",
                kind="counter",
                unit="{order}",
                description="Orders",
                attributes={},
                temporality="cumulative",
                value=7,
            ),
        ),
        (
            {"sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [{"asDouble": 0.0}]}},
            MetricPoint(name="m", kind="counter", attributes={}, temporality="delta", value=0.0),
        ),
        (
            {"sum": {"aggregationTemporality": 2, "dataPoints": [{"asInt": -1}]}},
            MetricPoint(name="m", kind="up_down_counter", attributes={}, temporality="cumulative", value=-1),
        ),
        ({"gauge": {"dataPoints": [{"asDouble": 2.5}]}}, MetricPoint(name="m", kind="gauge", attributes={}, value=2.5)),
        ({"gauge": {"dataPoints": [{"flags": 1}]}}, MetricPoint(name="m", kind="gauge", attributes={})),
        (
            {
                "histogram": {
                    "aggregationTemporality": 2,
                    "dataPoints": [
                        {
                            "count": 3,
                            "sum": 6.0,
                            "min": 0.0,
                            "max": 5.0,
                            "explicitBounds": [1, 2],
                            "bucketCounts": [2, 0, 1],
                        }
                    ],
                }
            },
            MetricPoint(
                name="m",
                kind="histogram",
                attributes={},
                temporality="cumulative",
                count=3,
                sum=6.0,
                min=0.0,
                max=5.0,
                bounds=(1.0, 2.0),
                bucket_counts=(2, 0, 1),
            ),
        ),
        (
            {"histogram": {"aggregationTemporality": 1, "dataPoints": [{"count": 3}]}},
            MetricPoint(
                name="m", kind="histogram", attributes={}, temporality="delta", count=3, bounds=(), bucket_counts=()
            ),
        ),
        (
            {
                "exponentialHistogram": {
                    "aggregationTemporality": 1,
                    "dataPoints": [
                        {
                            "count": 6,
                            "sum": -2.0,
                            "scale": 3,
                            "zeroCount": 1,
                            "positive": {"offset": -4, "bucketCounts": [1, 2]},
                            "negative": {"offset": 5, "bucketCounts": [2]},
                        }
                    ],
                }
            },
            MetricPoint(
                name="m",
                kind="exponential_histogram",
                attributes={},
                temporality="delta",
                count=6,
                sum=-2.0,
                exponential=ExponentialBuckets(
                    scale=3,
                    zero_count=1,
                    positive_offset=-4,
                    positive_counts=(1, 2),
                    negative_offset=5,
                    negative_counts=(2,),
                ),
            ),
        ),
        (
            {"summary": {"dataPoints": [{"count": 2, "sum": 9.0, "quantileValues": [{"quantile": 0.5, "value": 4}]}]}},
            MetricPoint(name="m", kind="summary", attributes={}, count=2, sum=9.0, quantiles={0.5: 4.0}),
        ),
    ],
    ids=lambda given: getattr(given, "kind", ""),
)
def test_a_point_says_what_it_said(metric: dict[str, Any], point: MetricPoint) -> None:
    assert decoded(metric) == point


@pytest.mark.parametrize(
    "change",
    [
        {"name": "n"},
        {"kind": "up_down_counter"},
        {"unit": "s"},
        {"attributes": {"a": 2}},
        {"temporality": "delta"},
        {"value": 2},
        {"count": 1},
        {"bucket_counts": (1,)},
    ],
)
def test_points_that_say_something_else_are_not_equal(change: dict[str, Any]) -> None:
    said: dict[str, Any] = {"name": "m", "kind": "counter", "attributes": {"a": 1}, "value": 1}
    assert MetricPoint(**said) == MetricPoint(**said)
    assert MetricPoint(**said) != MetricPoint(**said | change)


def test_attributes_are_plain_data_of_any_type() -> None:
    values: dict[str, tuple[dict[str, Any], Any]] = {
        "text": ({"stringValue": ""}, ""),
        "yes": ({"boolValue": False}, False),
        "whole": ({"intValue": "9007199254740993"}, 9007199254740993),
        "real": ({"doubleValue": 0.5}, 0.5),
        "bytes": ({"bytesValue": "AP8="}, b"\x00\xff"),
        "list": ({"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "b"}]}}, (1, "b")),
        "map": ({"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {}}}]}}, {"a": ()}),
        "nothing": ({}, None),
    }
    attributes = [{"key": key, "value": value} for key, (value, _) in values.items()]
    point = decoded({"gauge": {"dataPoints": [{"attributes": attributes}]}})
    assert point.attributes == {key: expected for key, (_, expected) in values.items()}
    assert point.series == series("m", {key: expected for key, (_, expected) in values.items()})
    assert series("m", {"list": [1, "b"]}) == series("m", {"list": (1, "b")})


def test_where_and_when_it_was_said_is_beside_what_was_said() -> None:
    exemplar = {"timeUnixNano": 3, "asInt": 4, "traceId": "AQ==", "spanId": "Ag=="}
    without_a_span = {"asDouble": 0.5, "filteredAttributes": [{"key": "k", "value": {"intValue": 1}}]}
    when = {"startTimeUnixNano": 1, "timeUnixNano": 2}
    point = decoded({"gauge": {"dataPoints": [{"asInt": 1, **when, "exemplars": [exemplar, without_a_span]}]}})
    assert (point.start_ns, point.time_ns, point.resource, point.scope) == (1, 2, {"service.name": "shop"}, "meter")
    assert point.exemplars == (
        Exemplar(value=4, trace_id="01", span_id="02", time_ns=3, attributes={}),
        Exemplar(value=0.5, trace_id=None, span_id=None, time_ns=0, attributes={"k": 1}),
    )
    assert point == MetricPoint(name="m", kind="gauge", attributes={}, value=1)


def test_a_metric_without_data_has_no_points() -> None:
    metrics = [pb.Metric(name="m")]
    scopes = [pb.ScopeMetrics(metrics=metrics)]
    assert points_of(ExportMetricsServiceRequest(resource_metrics=[pb.ResourceMetrics(scope_metrics=scopes)])) == []


def test_what_instruments_say_is_captured_as_a_collector_would_have_it() -> None:
    captured = Capture()
    meter = captured.meter_provider.get_meter("shop", "1.0")

    def observe(_: CallbackOptions) -> list[Observation]:
        return [Observation(3, {"shelf": "a"})]

    meter.create_counter("sold", "{item}", "Items sold").add(2, {"paid": True})
    meter.create_up_down_counter("carts").add(-1)
    meter.create_gauge("temperature").set(21.5)
    meter.create_observable_gauge("stock", [observe])
    meter.create_histogram("wait", "s", explicit_bucket_boundaries_advisory=[1.0]).record(0.5)
    common: dict[str, Any] = {"attributes": {}, "temporality": "cumulative"}
    assert sorted(captured.metrics(), key=lambda point: point.name) == [
        MetricPoint(name="carts", kind="up_down_counter", value=-1, **common),
        MetricPoint(
            name="sold",
            kind="counter",
            unit="{item}",
            description="Items sold",
            attributes={"paid": True},
            temporality="cumulative",
            value=2,
        ),
        MetricPoint(name="stock", kind="gauge", attributes={"shelf": "a"}, value=3),
        MetricPoint(name="temperature", kind="gauge", attributes={}, value=21.5),
        MetricPoint(
            name="wait",
            kind="histogram",
            unit="s",
            count=1,
            sum=0.5,
            min=0.5,
            max=0.5,
            bounds=(1.0,),
            bucket_counts=(1, 0),
            **common,
        ),
    ]


def test_nothing_was_measured() -> None:
    assert Capture().metrics() == []


def test_a_reader_of_ones_own_gives_deltas_and_exponential_histograms() -> None:
    reader = InMemoryMetricReader(
        preferred_temporality={Counter: AggregationTemporality.DELTA},
        preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation(max_scale=0)},
    )
    captured = Capture(metric_reader=reader)
    meter = captured.meter_provider.get_meter("shop")
    sold, wait = meter.create_counter("sold"), meter.create_histogram("wait")
    for seconds in (0.0, 1.5, 3.0):
        sold.add(1)
        wait.record(seconds)
    by_name = {point.name: point for point in captured.metrics()}
    assert (by_name["sold"].value, by_name["sold"].temporality) == (3, "delta")
    buckets = by_name["wait"].exponential
    assert buckets is not None
    assert (buckets.scale, buckets.zero_count, buckets.positive_offset, buckets.positive_counts) == (0, 1, 0, (1, 1))
    sold.add(5)
    assert {point.name: point.value for point in captured.metrics()}["sold"] == 5
