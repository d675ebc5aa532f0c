"""What the view is measured by: the project's own fold over the same spans, and where the two differ."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from types import ModuleType
from typing import Any

from nanoagent.core import records, runs
from nanoagent.core.performance import Counts
from nanoagent.core.runs import CountedRun
from tests.scale.rows import Span, record_of


def folded(spans: Iterable[Span], runs: ModuleType = runs, records: ModuleType = records) -> dict[str, CountedRun]:
    """The runs of ours by their ids, as the fold counts them, or a copy of its modules."""
    recorded = [record_of(span, records) for span in spans]
    ours = {record.run_id for record in recorded}
    return {str(run.metrics.run_id): run for run in runs.runs_in(recorded) if run.metrics.run_id in ours}


def differences(found: Mapping[str, CountedRun], expected: Mapping[str, CountedRun]) -> list[str]:
    """A line for each field of each run in which the view is not what the fold is."""
    lines = [f"{run_id!r}: not in the view" for run_id in expected if run_id not in found]
    lines += [f"{run_id!r}: not in the fold" for run_id in found if run_id not in expected]
    for run_id, run in expected.items():
        if run_id in found and found[run_id] != run:
            lines += [f"{run_id!r}: {line}" for line in _of_run(found[run_id], run)]
    return lines


def _of_run(found: CountedRun, expected: CountedRun) -> Iterator[str]:
    yield from _of_counts(found.metrics, expected.metrics)
    for key in CountedRun._fields[1:]:
        if getattr(found, key) != getattr(expected, key):
            yield _line(key, getattr(found, key), getattr(expected, key))


def _of_counts(found: Counts, expected: Counts) -> Iterator[str]:
    for field in fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if one == other:
            continue
        if not field.name.startswith("by_") or len(one) != len(other):
            yield _line(field.name, one, other)
        else:
            for row, wanted in zip(one, other, strict=True):
                yield from (f"{field.name}: {line}" for line in _of_counts(row, wanted))


def _line(key: str, found: Any, expected: Any) -> str:
    return f"{key}: the view has {found!r}, the fold {expected!r}"
