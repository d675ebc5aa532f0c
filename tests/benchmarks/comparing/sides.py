"""Two sides to compare, made by hand: goals with the numbers of their attempts."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.comparing.compare import compare
from benchmarks.comparing.comparison import Comparison, Row, Threshold, Word
from benchmarks.comparing.thresholds import Thresholds
from benchmarks.judging.verdict import Cause, Criterion, Verdict, VerdictWord
from benchmarks.results.results import Attempt, Results, results_of
from benchmarks.suite.facts import GoalFacts
from nanoagent.core.performance import PerformanceMetrics
from tests.benchmarks.results_made import facts, metrics, provenance

LIVE: dict[str, Any] = {"model": "openai:gpt-5-mini", "token_source": "provider"}
"""Provenance of a model that leaves something to chance."""
THRESHOLDS = Thresholds(
    significance=0.01,
    metrics={
        "pass_rate": Threshold(absolute=0.1),
        "duration_seconds": Threshold(relative=0.1, absolute=0.02),
        "llm_seconds": Threshold(relative=0.1, absolute=0.02),
        "tokens_used": Threshold(relative=0.05),
    },
)
Numbers = PerformanceMetrics | Cause | VerdictWord
"""Of an attempt that passed, or why it did not."""


def side(
    goals: Mapping[str, Sequence[Numbers]], *, of: Mapping[str, GoalFacts] | None = None, **source: Any
) -> Results:
    """Results of these goals.

    Args:
        goals: The attempts at each.
        of: Facts of goals that are not the usual ones.
        source: Of the provenance.
    """
    rows = [(of or {}).get(id_) or facts(id_) for id_ in goals]
    attempts = [_attempt(id_, number, one) for id_, made in goals.items() for number, one in enumerate(made, 1)]
    repeat = source.pop("repeat", max(map(len, goals.values()), default=1))
    return results_of(provenance(repeat=repeat, **source), rows, attempts)


def _attempt(goal_id: str, number: int, one: Numbers) -> Attempt:
    numbers = one if isinstance(one, PerformanceMetrics) else metrics()
    verdict = Verdict(word=VerdictWord.PASS)
    if isinstance(one, Cause):
        verdict = Verdict(word=VerdictWord.ERROR, cause=one)
    elif isinstance(one, VerdictWord):
        answer = Criterion(name="answer", passed=one is VerdictWord.PASS, text="answer")
        verdict = Verdict(word=one, criteria=(answer,))
    return Attempt(goal_id=goal_id, number=number, verdict=verdict, metrics=numbers)


def compared(baseline: Results, current: Results, thresholds: Thresholds = THRESHOLDS) -> Comparison:
    """The comparison, and what it says as JSON is tried on the way."""
    found = compare(baseline, current, thresholds)
    assert len(found.to_dict()["rows"]) == len(found.rows)
    return found


def row(found: Comparison, where: str, metric: str) -> Row:
    """The one row of that."""
    (one,) = [row for row in found.rows if (row.where, row.metric) == (where, metric)]
    return one


def words(found: Comparison, where: str) -> dict[str, Word]:
    """The words of all rows about something, by the number."""
    return {row.metric: row.word for row in found.rows if row.where == where}


def changed(found: Comparison) -> dict[tuple[str, str], str]:
    """All rows that are not the same, but for times."""
    rows = [row for row in found.rows if row.word is not Word.SAME and not row.metric.endswith("seconds")]
    return {(row.where, row.metric): row.word.value for row in rows}
