import io
import sys

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, MetricsData
from opentelemetry.sdk.resources import Resource
from rich.console import Console

from instrumentation.metrics import console as console_module
from instrumentation.metrics.console import ConsoleExporter, metric_lines, quantile
from instrumentation.metrics.provider import Meters


class Collecting:
    """A meter, and what is collected of it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.meter = MeterProvider([self._reader], shutdown_on_exit=False).get_meter("shop")

    def collected(self) -> MetricsData:
        data = self._reader.get_metrics_data()
        return data or MetricsData(resource_metrics=[])


def lines_of(there: Collecting) -> list[str]:
    return [line.plain for line in metric_lines(there.collected())]


def test_each_metric_is_a_line_and_each_series_its_figures_and_labels() -> None:
    there = Collecting()
    orders = there.meter.create_counter("shop.orders", "{order}")
    orders.add(1_234, {"paid": True, "kind": "b"})
    orders.add(2, {"kind": "a"})
    there.meter.create_counter("shop.cost", "usd").add(0.000_123_46)
    there.meter.create_counter("shop.share", "1").add(0.5)
    there.meter.create_counter("shop.time", "s").add(12_345.6)
    duration = there.meter.create_histogram("shop.duration", "s", explicit_bucket_boundaries_advisory=[1, 2, 4])
    for seconds in (0.5, 1.5, 1.5, 3.0):
        duration.record(seconds, {"steered": "a\x1b[31m"})
    assert lines_of(there) == [
        "shop.cost usd",
        "  0.0001235",
        "shop.duration s",
        "  4  sum 6.5  p50 ~1.5  p95 ~2.8  steered=a\ufffd[31m",
        "shop.orders {order}",
        "  2  kind=a",
        "  1,234  kind=b  paid=True",
        "shop.share",
        "  0.5",
        "shop.time s",
        "  12,346",
    ]


def test_of_many_series_the_first_ones_are_shown_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_module, "MAX_SERIES", 2)
    there = Collecting()
    orders = there.meter.create_counter("shop.orders")
    for who in "abcd":
        orders.add(1, {"who": who})
    assert lines_of(there) == ["shop.orders", "  1  who=a", "  1  who=b", "  … and 2 more"]


def point(bounds: list[float], counts: list[int], low: float, high: float) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes={},
        start_time_unix_nano=0,
        time_unix_nano=0,
        count=sum(counts),
        sum=0.0,
        bucket_counts=counts,
        explicit_bounds=bounds,
        min=low,
        max=high,
        exemplars=[],
    )


@pytest.mark.parametrize(
    ("counts", "low", "high", "share", "expected"),
    [
        ([4, 0, 0], 0.0, 10.0, 0.5, 5.0),
        ([0, 4, 0], 10.0, 20.0, 0.25, 12.5),
        # No bucket reaches beyond what was measured.
        ([0, 4, 0], 12.0, 14.0, 0.5, 13.0),
        ([0, 0, 2], 30.0, 50.0, 1.0, 50.0),
        ([1, 0, 1], 5.0, 30.0, 0.5, 10.0),
        ([0, 1, 0], 15.0, 15.0, 0.95, 15.0),
    ],
)
def test_a_quantile_lies_where_the_buckets_say(
    counts: list[int], low: float, high: float, share: float, expected: float
) -> None:
    assert quantile(point([10.0, 20.0], counts, low, high), share) == expected


def test_metrics_are_printed_only_when_they_have_changed() -> None:
    there, sheet = Collecting(), io.StringIO()
    exporter = ConsoleExporter(console=lambda: Console(file=sheet, width=20), now_s=lambda: 1_700_000_000.0)
    orders = there.meter.create_counter("shop.orders")
    exporter.export(there.collected())
    for _ in range(2):
        orders.add(1)
        exporter.export(there.collected())
        exporter.export(there.collected())
    assert sheet.getvalue() == (
        "metrics at 22:13:20 UTC\nshop.orders\n  1\nmetrics at 22:13:20 UTC\nshop.orders\n  2\n"
    )


def test_as_an_exporter_it_prints_on_stderr_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    meters = Meters(["console"], resource=Resource({}), env={}, notify=print)
    meters.provider.get_meter("shop").create_counter("shop.orders").add(3)
    assert meters.shutdown(20) is True
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[1:]) == ("", ["shop.orders", "  3"])


def test_where_it_cannot_print_a_line_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    said: list[str] = []
    meters = Meters(["console"], resource=Resource({}), env={}, notify=said.append)
    counter = meters.provider.get_meter("shop").create_counter("shop.orders")
    monkeypatch.setattr(sys, "stderr", Gone())
    for _ in range(2):
        counter.add(1)
        assert meters.flush(20) is False
    assert meters.shutdown(20) is False
    assert said == ["console: metrics could not be written (BrokenPipeError)"]
