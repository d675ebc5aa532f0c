"""The runs that some traces are made of, each counted by the counting rule."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from nanoagent.core.counting import Fold
from nanoagent.core.intervals import Interval
from nanoagent.core.lineage import Key, each_once, runs_around
from nanoagent.core.others import RunOfOthers, runs_of_others
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import SpanRecord

MAX_DEPTH: Final = 64
"""Runs within runs are counted in so many of those around them."""


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
    ours = [record for record in spans.values() if record.run_id is not None]
    folds, around = _folds(ours)
    by_run: defaultdict[str, list[SpanRecord]] = defaultdict(list)
    for record in ours:
        by_run[str(record.run_id)].append(record)
    for run_id, own in by_run.items():
        for fold in around[run_id]:
            fold.add_all(own)
    others: list[RunOfOthers] = []
    if len(ours) < len(spans) and any(one.operation is not None for one in spans.values() if one.run_id is None):
        others = _others(spans, ours, around)
    present = {span_id for _, span_id in spans}
    missing: defaultdict[str, set[str]] = defaultdict(set)
    for record in ours:
        if record.parent_span_id is not None and record.parent_span_id not in present:
            for fold in around[str(record.run_id)]:
                if record is not fold.root:
                    missing[fold.run_id].add(record.parent_span_id)
    lasting = _lasting(record for record in ours if folds[str(record.run_id)].root is None)
    counted = [_counted(fold, missing[run_id], lasting.get(run_id)) for run_id, fold in folds.items()]
    counted += map(_counted_of_others, others)
    return sorted(counted, key=lambda run: (run.metrics.start_time_unix_ns or 0, str(run.metrics.run_id)))


def _others(
    spans: Mapping[Key, SpanRecord], ours: Iterable[SpanRecord], around: Mapping[str, Iterable[Fold]]
) -> list[RunOfOthers]:
    """The runs of others; their model calls inside runs of ours are counted there, as untracked."""
    inside = runs_around(spans)
    for key, run_id in inside.items():
        record = spans[key]
        if run_id is not None and record.run_id is None and record.call is not None:
            for fold in around[run_id]:
                fold.add_untracked(record)
    return runs_of_others({key: spans[key] for key, run_id in inside.items() if run_id is None}, ours)


def _folds(ours: Iterable[SpanRecord]) -> tuple[dict[str, Fold], dict[str, list[Fold]]]:
    """A fold for each of our runs, and for each of them all that its spans count in: its own and those around it."""
    roots: dict[str, SpanRecord | None] = {}
    for record in ours:
        known = roots.setdefault(str(record.run_id), None)
        if record.summary is not None and (known is None or _age(record) < _age(known)):
            roots[str(record.run_id)] = record
    folds = {run_id: Fold(run_id, parent_run_id=root.parent_run_id if root else None) for run_id, root in roots.items()}
    around = {run_id: [fold] for run_id, fold in folds.items()}
    for run_id, root in roots.items():
        inner = root
        while inner is not None and len(around[run_id]) <= MAX_DEPTH:
            outer = folds.get(str(inner.parent_run_id))
            if outer is None or outer in around[run_id]:
                break
            outer.nest(run_id, inner.phase, inner.iteration)
            around[run_id].append(outer)
            inner = roots[outer.run_id]
    return folds, around


def _lasting(records: Iterable[SpanRecord]) -> dict[str, Interval]:
    """From the start of a run's first to the end of its last span, by the run's id."""
    lasting: dict[str, Interval] = {}
    for record in records:
        start_ns, end_ns = lasting.get(str(record.run_id), (record.start_ns, record.start_ns))
        lasting[str(record.run_id)] = min(start_ns, record.start_ns), max(end_ns, record.end_ns)
    return lasting


def _counted(fold: Fold, missing: Collection[str], so_far: Interval | None) -> CountedRun:
    return CountedRun(
        metrics=fold.metrics(lost=bool(missing), so_far=so_far),
        spans=fold.spans,
        expected_spans=fold.expected_spans,
        missing_parents=tuple(sorted(missing)),
    )


def _counted_of_others(run: RunOfOthers) -> CountedRun:
    metrics = run.fold.metrics(so_far=run.so_far)
    return CountedRun(
        metrics=replace(metrics, complete=False) if run.missing_parents else metrics,
        spans=run.spans,
        missing_parents=tuple(sorted(run.missing_parents)),
    )


def _age(record: SpanRecord) -> tuple[int, str]:
    return record.start_ns, record.span_id
