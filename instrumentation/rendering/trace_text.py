"""A trace as text: its tree, and below it how the time of its runs was spent."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rich.text import Text

from instrumentation.rendering.columns import Column, table
from instrumentation.rendering.quantities import part_text
from instrumentation.rendering.tree import Row, render_tree
from instrumentation.rendering.visible import visible
from nanoagent.core.performance import Counts, PerformanceMetrics
from nanoagent.core.records import SpanRecord
from nanoagent.core.runs import CountedRun, runs_in
from nanoagent.texts import plural

MAX_ROWS: Final = 10_000
"""So many spans of one trace are drawn."""
MAX_RUNS: Final = 20
"""So many runs of a trace have their time split; the others are counted in a line."""
MAX_ITERATIONS: Final = 20
"""So many iterations of a run have; the others are counted in a line."""


class TraceRows:
    """The spans of one trace, as far as they are drawn: of those that came twice the one that ended last."""

    def __init__(self, *, max_rows: int = MAX_ROWS) -> None:
        """Start without spans."""
        self._max_rows = max_rows
        self._rows: dict[str, tuple[Row, SpanRecord]] = {}
        self._runs: list[CountedRun] | None = None
        self.hidden = 0
        """Spans that are more than are drawn."""

    def __len__(self) -> int:
        """How many are drawn."""
        return len(self._rows)

    def add(self, row: Row, record: SpanRecord) -> None:
        """Add a span; local roots always find room."""
        known = self._rows.get(row.span_id)
        if known is None and row.parent_id is not None and len(self._rows) >= self._max_rows:
            self.hidden += 1
        elif known is None or known[0].end_ns < row.end_ns:
            self._rows[row.span_id] = row, record
            self._runs = None

    def runs(self) -> list[CountedRun]:
        """The runs of the trace; none where there are spans that are not drawn, since nothing is known of them."""
        if self.hidden:
            return []
        if self._runs is None:
            self._runs = runs_in(record for _, record in self._rows.values())
        return self._runs

    def missing_parents(self) -> list[str]:
        """The parents that are named and are not there, sorted; unknown, and so none, where spans are not drawn."""
        parents = {row.parent_id for row, _ in self._rows.values() if row.parent_id is not None}
        return [] if self.hidden else sorted(parents - self._rows.keys())

    def lines(self, *, width: int = 80) -> list[Text]:
        """The tree and, unless there are spans that are not drawn, how the time of its runs was spent."""
        tree = render_tree([row for row, _ in self._rows.values()], width=width, hidden=self.hidden)
        split = time_lines((run.metrics for run in self.runs()), width=width)
        return [*tree, Text(), *split] if split else tree


def time_lines(runs: Iterable[PerformanceMetrics], *, width: int = 80) -> list[Text]:
    """How the time of runs and of their iterations was spent: in models, in tools but no models, and the rest."""
    shown: list[tuple[str, Counts | None]] = []
    runs = [run for run in runs if run.api_calls or run.tool_calls]
    for run in runs[:MAX_RUNS]:
        shown.append((f"run {visible(str(run.run_id))[:12]}" if len(runs) > 1 else "run", run))
        shown += [(f"iteration {row.iteration}", row) for row in run.by_iteration[:MAX_ITERATIONS]]
        hidden = len(run.by_iteration) - MAX_ITERATIONS
        if hidden > 0:
            shown.append((f"… and {plural(hidden, 'more iteration')}", None))
    if not shown:
        return []
    rows = [row for _, row in shown]
    columns = [
        _column("time", rows, lambda row: row.duration_ns),
        _column("in models", rows, lambda row: row.llm_ns),
        _column("in tools", rows, lambda row: row.tool_ns),
        _column("rest", rows, lambda row: row.other_ns),
    ]
    lines = table([label for label, _ in shown], [columns], width=width)
    hidden = len(runs) - MAX_RUNS
    return [*lines, Text(f"… and {plural(hidden, 'more run')}", "dim")] if hidden > 0 else lines


def _column(head: str, rows: Sequence[Counts | None], duration_ns: Callable[[Counts], int]) -> Column:
    return Column(head, ["" if row is None else part_text(row, duration_ns(row)) for row in rows], "cyan")
