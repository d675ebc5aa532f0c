"""Two sides of the same program: everything sampled, and nothing sampled but what is kept."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased

from instrumentation import PerformanceAggregator
from instrumentation.keeping.policy import Keep
from instrumentation.keeping.processor import KeepingProcessor
from instrumentation.sampling import RecordingSampler
from instrumentation.testing import CountingIds, span_dicts

NOTHING_SAMPLED = RecordingSampler(ParentBased(TraceIdRatioBased(0.0)))


class Arrivals(SpanProcessor):
    """Stands where a destination does: keeps what is sampled, and counts the rest as sampled out."""

    def __init__(self) -> None:
        self.started = 0
        self.spans: list[ReadableSpan] = []
        self.sampled_out: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.started += 1

    def on_end(self, span: ReadableSpan) -> None:
        assert span.context is not None
        (self.spans if span.context.trace_flags.sampled else self.sampled_out).append(span)


class Everything(SpanProcessor):
    """Keeps every span as it ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class Keeping:
    """A provider that samples nothing, with what keeps runs on it, and what would be exported of them."""

    def __init__(
        self,
        keep: Keep,
        *,
        sampler: Sampler = NOTHING_SAMPLED,
        behind: Sequence[SpanProcessor] = (),
        counting_ids: bool = True,
        **bounds: Any,
    ) -> None:
        self.aggregator = PerformanceAggregator()
        self.arrivals = Arrivals()
        self.everything = Everything()
        self.processor = KeepingProcessor(
            keep, [self.arrivals, *behind], **{"metrics_of": self.aggregator.get, **bounds}
        )
        self.provider = TracerProvider(
            sampler=sampler,
            resource=Resource({"service.name": "test"}),
            id_generator=CountingIds() if counting_ids else None,
            shutdown_on_exit=False,
        )
        for processor in (self.aggregator, self.everything, self.processor):
            self.provider.add_span_processor(processor)

    @property
    def arrived(self) -> list[dict[str, Any]]:
        """Trace by trace in the order of their arrival."""
        return in_order(self.arrivals.spans)

    @property
    def account_is_true(self) -> bool:
        """Whether everything that ended has arrived, was sampled out or is held."""
        gone = len(self.arrivals.spans) + len(self.arrivals.sampled_out)
        return len(self.everything.spans) == gone + self.processor.held_spans


def all_sampled() -> tuple[TracerProvider, Everything]:
    """A provider that samples everything, and what ends there."""
    provider, everything = Keeping(Keep(failed=True), sampler=ALWAYS_ON).provider, Everything()
    provider.add_span_processor(everything)
    return provider, everything


def in_order(spans: Sequence[ReadableSpan]) -> list[dict[str, Any]]:
    """The spans as plain data, trace by trace, in their own order."""
    return [row for span in sorted(spans, key=_trace_id) for row in span_dicts([span])]


def _trace_id(span: ReadableSpan) -> int:
    return span.context.trace_id if span.context else 0
