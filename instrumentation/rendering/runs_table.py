"""Many runs as a table with a line a run, which can be written as the runs come, and a last line with their totals."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from rich.text import Text

from instrumentation.rendering.facts import fact_lines
from instrumentation.rendering.notes import failures, notes
from instrumentation.rendering.quantities import UNKNOWN, count_text, duration_text, money_text
from instrumentation.rendering.run_totals import RunTotals
from instrumentation.rendering.visible import shortened, visible
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.runs import CountedRun
from nanoagent.texts import plural

NESTED: Final = "└"
"""Before a run that is nested in another one."""
INCOMPLETE: Final = "!"
"""Before a run that is not complete."""


class _Field(NamedTuple):
    head: str
    width: int
    """Cells; what needs more pushes the rest of its line aside."""
    style: str = ""
    is_text: bool = False
    """Set flush left, and shortened where it needs more."""
    from_width: int = 0
    """The width of a line from which on it is shown."""


_ID: Final = _Field("run", 12, is_text=True)
_LONG_ID: Final = _Field("run", 32, is_text=True)
_LONG_FROM: Final = 100
_FIELDS: Final = (
    _Field("status", 10, is_text=True),
    _Field("calls", 5),
    _Field("tools", 5),
    _Field("in/out tokens", 16),
    _Field("cost", 10, "green"),
    _Field("time", 8, "cyan"),
    _Field("in models", 9, "cyan", from_width=122),
    _Field("in tools", 8, "cyan", from_width=122),
    _Field("rest", 8, "cyan", from_width=132),
    _Field("trace", 32, is_text=True, from_width=166),
)


class RunsTable:
    """The lines of the table, none of which needs to know those that come later."""

    def __init__(self, *, width: int = 80) -> None:
        """Start a table for lines of `width` cells."""
        self._width = width
        self._id = _LONG_ID if width >= _LONG_FROM else _ID
        self._fields = [field for field in _FIELDS if width >= field.from_width]

    def head(self) -> Text:
        """The line above the runs."""
        line = self._line("", {field.head: field.head for field in (self._id, *self._fields)})
        line.stylize("bold")
        return line

    def row(self, run: CountedRun) -> Text:
        """The line of a run."""
        metrics = run.metrics
        nested = NESTED if metrics.parent_run_id else ""
        incomplete = INCOMPLETE if metrics.complete is False else ""
        run_id = visible(metrics.run_id or UNKNOWN)[: self._id.width]
        cells = {"run": run_id, "status": metrics.status, "trace": metrics.trace_id or UNKNOWN}
        line = self._line(nested + incomplete, cells | _figures(metrics))
        line.stylize("red" if incomplete else "dim" if nested else "")
        return line

    def total(self, totals: RunTotals) -> Iterator[Text]:
        """The lines below the runs: the total, and what it and the marks mean."""
        metrics = totals.metrics()
        line = self._line("", _figures(metrics), label=f"total of {plural(totals.runs - totals.nested, 'run')}")
        line.stylize("bold")
        yield line
        if totals.nested:
            are = "is" if totals.nested == 1 else "are"
            yield Text(f"{NESTED} {totals.nested:,} {are} nested in another run, and in its numbers", "dim")
        if totals.incomplete:
            are = "is" if totals.incomplete == 1 else "are"
            yield Text(f"{INCOMPLETE} {totals.incomplete:,} {are} not complete", "red")
        for note in (*failures(metrics), *notes(metrics)):
            yield from fact_lines("note", note, width=self._width, style="yellow")

    def _line(self, marks: str, cells: dict[str, str], *, label: str | None = None) -> Text:
        """A line of these cells; a label takes the place of the first two."""
        line = Text(f"{marks:<2}")
        fields = [self._id, *self._fields]
        if label is not None:
            line.append(label.ljust(fields[0].width + 2 + fields[1].width))
            fields = fields[2:]
        for field in fields:
            cell = cells.get(field.head, "")
            text = (
                shortened(visible(cell), field.width).ljust(field.width) if field.is_text else cell.rjust(field.width)
            )
            gap = "  " if len(line) > len(f"{marks:<2}") else ""
            line.append(gap + text, field.style if cell != field.head else "")
        line.rstrip()
        return line


def _figures(metrics: PerformanceMetrics) -> dict[str, str]:
    is_lower_bound = metrics.unmeasured_api_calls > 0
    tokens = [count_text(n, is_lower_bound=is_lower_bound) for n in (metrics.input_tokens, metrics.output_tokens)]
    return {
        "calls": count_text(metrics.api_calls),
        "tools": count_text(metrics.tool_calls),
        "in/out tokens": UNKNOWN if metrics.tokens_used is None else "/".join(tokens),
        "cost": money_text(metrics.cost_usd, metrics.cost_usd_known),
        "time": duration_text(metrics.duration_ns),
        "in models": duration_text(metrics.llm_ns),
        "in tools": duration_text(metrics.tool_ns),
        "rest": duration_text(metrics.other_ns),
    }
