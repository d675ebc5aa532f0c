"""Groups: the spans that hang together, by trace or by run, kept until they are over."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

from instrumentation.reading.late_spans import LateSpans
from nanoagent.core.records import SpanRecord

IDLE_SPANS: Final = 10_000
"""A group is idle when none of the last so many spans was one of it; it is over when its root was seen, too."""
MAX_IDLE: Final = 100_000
"""When more spans than this are kept, idle groups are over without a root, too."""
MAX_KEPT: Final = 1_000_000
"""When more spans than this are kept, the group that came longest ago is over, idle or not."""
_TRACE_AND_RUN: Final = itemgetter(SpanRecord._fields.index("trace_id"), SpanRecord._fields.index("run_id"))
_PARENT: Final = itemgetter(SpanRecord._fields.index("parent_span_id"))
_OUTER_RUN: Final = itemgetter(SpanRecord._fields.index("parent_run_id"))
SWEEP: Final = 500
"""After so many spans, groups that are over are looked for."""


class Group:
    """Traces that share runs, and runs that share traces."""

    __slots__ = ("last", "left_out", "records", "rooted", "runs", "traces")

    def __init__(self) -> None:
        self.records: list[SpanRecord] = []
        self.traces: set[str | None] = set()
        self.runs: set[str] = set()
        self.rooted = False
        """Whether a span without a parent was seen."""
        self.last = 0
        """The number of the span that came last."""
        self.left_out = 0
        """Spans that were not kept, since there are too many."""


class Grouping:
    """Puts spans into groups, and gives the groups out when they are over."""

    def __init__(
        self,
        *,
        idle_spans: int = IDLE_SPANS,
        max_idle: int = MAX_IDLE,
        max_kept: int = MAX_KEPT,
        sweep: int = SWEEP,
    ) -> None:
        self._idle_spans = idle_spans
        self._max_idle = max_idle
        self._max_kept = max_kept
        self._sweep = sweep
        self.late = LateSpans()
        """Those that came for a group that was given out."""
        self._by_trace: dict[str | None, Group] = {}
        self._by_run: dict[str, Group] = {}
        self._active: OrderedDict[Group, None] = OrderedDict()
        """The group that came last stands last."""
        self._waiting: OrderedDict[Group, None] = OrderedDict()
        """Idle ones without a root, in the same order."""
        self._count = 0
        self._kept = 0
        self._swept = 0
        self._current: Group | None = None

    def add(self, records: Iterable[SpanRecord]) -> None:
        """Put spans into their groups; groups that hang together through one become one."""
        for (trace_id, run_id), same in groupby(records, _TRACE_AND_RUN):
            self._add(trace_id, run_id, list(same))

    def _add(self, trace_id: str | None, run_id: str | None, records: list[SpanRecord]) -> None:
        """Put spans of one trace and one run into their group."""
        group = self._by_trace.get(trace_id)
        if group is None or (run_id is not None and self._by_run.get(run_id) is not group):
            if (group is None or run_id not in group.runs) and self.late.are_late(trace_id, run_id, len(records)):
                return
            group = self._hanging_together(group or self._new(trace_id), run_id)
        for outer in filter(None, map(_OUTER_RUN, records)):
            if outer not in group.runs:
                self.late.look_for_outer(trace_id, outer)
            group = self._hanging_together(group, outer)
        self._count += len(records)
        group.last = self._count
        if group is not self._current:
            self._touch(group)
        group.rooted = group.rooted or None in map(_PARENT, records)
        room = max(0, self._max_kept - len(group.records))
        if len(records) > room:
            group.left_out += len(records) - room
            records = records[:room]
        group.records += records
        self._kept += len(records)

    def over(self) -> Iterator[Group]:
        """The groups that are over by now; they are forgotten."""
        if self._count - self._swept < self._sweep and self._kept <= self._max_kept:
            return
        self._swept = self._count
        while self._active:
            group = next(iter(self._active))
            if group is self._current or self._count - group.last < self._idle_spans:
                break
            if group.rooted:
                yield self._give(group)
            else:
                del self._active[group]
                self._waiting[group] = None
        while self._waiting and self._kept > self._max_idle:
            yield self._give(next(iter(self._waiting)))
        while self._kept > self._max_kept and len(self._active) > 1:
            yield self._give(next(iter(self._active)))

    def rest(self) -> Iterator[Group]:
        """All groups that are left, the oldest first; they are forgotten."""
        left = [*self._waiting, *self._active]
        for group in sorted(left, key=lambda one: min((record.start_ns for record in one.records), default=0)):
            yield self._give(group)

    def _new(self, trace_id: str | None) -> Group:
        group = self._by_trace[trace_id] = Group()
        group.traces.add(trace_id)
        return group

    def _hanging_together(self, group: Group, run_id: str | None) -> Group:
        """The group that a group becomes when a run is a part of it, too."""
        other = group if run_id is None else self._by_run.setdefault(run_id, group)
        if other is group:
            group.runs.update(() if run_id is None else (run_id,))
            return group
        small, large = sorted((group, other), key=lambda one: len(one.records))
        for trace_id in small.traces:
            self._by_trace[trace_id] = large
        for run in small.runs:
            self._by_run[run] = large
        large.traces |= small.traces
        large.runs |= small.runs
        large.records += small.records
        large.rooted |= small.rooted
        large.left_out += small.left_out
        self._drop(small)
        return large

    def _touch(self, group: Group) -> None:
        self._waiting.pop(group, None)
        self._active[group] = None
        self._active.move_to_end(group)
        self._current = group

    def _drop(self, group: Group) -> None:
        self._active.pop(group, None)
        self._waiting.pop(group, None)
        if group is self._current:
            self._current = None

    def _give(self, group: Group) -> Group:
        self._drop(group)
        for trace_id in group.traces:
            del self._by_trace[trace_id]
        for run_id in group.runs:
            del self._by_run[run_id]
        self.late.counted(group.traces, group.runs)
        self._kept -= len(group.records)
        return group
