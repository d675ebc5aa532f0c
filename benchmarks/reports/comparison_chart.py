"""The chart of a comparison: what each goal takes now, as a multiple of what it took."""

from collections.abc import Sequence
from typing import Final

from benchmarks.comparing.comparison import Comparison, Row, Word
from benchmarks.judging.measures import LABELS
from benchmarks.reports.charts import FEWEST_ROWS, Chart, largest, of_all
from benchmarks.reports.comparison import change
from benchmarks.reports.drawing import Panel, Points, drawn
from benchmarks.reports.palette import BAD, FIRST, QUIET, Colour
from instrumentation.rendering.quantities import UNKNOWN

_METRICS: Final = ("iterations", "tokens_used")
_SMALLEST_END: Final = 1.5
_LARGEST_END: Final = 3.0
"""Of the axis: more is written beside the point."""
_MARKS: Final[dict[Word, tuple[str, Colour]]] = {
    Word.WORSE: ("^", BAD),
    Word.BETTER: ("v", FIRST),
    Word.SAME: ("o", QUIET),
    Word.INCONCLUSIVE: ("D", QUIET),
    Word.NOT_COMPARABLE: ("x", QUIET),
}


def comparison_chart(comparison: Comparison) -> Chart | None:
    """How iterations and tokens of each goal have changed; `None` where none has, or there are few."""
    by_goal: dict[str, dict[str, Row]] = {}
    for row in comparison.rows:
        if row.goal_id is not None and row.metric in _METRICS and row.ratio is not None:
            by_goal.setdefault(row.goal_id, {})[row.metric] = row
    has_changed = any(_changed(row) for rows in by_goal.values() for row in rows.values())
    if len(by_goal) < FEWEST_ROWS or not has_changed:
        return None
    shown = largest(list(by_goal), lambda goal_id: max(_changed(row) for row in by_goal[goal_id].values()))
    metrics = [metric for metric in _METRICS if any(metric in by_goal[goal_id] for goal_id in shown)]
    columns = {metric: [by_goal[goal_id].get(metric) for goal_id in shown] for metric in metrics}
    return Chart(
        name="comparison",
        title="Iterations and tokens of each goal as a multiple of the baseline's: a triangle up is worse, one down "
        f"better, a circle the same, a diamond inconclusive, a cross not comparable{of_all(shown, by_goal)}",
        alt=" ".join(_said(metric, rows) for metric, rows in columns.items()),
        drawn=drawn(shown, [_panel(metric, rows) for metric, rows in columns.items()]),
    )


def _changed(row: Row) -> float:
    return 0.0 if row.ratio is None else abs(row.ratio - 1)


def _panel(metric: str, rows: Sequence[Row | None]) -> Panel:
    ratios = [1.0 if row is None or row.ratio is None else row.ratio for row in rows]
    marks = [("", QUIET) if row is None else _MARKS[row.word] for row in rows]
    return Panel(
        title=LABELS[metric].capitalize(),
        end=min(max(_SMALLEST_END, *ratios), _LARGEST_END),
        unit="x",
        texts=[UNKNOWN if row is None else _text(row) for row in rows],
        points=Points(values=ratios, marks=[mark for mark, _ in marks], colours=[colour for _, colour in marks]),
        line=1.0,
        line_colour=QUIET,
    )


def _text(row: Row) -> str:
    return UNKNOWN if row.ratio is None else "same" if row.ratio == 1 else f"{100 * (row.ratio - 1):+,.0f} %"


def _said(metric: str, rows: Sequence[Row | None]) -> str:
    label = LABELS[metric].capitalize()
    known = [row for row in rows if row is not None]
    most = max(known, key=_changed)
    if not _changed(most):
        return f"{label} are what they were in every goal."
    differ = sum(_changed(row) > 0 for row in known)
    return f"{label} differ in {differ:,} of {len(known):,} goals, most in {most.where}: {change(most)}."
