"""Why a number is worse: where the traces of both sides part, from the traces that are kept with the results."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Final

from benchmarks import amounts
from benchmarks.comparing.comparison import Comparison, Row, Why, WhyOf, Word
from benchmarks.judging.measures import MEASURE_OF, PASS_RATE, Kind
from benchmarks.judging.verdict import VerdictWord
from benchmarks.results.results import Attempt, Results
from instrumentation.comparing.comparison import Comparison as TracesCompared
from instrumentation.comparing.comparison import compared
from instrumentation.comparing.recorded import RecordedRun, recorded_runs
from instrumentation.reading.otlp_json import spans_of
from instrumentation.reading.problems import Problems

NAMES: Final = ("baseline", "this run")
_NO_TRACE: Final = "no trace of {} is kept, so where they part is not known"
_SAME: Final = "both did the same, as far as their traces say"


class Traced:
    """Results with the traces that are kept of their attempts.

    Args:
        results: The results.
        lines: Of OTLP JSON, a trace each.
    """

    def __init__(self, results: Results, lines: Iterable[bytes]) -> None:
        self._attempts = {row.goal.id: row.attempts for row in results.goals}
        self._lines = lines

    @cached_property
    def _runs(self) -> Mapping[str | None, RecordedRun]:
        """By the id of the run."""
        problems = Problems()
        batches = (spans_of(line, problems, "a kept trace") for line in self._lines)
        return {run.metrics.run_id: run for run in recorded_runs(batches, problems)}

    def run_of(self, row: Row, *, worst: bool) -> tuple[Attempt, RecordedRun] | None:
        """The attempt that shows best what the row is about, with what it did; `None` where no trace is kept.

        Args:
            row: A number of a goal.
            worst: Whether it is the one with the worst number that is looked for, or the one with the best.
        """
        traced = [
            (attempt, run)
            for attempt in self._attempts.get(row.goal_id or "", ())
            if (run := self._runs.get(attempt.metrics.run_id)) is not None
        ]
        return (max if worst else min)(traced, key=lambda pair: _badness(pair[0], row.metric), default=None)


def why_of(comparison: Comparison, baseline: Traced, current: Traced, compare_url: "CompareUrl | None") -> WhyOf:
    """Why each row of a goal is worse.

    Args:
        comparison: What became of the baseline.
        baseline: One side.
        current: The other one.
        compare_url: From two trace ids to where both are shown; `None` where that is nowhere.
    """
    rows = [row for row in comparison.of(Word.WORSE) if row.goal_id is not None]
    return {(str(row.goal_id), row.metric): _why(row, baseline, current, compare_url) for row in rows}


def _why(row: Row, baseline: Traced, current: Traced, compare_url: "CompareUrl | None") -> Why:
    before, now = baseline.run_of(row, worst=False), current.run_of(row, worst=True)
    if before is None or now is None:
        return Why([_NO_TRACE.format("the baseline" if before is None else "this run")])
    found = compared(before[1], now[1], names=NAMES)
    url = compare_url(before[0], now[0]) if compare_url else None
    return Why([*_parting(found), *_verdict(row, now[0]), *_amounts(row, found)] or [_SAME], url)


def _parting(found: TracesCompared) -> list[str]:
    """Where the two differ first, and where they part."""
    return list(dict.fromkeys(str(point) for point in (found.first, found.parting) if point is not None))


def _verdict(row: Row, now: Attempt) -> list[str]:
    """What stands against a pass, where that is what is worse: traces hold no answers."""
    reasons = "; ".join(now.verdict.reasons) if row.metric == PASS_RATE else ""
    return [f"attempt {now.number} did not pass: {reasons}"] if reasons else []


def _amounts(row: Row, found: TracesCompared) -> list[str]:
    """By how much, and where it lies: tokens by phase and by iteration, time by what it was spent in."""
    measure = MEASURE_OF.get(row.metric)
    kind = None if measure is None else measure.kind
    if kind is Kind.TOKENS:
        return amounts.of_tokens(found)
    return amounts.of_time(found) if kind is Kind.TIME else []


CompareUrl = Callable[[Attempt, Attempt], str | None]
"""From the attempts of both sides to where their traces are shown side by side."""


def _badness(attempt: Attempt, metric: str) -> float:
    """The number that the row is about; of a pass rate, whether the attempt failed. Unknown is least."""
    measure = MEASURE_OF.get(metric)
    if measure is None:
        return float(attempt.verdict.word is VerdictWord.FAIL)
    value = measure.of(attempt.metrics)
    return -1.0 if value is None else value
