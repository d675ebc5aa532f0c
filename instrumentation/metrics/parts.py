"""Parts: what was collected, in pieces of which each is sent in one request."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from opentelemetry.sdk.metrics.export import Metric, MetricsData

MAX_POINTS: Final = 1_000
"""Data points of a part. One takes 2 kB, with labels, buckets and exemplars, and a receiver of gRPC takes 4 MiB."""


def points_in(data: MetricsData) -> int:
    """How many data points there are."""
    return sum(len(metric.data.data_points) for metric in metrics_in(data))


def metrics_in(data: MetricsData) -> Iterator[Metric]:
    """Every metric, of whichever scope."""
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def parts_of(data: MetricsData, most_points: int = MAX_POINTS) -> Iterator[MetricsData]:
    """The data as it is where it is not too long, else parts of it, each of one scope."""
    if points_in(data) <= most_points:
        yield data
        return
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metrics in _bundles(scope.metrics, most_points):
                yield MetricsData([replace(resource, scope_metrics=[replace(scope, metrics=metrics)])])


def _bundles(metrics: Sequence[Metric], most_points: int) -> Iterator[list[Metric]]:
    bundle: list[Metric] = []
    room = most_points
    for metric in metrics:
        data: Any = metric.data
        points = data.data_points
        while points:
            taken, points = points[:room], points[room:]
            bundle.append(replace(metric, data=replace(data, data_points=taken)))
            room -= len(taken)
            if not room:
                yield bundle
                bundle, room = [], most_points
    if bundle:
        yield bundle
