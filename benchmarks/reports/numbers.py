"""The table of numbers: what each goal took, the mean of its attempts."""

from collections.abc import Sequence
from typing import Final

from benchmarks.reports.breakdown import TIME_COLUMNS, TimeSplit, sum_of
from benchmarks.reports.markdown import escaped, table
from benchmarks.reports.repeats import mean_text
from benchmarks.results.results import Attempt, GoalResults, Results
from instrumentation.rendering.quantities import UNKNOWN

_COLUMNS: Final = {
    "Iterations": "iterations",
    "Model calls": "api_calls",
    "Input": "input_tokens",
    "Output": "output_tokens",
    "Tool calls": "tool_calls",
    "Failed": "failed_tool_calls",
}
"""The fields of a run's metrics, under their heads."""


def number_table(results: Results) -> list[str]:
    """A line a goal that was attempted."""
    rows = [_row(row) for row in results.goals if row.attempts]
    return table(["Goal", *_COLUMNS, *TIME_COLUMNS], rows, numbers_from=1)


def _row(row: GoalResults) -> list[str]:
    means = [_mean(row.attempts, field) for field in _COLUMNS.values()]
    times = TimeSplit.of(attempt.metrics for attempt in row.attempts).cells(runs=len(row.attempts))
    return [escaped(row.goal.id), *means, *times]


def _mean(attempts: Sequence[Attempt], field: str) -> str:
    total = sum_of([attempt.metrics for attempt in attempts], field)
    return UNKNOWN if total is None else mean_text(total / len(attempts))
