"""The runs that some traces are made of, each counted by the counting rule."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nanoagent.core.counting import MAX_DEPTH, Fold
from nanoagent.core.intervals import Interval
from nanoagent.core.lineage import Key, each_once, runs_around
from nanoagent.core.others import RunOfOthers, runs_of_others
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import SpanRecord


class CountedRun(NamedTuple):
    """The numbers of a run, and what they rest on."""

    metrics: PerformanceMetrics
    spans: int
    """The spans of the run that were found, those of nested runs included, each once."""
    expected_spans: int | None = None
    """How many there should be, as the run's root says; `None` where it does not say."""
    missing_parents: tuple[str, ...] = ()
    """Ids of spans that others name as their parent and that were not found, sorted."""


def runs_in(records: Iterable[SpanRecord]) -> list[CountedRun]:
    """Every run in these records, the oldest first; a nested run stands beside the one that it is nested in.

    Args:
        records: All the spans of some traces, in any order, with any of them more than once.
    """
    spans = each_once(records)
    by_run: defaultdict[str | None, list[SpanRecord]] = defaultdict(list)
    for record in spans.values():
        by_run[record.run_id].append(record)
    theirs = by_run.pop(None, [])
    ours = {run_id: _OurRun(run_id, own) for run_id, own in by_run.items() if run_id is not None}
    for run in ours.values():
        run.nest_in(ours)
    others = _others(spans, ours) if any(record.operation is not None for record in theirs) else []
    counted = [run.counted(spans) for run in ours.values()]
    counted += map(_counted_of_others, others)
    return sorted(counted, key=lambda run: (run.metrics.start_time_unix_ns or 0, str(run.metrics.run_id)))


class _OurRun:
    """A run of ours, with the runs around it."""

    def __init__(self, run_id: str, spans: list[SpanRecord]) -> None:
        self.spans = spans
        self.fold = Fold(run_id)
        self.fold.add_all(spans)
        self.root = self.fold.root
        # Neither knows itself or the other way round: spans are freed at once, without the garbage collector.
        self.nested: list[list[SpanRecord]] = []
        """The spans of the runs in it, however deep."""
        self.around: list[_OurRun] = []
        """The runs that its spans count in as well."""

    def nest_in(self, runs: Mapping[str, "_OurRun"]) -> None:
        """Count in the runs around it as well."""
        inner = self
        while inner.root is not None and inner.root.parent_run_id is not None and len(self.around) < MAX_DEPTH:
            outer = runs.get(inner.root.parent_run_id)
            if outer is None or outer is self or outer in self.around:
                break
            outer.fold.nest(self.fold.run_id, inner.root.phase, inner.root.iteration)
            outer.fold.add_all(self.spans)
            outer.nested.append(self.spans)
            self.around.append(outer)
            inner = outer

    def counted(self, present: Mapping[Key, SpanRecord]) -> CountedRun:
        """Its numbers; `present` are all spans."""
        missing = {
            span.parent_span_id
            for spans in (self.spans, *self.nested)
            for span in spans
            if span.parent_span_id is not None
            and (span.trace_id, span.parent_span_id) not in present
            and span is not self.root
        }
        return CountedRun(
            metrics=self.fold.metrics(lost=bool(missing), so_far=None if self.root else _lasting(self.spans)),
            spans=self.fold.spans,
            expected_spans=self.fold.expected_spans,
            missing_parents=tuple(sorted(missing)),
        )


def _lasting(spans: Sequence[SpanRecord]) -> Interval:
    return min(span.start_ns for span in spans), max(max(span.start_ns, span.end_ns) for span in spans)


def _others(spans: Mapping[Key, SpanRecord], ours: Mapping[str, _OurRun]) -> list[RunOfOthers]:
    """The runs of others; their model calls inside runs of ours are counted there, as untracked."""
    inside = runs_around(spans)
    for key, run_id in inside.items():
        record = spans[key]
        if run_id is not None and record.run_id is None and record.call is not None:
            for run in (ours[run_id], *ours[run_id].around):
                run.fold.add_untracked(record)
    outside = {key: spans[key] for key, run_id in inside.items() if run_id is None}
    return runs_of_others(outside, (span for run in ours.values() for span in run.spans))


def _counted_of_others(run: RunOfOthers) -> CountedRun:
    return CountedRun(
        metrics=run.fold.metrics(lost=bool(run.missing_parents), so_far=None if run.root else _lasting(run.spans)),
        spans=len(run.spans),
        missing_parents=tuple(sorted(run.missing_parents)),
    )
