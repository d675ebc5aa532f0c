"""What the attempts of one goal come to: how many passed, and how far their numbers lie apart, as tables show it."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.judging.measures import MEASURE_OF, Kind, Measure
from benchmarks.judging.statistics import Summary, measuring, rate_of, summary_of
from benchmarks.results.results import Attempt, GoalResults
from instrumentation.rendering.quantities import UNKNOWN

BUDGETED: Final[Mapping[str, Measure]] = {
    "iterations": MEASURE_OF["iterations"],
    "tokens": MEASURE_OF["tokens_used"],
}
"""What goals have a budget of, by the field of the budget."""


def measured(row: GoalResults) -> list[Attempt]:
    """The attempts that say something of the goal: an error is none of its doing."""
    return measuring(Kind.SCORE, row.attempts)


def spread(attempts: Sequence[Attempt], budgeted: str) -> Summary | None:
    """How the attempts lie in what there is a budget of; `None` where it is not known of any."""
    values = [BUDGETED[budgeted].of(attempt.metrics) for attempt in attempts]
    return summary_of([value for value in values if value is not None])


def bound_of(row: GoalResults, budgeted: str) -> int:
    """The budget: what is used has to be less."""
    bound: int = getattr(row.goal.budget, budgeted)
    return bound


def beside_budget(row: GoalResults, budgeted: str) -> str:
    """The mean and the range beside the budget, such as `3.5 (3 to 4) of <5`."""
    found = spread(measured(row) or row.attempts, budgeted)
    return UNKNOWN if found is None else f"{_range(found)} of <{bound_of(row, budgeted):,}"


def rate_cells(row: GoalResults) -> list[str]:
    """How many attempts passed, and the interval of that."""
    rate = rate_of(row.attempts)
    if rate is None:
        return ["0 of 0", UNKNOWN]
    low, high = rate.interval()
    return [f"{rate.passed:,} of {rate.n:,}", f"{100 * low:.0f} to {100 * high:.0f} %"]


def mean_text(mean: float) -> str:
    """A mean of counts: a digit behind the point where that says something."""
    return f"{mean:,.0f}" if mean == int(mean) or mean >= 1_000 else f"{mean:,.1f}"


def _range(summary: Summary) -> str:
    if summary.least == summary.greatest:
        return f"{summary.least:,.0f}"
    return f"{mean_text(summary.mean)} ({summary.least:,.0f} to {summary.greatest:,.0f})"
