"""Spans and metrics of a test, kept in memory."""

from dataclasses import dataclass, field
from typing import Self

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from instrumentation.aggregator import PerformanceAggregator
from instrumentation.metrics.metering import Metering
from instrumentation.testing.decoding import points_of
from instrumentation.testing.ids import CountingIds
from instrumentation.testing.points import MetricPoint

_RESOURCE = Resource({"service.name": "test"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Providers of its own that keep every span and every metric in memory, with an aggregator on the spans.

    Example:
        >>> captured = Capture()
        >>> await Orchestrator("What is 5 + 3?", tracer_provider=captured.provider).run()
        >>> print(tree_text(captured.spans))
    """

    aggregator: PerformanceAggregator = field(default_factory=PerformanceAggregator)
    """Knows the numbers of the runs whose spans come."""
    provider: TracerProvider = field(
        default_factory=lambda: TracerProvider(resource=_RESOURCE, id_generator=CountingIds(), shutdown_on_exit=False)
    )
    """Where spans are to come from."""
    meter_provider: MeterProvider = field(
        default_factory=lambda: MeterProvider(resource=_RESOURCE, shutdown_on_exit=False)
    )
    """Where instruments are to come from."""
    metric_reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    """Reads them; another one gives deltas, or histograms of another kind."""
    _exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def __post_init__(self) -> None:
        """Put the aggregator first, as `configure` does."""
        self.provider.add_span_processor(self.aggregator)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider.add_metric_reader(self.metric_reader)

    @classmethod
    def metered(cls) -> Self:
        """One that measures its runs, too, as `configure` has it done in production.

        Example:
            >>> captured = Capture.metered()
            >>> await Orchestrator("What is 5 + 3?", tracer_provider=captured.provider).run()
            >>> [point.value for point in captured.metrics() if point.name == "nanoagent.runs"]
            [1]
        """
        meter_provider = MeterProvider(resource=_RESOURCE, shutdown_on_exit=False)
        metering = Metering(meter_provider)
        aggregator = PerformanceAggregator(observer=metering.recorder)
        metering.observe(aggregator)
        return cls(aggregator=aggregator, meter_provider=meter_provider)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that ended, in that order."""
        return self._exporter.get_finished_spans()

    def metrics(self) -> list[MetricPoint]:
        """What the instruments say now, as a fake collector would have received it; exemplars once, as the SDK does."""
        data = self.metric_reader.get_metrics_data()
        return points_of(encode_metrics(data)) if data is not None else []
