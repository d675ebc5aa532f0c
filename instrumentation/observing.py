"""Who is told what the aggregator counts."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from opentelemetry.sdk.trace import ReadableSpan

from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import SpanRecord


class Filed(NamedTuple):
    """Where what happens in a run is filed: in the outermost run around it."""

    phase: str | None = None
    """Of the outermost run; `None` where it has no phases."""
    version: str | None = None
    """The agent's version, as the outermost run has it."""


class RunObserver(Protocol):
    """Is told in the thread that ends a span, within a turn of the aggregator: it must neither wait nor raise."""

    def span_counted(self, span: ReadableSpan, record: SpanRecord, attributes: Mapping[str, Any], filed: Filed) -> None:
        """A span of a run was counted; each is told once, whatever runs it counts in."""

    def run_ended(
        self, metrics_of: Callable[[], PerformanceMetrics], root: ReadableSpan, attributes: Mapping[str, Any]
    ) -> None:
        """An outermost run has ended; `metrics_of` adds its numbers up, in any thread."""
