"""From everything that a collector was told to what stands in each series."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from operator import add
from typing import TypeVar

from instrumentation.testing.points import MetricPoint, Series, hashable

_T = TypeVar("_T")


def by_series(points: Iterable[MetricPoint]) -> dict[Series, MetricPoint]:
    """What stands in each series, of all that was ever said: the last word of each process, added up.

    What is cumulative is said again and again, and only the last word of a process counts; a process that began anew is
    another. Deltas are added up, one that came twice once. Of gauges and summaries the newest stands.

    Example:
        >>> by_series(collector.metrics)[series("shop.orders", {"paid": True})].value

    Raises:
        ValueError: Histograms of one series have different buckets, or are exponential, and would have to be added up.
    """
    last: dict[Hashable, MetricPoint] = {}
    for point in points:
        key = _stream(point)
        last[key] = _later(last[key], point) if key in last else point
    totals: dict[Series, MetricPoint] = {}
    for point in last.values():
        before = totals.get(point.series)
        totals[point.series] = point if before is None else _added(before, point)
    return totals


def _stream(point: MetricPoint) -> Hashable:
    """Of points with the same, the newest says all that the others said."""
    if point.temporality is None:
        return point.series
    since = point.series, hashable(point.resource), point.start_ns
    return since if point.temporality == "cumulative" else (*since, point.time_ns)


def _later(one: MetricPoint, other: MetricPoint) -> MetricPoint:
    """The later of two, with the exemplars of both: the SDK says each once."""
    later = other if one.time_ns <= other.time_ns else one
    return replace(later, exemplars=(*one.exemplars, *(new for new in other.exemplars if new not in one.exemplars)))


def _added(one: MetricPoint, other: MetricPoint) -> MetricPoint:
    if one.exponential or other.exponential or one.bounds != other.bounds:
        raise ValueError(f"histograms are added up only where their buckets are the same: {one!r} and {other!r}")
    return replace(
        other,
        value=_joined(add, one.value, other.value),
        count=_joined(add, one.count, other.count),
        sum=_joined(add, one.sum, other.sum),
        min=_joined(min, one.min, other.min),
        max=_joined(max, one.max, other.max),
        bucket_counts=_joined(_added_one_by_one, one.bucket_counts, other.bucket_counts),
        start_ns=min(one.start_ns, other.start_ns),
        time_ns=max(one.time_ns, other.time_ns),
        exemplars=one.exemplars + other.exemplars,
    )


def _added_one_by_one(ours: tuple[int, ...], theirs: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(add, ours, theirs))


def _joined(join: Callable[[_T, _T], _T], one: _T | None, other: _T | None) -> _T | None:
    """Of both, or the one that there is."""
    if one is None or other is None:
        return other if one is None else one
    return join(one, other)
