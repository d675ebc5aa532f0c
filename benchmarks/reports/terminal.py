"""What a person sees in a terminal: progress while goals run, and the end."""

import sys
from collections import Counter
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from benchmarks.formats import seconds
from benchmarks.judging import verdict
from benchmarks.judging.statistics import scores
from benchmarks.judging.verdict import VerdictWord
from benchmarks.results.results import Attempt, GoalResults, Results
from benchmarks.suite.goals import Goal
from instrumentation.rendering.quantities import UNKNOWN
from instrumentation.rendering.visible import visible, visible_lines

_COLOURS: Final = {VerdictWord.PASS: "green", VerdictWord.FAIL: "red", VerdictWord.ERROR: "yellow"}
_LONGEST_TEXT: Final = 24
"""Of the goals that are named beside the bar."""
_MOST_REASONS: Final = 20
"""Lines on a terminal."""
_LONGEST_READING: Final = 40
"""Of what is read back, in the same place: a line of 80 columns has room for it."""


class LiveProgress:
    """A bar on stderr with the goals at work; nothing at all when stderr is no terminal."""

    def __init__(self, total: int, *, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._running: list[str] = []
        self._progress = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task("", total=total)

    def started(self, goal: Goal) -> None:
        """A goal is at work."""
        self._running.append(goal.id)
        self._show(advance=0)

    def ended(self, goal: Goal) -> None:
        """A goal is done."""
        self._running.remove(goal.id)
        self._show(advance=1)

    def reading(self, what: str) -> None:
        """Traces are read back, or waited for."""
        self._progress.update(self._task, description=_shortened(what, _LONGEST_READING))

    def say(self, line: str) -> None:
        """Print a line above the bar, on stderr."""
        self.console.print(escape(visible_lines(line)), soft_wrap=True)

    def __enter__(self) -> Self:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._progress.stop()

    def _show(self, *, advance: int) -> None:
        text = _shortened(", ".join(self._running), _LONGEST_TEXT)
        self._progress.update(self._task, description=text, advance=advance)


def _shortened(text: str, longest: int) -> str:
    text = visible(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def stdout_console() -> Console:
    """Where data goes; as wide as the terminal, without colours when it is none.

    Printing raises a `BrokenPipeError` where nobody reads on.
    """
    return _Stdout(file=sys.stdout, highlight=False)


class _Stdout(Console):
    """Rich would end the process with an exit code that says that a criterion failed."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def result_table(results: Results) -> Table:
    """One line a goal, which fits 80 columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("Goal")  # the only one that gives way
    table.add_column("Tier", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for name in ("Iterations", "Tokens", "Time"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in results.goals:
        table.add_row(*_cells(row))
    return table


def _cells(row: GoalResults) -> list[str | Text]:
    start = [Text(visible(row.goal.id), no_wrap=True, overflow="ellipsis"), row.goal.tier.value]
    if row.verdict is None:
        return [*start, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]
    shown = _shown(row)
    duration_s = shown.metrics.duration_seconds() or None
    iterations, tokens = verdict.headroom(shown.metrics, row.goal)
    return [*start, f"[{_COLOURS[row.verdict]}]{_word(row)}[/]", iterations, tokens, seconds(duration_s)]


def _word(row: GoalResults) -> str:
    """The verdict; of several attempts with how many passed, of those that say something of the goal."""
    passed = scores(row.attempts)
    return f"{row.verdict}" if len(row.attempts) == 1 else f"{row.verdict} {sum(passed):,}/{len(passed):,}"


def _shown(row: GoalResults) -> Attempt:
    """The attempt whose numbers the line shows: the one that used most tokens, since budgets hold for each."""
    return max(row.attempts, key=lambda attempt: attempt.metrics.tokens_used or 0)


def reason_lines(results: Results) -> list[str]:
    """Why goals did not pass: a line each, and of many the first ones."""
    lines = [line for row in results.goals for line in _reasons(row)]
    rest = len(lines) - _MOST_REASONS
    return lines if rest <= 1 else [*lines[:_MOST_REASONS], f"and {rest:,} more; the report has all of them"]


def _reasons(row: GoalResults) -> list[str]:
    """Each reason of the goal's attempts once."""
    against = [attempt for attempt in row.attempts if attempt.verdict.word is not VerdictWord.PASS]
    said = Counter(
        "; ".join(attempt.verdict.reasons) + (f" ({attempt.error_type})" if attempt.error_type else "")
        for attempt in against
    )
    of_several = len(row.attempts) > 1
    return [
        f"{row.goal.id}: {reason}" + (f" ({times:,} of {len(row.attempts):,} attempts)" if of_several else "")
        for reason, times in said.items()
    ]
