"""The runs that a bunch of spans is made of, each counted by the counting rule."""

from collections.abc import Iterable
from typing import NamedTuple

from nanoagent.core.counting import fold
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
    records = list(records)
    present = {record.span_id for record in records}
    ids = sorted({record.run_id for record in records if record.run_id is not None})
    counted = [CountedRun(fold(records, run_id=run_id, present=present), spans=len(records)) for run_id in ids]
    return sorted(counted, key=lambda run: run.metrics.start_time_unix_ns or 0)
