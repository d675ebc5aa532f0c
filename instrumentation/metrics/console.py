"""The console exporter of metrics: prints them on stderr for a person to read."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
)
from rich.console import Console
from rich.text import Text

from instrumentation.metrics.outlets import CUMULATIVE, MetricOutlet
from instrumentation.metrics.parts import metrics_in
from instrumentation.rendering.paper import encodable, rendered
from instrumentation.rendering.visible import visible
from instrumentation.selection import CONSOLE

MAX_SERIES: Final = 200
"""Series of a metric that get a line; the others are counted in one."""
NO_UNIT: Final = "1"
"""Of shares; beside a name it reads like a value."""


class ConsoleExporter(MetricExporter):
    """Prints the metrics, whenever they differ from those before."""

    def __init__(
        self,
        *,
        console: Callable[[], Console] = lambda: Console(stderr=True),
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Print nothing yet.

        Args:
            console: Makes the console to print on, anew each time, so that a stream that was replaced is seen.
            now_s: The clock of the line above the metrics, in Unix seconds.
        """
        super().__init__()
        self._console = console
        self._now_s = now_s
        self._before: list[Text] = []

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Print them."""
        lines = list(metric_lines(metrics_data))
        if lines != self._before:
            self._print([Text(f"metrics at {datetime.fromtimestamp(self._now_s(), UTC):%H:%M:%S} UTC", "bold"), *lines])
            self._before = lines
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is kept."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Nothing is open."""

    def _print(self, lines: Sequence[Text]) -> None:
        console = self._console()
        text = encodable(rendered(lines, console), getattr(console.file, "encoding", None) or "utf-8")
        # Not by the console itself, which ends the process when the pipe is broken.
        console.file.write(text)
        console.file.flush()


def console_outlet() -> MetricOutlet:
    """How to get metrics out to a person."""
    return MetricOutlet(name=CONSOLE, signal="metrics", build=ConsoleExporter, temporality=CUMULATIVE, aggregation={})


def metric_lines(data: MetricsData) -> Iterator[Text]:
    """A line for each metric with its unit, and below it one for each series: its figures, then its labels.

    Of a histogram these are count and sum, and the median and the 95th percentile as far as the buckets tell them.
    """
    for metric in sorted(metrics_in(data), key=lambda metric: metric.name):
        yield from _lines_of(metric)


def quantile(point: HistogramDataPoint, share: float) -> float:
    """The value that this share of the measurements is at or below, as if they lay evenly in their buckets."""
    rank, below = share * point.count, 0
    bounds = [min(max(bound, point.min), point.max) for bound in (point.min, *point.explicit_bounds, point.max)]
    for low, high, count in zip(bounds, bounds[1:], point.bucket_counts, strict=False):
        if count and below + count >= rank:
            return low + (high - low) * (rank - below) / count
        below += count
    return point.max


def _lines_of(metric: Metric) -> Iterator[Text]:
    points: list[Any] = sorted(metric.data.data_points, key=lambda point: _labels(point.attributes))
    if points:
        unit = "" if metric.unit == NO_UNIT else metric.unit
        yield Text(visible(f"{metric.name} {unit}".rstrip()), "cyan")
    for point in points[:MAX_SERIES]:
        yield Text("  ").append(_figures(point)).append(_labels(point.attributes), "dim")
    if len(points) > MAX_SERIES:
        yield Text(f"  … and {len(points) - MAX_SERIES:,} more", "dim")


def _figures(point: Any) -> str:
    if isinstance(point, NumberDataPoint):
        return _number(point.value)
    if isinstance(point, HistogramDataPoint) and point.count:
        p50, p95 = (_number(quantile(point, share)) for share in (0.5, 0.95))
        return f"{point.count:,}  sum {_number(point.sum)}  p50 ~{p50}  p95 ~{p95}"
    return f"{point.count:,}"


def _labels(attributes: Mapping[str, Any] | None) -> str:
    return "".join(f"  {visible(f'{key}={value}')}" for key, value in sorted((attributes or {}).items()))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"
