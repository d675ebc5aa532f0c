"""What stands in each series, of all that was said."""

from collections.abc import Sequence
from typing import Any

import pytest

from instrumentation.testing import (
    Capture,
    Exemplar,
    ExponentialBuckets,
    MetricPoint,
    by_series,
    collecting,
    series,
)

ONE, OTHER = {"service.instance.id": "1"}, {"service.instance.id": "2"}


def counter(value: float | None, **more: Any) -> MetricPoint:
    given: dict[str, Any] = {"name": "sold", "kind": "counter", "attributes": {}, "temporality": "cumulative"}
    return MetricPoint(**given | {"value": value} | more)


def histogram(bucket_counts: Sequence[int], **more: Any) -> MetricPoint:
    given: dict[str, Any] = {"name": "wait", "kind": "histogram", "attributes": {}, "temporality": "cumulative"}
    return MetricPoint(**given | {"bucket_counts": tuple(bucket_counts), "count": sum(bucket_counts)} | more)


def exemplar(value: int) -> Exemplar:
    return Exemplar(value=value, trace_id=None, span_id=None, time_ns=value, attributes={})


def value_of(*points: MetricPoint) -> int | float | None:
    return by_series(points)[series("sold")].value


def test_each_name_with_its_attributes_is_a_series() -> None:
    points = [counter(1), counter(2, attributes={"paid": True}), counter(3, name="lost")]
    assert by_series(points) == {
        series("sold"): points[0],
        series("sold", {"paid": True}): points[1],
        series("lost"): points[2],
    }
    assert by_series([]) == {}


def test_of_what_is_cumulative_the_last_word_counts_whenever_it_came() -> None:
    assert value_of(counter(1, time_ns=1), counter(5, time_ns=3), counter(3, time_ns=2)) == 5
    assert value_of(counter(1), counter(5)) == 5


def test_processes_are_added_up() -> None:
    first, second = counter(5, resource=ONE, time_ns=2), counter(10, resource=OTHER, time_ns=1)
    assert value_of(counter(1, resource=ONE, time_ns=1), second, first) == 15


def test_a_process_that_began_anew_is_another() -> None:
    assert value_of(counter(5, start_ns=1, time_ns=9), counter(2, start_ns=10, time_ns=11)) == 7


def test_deltas_are_added_up_but_one_that_came_twice_once() -> None:
    deltas = [counter(2, temporality="delta", start_ns=start_ns, time_ns=start_ns + 1) for start_ns in (0, 1, 1, 2)]
    assert value_of(*deltas) == 6
    assert value_of(*(counter(2, temporality="delta", time_ns=time_ns) for time_ns in (1, 2, 2))) == 4


def test_the_newest_gauge_stands_of_whatever_process() -> None:
    points = [
        MetricPoint(name="sold", kind="gauge", attributes={}, value=value, time_ns=time_ns, resource=resource)
        for value, time_ns, resource in ((1, 2, ONE), (7, 3, OTHER), (5, 1, ONE))
    ]
    assert value_of(*points) == 7


def test_what_was_not_measured_adds_nothing() -> None:
    assert value_of(counter(None, resource=ONE), counter(3, resource=OTHER)) == 3
    assert value_of(counter(3, resource=ONE), counter(None, resource=OTHER)) == 3
    assert value_of(counter(None, resource=ONE), counter(None, resource=OTHER)) is None


def test_histograms_are_added_up_bucket_by_bucket() -> None:
    points = [
        histogram([1, 0, 2], bounds=(1.0, 2.0), sum=9.0, min=1.5, max=4.0, resource=ONE, start_ns=4, time_ns=9),
        histogram([0, 3, 1], bounds=(1.0, 2.0), sum=8.0, min=0.5, max=5.0, resource=OTHER, start_ns=5, time_ns=8),
    ]
    (point,) = by_series(points).values()
    assert point == histogram([1, 3, 3], bounds=(1.0, 2.0), sum=17.0, min=0.5, max=5.0)
    assert (point.start_ns, point.time_ns) == (4, 9)


@pytest.mark.parametrize(
    "other",
    [
        {"bounds": (1.0, 3.0)},
        {
            "exponential": ExponentialBuckets(
                scale=0, zero_count=0, positive_offset=0, positive_counts=(1,), negative_offset=0, negative_counts=()
            )
        },
    ],
)
def test_histograms_with_other_buckets_are_not_added_up(other: dict[str, Any]) -> None:
    one = {"bounds": (1.0, 2.0), "resource": ONE}
    with pytest.raises(ValueError, match="added up only where their buckets are the same"):
        by_series([histogram([1, 2, 3], **one), histogram([1, 2, 3], **{**one, "resource": OTHER, **other})])


def test_exemplars_of_every_report_are_kept_each_once() -> None:
    points = [
        counter(1, time_ns=1, exemplars=(exemplar(1),)),
        counter(2, time_ns=2, exemplars=(exemplar(1), exemplar(2))),
        counter(2, time_ns=3),
        counter(9, resource=OTHER, exemplars=(exemplar(9),)),
    ]
    assert by_series(points)[series("sold")].exemplars == (exemplar(1), exemplar(2), exemplar(9))


def test_what_was_captured_and_what_was_sent_say_the_same() -> None:
    captured = Capture()
    sold = captured.meter_provider.get_meter("shop").create_counter("sold")
    said: list[MetricPoint] = []
    for paid in (True, False, True):
        sold.add(1, {"paid": paid})
        said += captured.metrics()
    assert by_series(said) == by_series(captured.metrics())
    assert by_series(said)[series("sold", {"paid": True})].value == 2


def test_a_collector_that_was_told_nothing_has_no_series() -> None:
    with collecting() as collector:
        assert by_series(collector.metrics) == {}
