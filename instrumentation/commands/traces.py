"""The traces in a stream of spans, each drawn when it is over, in memory that does not grow with the stream."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from instrumentation.reading.spans import Batch
from instrumentation.rendering.trace_text import TraceRows
from instrumentation.rendering.tree import row_of
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
        self._active: OrderedDict[str, _OpenTrace] = OrderedDict()
        """The one that came last stands last."""
        self._waiting: OrderedDict[str, _OpenTrace] = OrderedDict()
        """Idle ones without a root, in the same order."""
        self._drawn: OrderedDict[str, None] = OrderedDict()
        self._spans = 0
        self._kept = 0

    def add(self, batch: Batch) -> None:
        for span in batch:
            trace = self._touched(span.trace_id)
            before = len(trace.rows)
            record = SpanRecord.of(*span)
            trace.rows.add(row_of(span.name, span.attributes, record), record)
            self._kept += len(trace.rows) - before
            self._spans += 1
            trace.last = self._spans
            trace.start_ns = min(trace.start_ns or span.start_ns, span.start_ns)
            trace.is_rooted = trace.is_rooted or span.parent_span_id is None

    def over(self) -> Iterator[DrawnTrace]:
        while self._active:
            trace_id, trace = next(iter(self._active.items()))
            if self._spans - trace.last < IDLE_SPANS:
                break
            if trace.is_rooted:
                yield self._give(trace_id, self._active)
            else:
                self._waiting[trace_id] = self._active.pop(trace_id)
        while self._kept > self._max_kept and len(self._active) + len(self._waiting) > 1:
            traces = self._waiting or self._active
            yield self._give(next(iter(traces)), traces)

    def rest(self) -> Iterator[DrawnTrace]:
        left = self._waiting | self._active
        for trace_id in sorted(left, key=lambda one: left[one].start_ns or 0):
            yield self._give(trace_id, left)

    def _touched(self, trace_id: str) -> "_OpenTrace":
        trace = self._active.get(trace_id) or self._waiting.pop(trace_id, None)
        if trace is None:
            trace = _OpenTrace(TraceRows(max_rows=self._max_rows))
        self._active[trace_id] = trace
        self._active.move_to_end(trace_id)
        return trace

    def _give(self, trace_id: str, traces: "OrderedDict[str, _OpenTrace]") -> DrawnTrace:
        rows = traces.pop(trace_id).rows
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
        """The number of the span that came last."""
        self.start_ns: int | None = None
        self.is_rooted = False
