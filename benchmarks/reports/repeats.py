"""What the attempts of one goal come to: how many passed, how sure that is, and how far their numbers lie apart."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Final, NamedTuple

from benchmarks.formats import count
from benchmarks.judging.verdict import VerdictWord
from benchmarks.results.results import Attempt, GoalResults
from instrumentation.rendering.quantities import UNKNOWN
from nanoagent.core.performance import PerformanceMetrics

BUDGETED: Final[Mapping[str, Callable[[PerformanceMetrics], int | None]]] = {
    "iterations": lambda metrics: metrics.iterations,
    "tokens": lambda metrics: metrics.tokens_used,
}
"""What goals have a budget of, by the field of the budget."""
CONFIDENCE: Final = 0.95


class PassRate(NamedTuple):
    """How often a goal was passed, of the attempts that say something of it."""

    passed: int
    attempts: int
    low: float
    """Of the Wilson interval, from 0 to 1."""
    high: float

    @property
    def rate(self) -> float:
        """From 0 to 1."""
        return self.passed / self.attempts


class Spread(NamedTuple):
    """How far the numbers of attempts lie apart."""

    mean: float
    low: int
    high: int

    def text(self) -> str:
        """As a table shows it: the mean, with the range where there is one."""
        if self.low == self.high:
            return count(self.low)
        return f"{self.mean:,.1f} ({self.low:,} to {self.high:,})"


def measured(row: GoalResults) -> list[Attempt]:
    """The attempts that say something of the goal: an error is none of its doing."""
    return [attempt for attempt in row.attempts if attempt.verdict.word is not VerdictWord.ERROR]


def pass_rate(row: GoalResults) -> PassRate | None:
    """How often the goal was passed; `None` while no attempt says anything of it."""
    words = [attempt.verdict.word for attempt in measured(row)]
    if not words:
        return None
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    passed = words.count(VerdictWord.PASS)
    interval = binomtest(passed, len(words)).proportion_ci(CONFIDENCE, method="wilson")
    return PassRate(passed, len(words), interval.low, interval.high)


def spread(attempts: Sequence[Attempt], budgeted: str) -> Spread | None:
    """How far the attempts lie apart in what there is a budget of; `None` where one of them is not known."""
    values = [BUDGETED[budgeted](attempt.metrics) for attempt in attempts]
    known = [value for value in values if value is not None]
    return Spread(fmean(known), min(known), max(known)) if known and len(known) == len(values) else None


def beside_budget(row: GoalResults, budgeted: str) -> str:
    """The spread beside the budget, such as `3.5 (3 to 4) of <5`."""
    found = spread(measured(row) or row.attempts, budgeted)
    bound: int = getattr(row.goal.budget, budgeted)
    return UNKNOWN if found is None else f"{found.text()} of <{bound:,}"
