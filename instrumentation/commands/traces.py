"""The traces in a stream of spans, each drawn when it is over, in memory that does not grow with the stream."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from instrumentation.reading.spans import Batch
from instrumentation.trace_text import TraceRows
from instrumentation.tree import row_of
from nanoagent.core.records import SpanRecord

IDLE_SPANS: Final = 10_000
"""A trace whose root was seen is over when so many further spans were of others."""
MAX_KEPT: Final = 200_000
"""When more spans than this are kept, the trace that came longest ago is over."""
MAX_REMEMBERED: Final = 100_000
"""Traces that are known to have been drawn."""


class DrawnTrace(NamedTuple):
    """A trace to be drawn."""

    trace_id: str
    rows: TraceRows
    is_continued: bool
    """Whether some of its spans were drawn before these came."""


def traces_in(batches: Iterable[Batch], *, max_rows: int, max_kept: int = MAX_KEPT) -> Iterator[DrawnTrace]:
    """The traces of these spans: each as soon as it is over, the rest at the end, the oldest first.

    Args:
        batches: Spans, in any order.
        max_rows: The most spans of one trace that are drawn.
        max_kept: The most spans that are kept.
    """
    open_traces = _OpenTraces(max_rows, max_kept)
    for batch in batches:
        open_traces.add(batch)
        yield from open_traces.over()
    yield from open_traces.rest()


class _OpenTraces:
    def __init__(self, max_rows: int, max_kept: int) -> None:
        self._max_rows = max_rows
        self._max_kept = max_kept
        self._traces: OrderedDict[str, _OpenTrace] = OrderedDict()
        """The one that came last stands last."""
        self._drawn: OrderedDict[str, None] = OrderedDict()
        self._spans = 0
        self._kept = 0

    def add(self, batch: Batch) -> None:
        for span in batch:
            trace = self._traces.get(span.trace_id)
            if trace is None:
                trace = self._traces[span.trace_id] = _OpenTrace(TraceRows(max_rows=self._max_rows))
            self._traces.move_to_end(span.trace_id)
            before = len(trace.rows)
            record = SpanRecord.of(*span)
            trace.rows.add(row_of(span.name, span.attributes, record), record)
            self._kept += len(trace.rows) - before
            self._spans += 1
            trace.last = self._spans
            trace.start_ns = min(trace.start_ns or span.start_ns, span.start_ns)
            trace.is_rooted = trace.is_rooted or span.parent_span_id is None

    def over(self) -> Iterator[DrawnTrace]:
        idle = [
            trace_id
            for trace_id, trace in self._traces.items()
            if trace.is_rooted and self._spans - trace.last >= IDLE_SPANS
        ]
        for trace_id in idle:
            yield self._give(trace_id)
        while self._kept > self._max_kept and len(self._traces) > 1:
            yield self._give(next(iter(self._traces)))

    def rest(self) -> Iterator[DrawnTrace]:
        for trace_id in sorted(self._traces, key=lambda one: self._traces[one].start_ns or 0):
            yield self._give(trace_id)

    def _give(self, trace_id: str) -> DrawnTrace:
        rows = self._traces.pop(trace_id).rows
        self._kept -= len(rows)
        is_continued = trace_id in self._drawn
        self._drawn[trace_id] = None
        if len(self._drawn) > MAX_REMEMBERED:
            self._drawn.popitem(last=False)
        return DrawnTrace(trace_id, rows, is_continued)


class _OpenTrace:
    __slots__ = ("is_rooted", "last", "rows", "start_ns")

    def __init__(self, rows: TraceRows) -> None:
        self.rows = rows
        self.last = 0
        self.start_ns: int | None = None
        self.is_rooted = False
