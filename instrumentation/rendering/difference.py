"""What two runs did, side by side, as lines: where they part, what they took, and how their prompts grew."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from rich.text import Text

from instrumentation.comparing.comparison import Comparison, Pair
from instrumentation.comparing.divergence import Divergence
from instrumentation.comparing.recorded import RecordedRun
from instrumentation.rendering.columns import Column, table
from instrumentation.rendering.facts import fact_lines
from instrumentation.rendering.quantities import UNKNOWN, count_text, duration_text, money_text
from instrumentation.rendering.visible import shortened, visible
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.texts import plural

MAX_ROWS: Final = 50
"""So many iterations or agents have a row; the others are counted in a line."""
_MAX_LABEL: Final = 24


def difference_lines(
    comparison: Comparison,
    *,
    names: tuple[str, str],
    sources: tuple[str, str],
    link: str | None = None,
    width: int = 80,
) -> list[Text]:
    """The lines of two runs.

    Args:
        comparison: The runs.
        names: What they are called: short ones, which stand in the heads of columns.
        sources: Where they come from.
        link: Where Jaeger shows both; `None` where it does not have them.
        width: Cells of a line.
    """
    runs = comparison.one, comparison.other
    facts = [*zip(names, map(_about, sources, runs), strict=True), *_found(comparison)]
    if link is not None:
        facts.append(("compare", link))
    style = {"differ": "bold", "part": "bold"}
    return [
        *chain.from_iterable(fact_lines(name, value, width=width, style=style.get(name, "")) for name, value in facts),
        *_tables(comparison, names, width=width),
    ]


def point_text(point: Divergence | None) -> str:
    """Where two runs differ, in one sentence."""
    return "the same" if point is None else str(point)


def _about(source: str, run: RecordedRun) -> str:
    metrics = run.metrics
    ended = ", ".join(filter(None, (metrics.status, metrics.stop_reason, metrics.error_type)))
    goal = f", goal {shortened(run.goal, _MAX_LABEL)}" if run.goal else ""
    return f"run {metrics.run_id} of {source}{goal}: {ended}"


def _found(comparison: Comparison) -> Iterator[tuple[str, str]]:
    first, parting = comparison.first, comparison.parting
    yield "differ", str(first or "no: both did the same")
    if first is not None and first.parts_ways:
        return
    if parting is not None:
        yield "part", str(parting)
    elif first is not None:
        yield "part", "no: both did the same, at other lengths"


def _tables(comparison: Comparison, names: tuple[str, str], *, width: int) -> Iterator[Text]:
    """The numbers of both runs, then by phase, and then how prompts grew, as far as there is something to show."""
    runs = comparison.one.metrics, comparison.other.metrics
    yield Text()
    yield from table([*names, "more"], [list(_numbers(runs))], width=width)
    phases = comparison.tokens_by_phase
    groups = [
        _compared("input", names, [row.input_tokens for row in phases]),
        _compared("output", names, [row.output_tokens for row in phases]),
    ]
    yield from _rows([row.phase for row in phases], groups, width=width)
    growth = comparison.prompt_growth
    groups = [
        _compared("first prompt", names, [row.first for row in growth]),
        _compared("last prompt", names, [row.last for row in growth]),
    ]
    yield from _rows([row.where for row in growth], groups, width=width)


def _rows(labels: Sequence[str], groups: Sequence[Sequence[Column]], *, width: int) -> Iterator[Text]:
    if labels:
        yield Text()
        shown = [[column._replace(cells=column.cells[:MAX_ROWS]) for column in group] for group in groups]
        yield from table([visible(shortened(label, _MAX_LABEL)) for label in labels[:MAX_ROWS]], shown, width=width)
    if (hidden := len(labels) - MAX_ROWS) > 0:
        yield Text(f"… and {plural(hidden, 'more row')}", "dim")


def _numbers(runs: tuple[PerformanceMetrics, PerformanceMetrics]) -> Iterator[Column]:
    def counted(head: str, count: Callable[[PerformanceMetrics], int | None], *, is_token: bool = False) -> Column:
        counts = count(runs[0]), count(runs[1])
        bounds = [is_token and run.unmeasured_api_calls > 0 for run in runs]
        cells = [count_text(one, is_lower_bound=bound) for one, bound in zip(counts, bounds, strict=True)]
        return Column(head, [*cells, _more(counts)])

    yield counted("iterations", lambda run: run.iterations)
    yield counted("calls", lambda run: run.api_calls)
    yield counted("tools", lambda run: run.tool_calls)
    yield counted("input", lambda run: run.input_tokens, is_token=True)
    yield counted("output", lambda run: run.output_tokens, is_token=True)
    yield Column("cost", [*(money_text(run.cost_usd, run.cost_usd_known) for run in runs), ""], "green")
    yield Column("time", [*(duration_text(run.duration_ns) for run in runs), ""], "cyan")


def _compared(what: str, names: tuple[str, str], pairs: Sequence[Pair]) -> list[Column]:
    """A column for each side, and one for how much more the second side has."""
    ones, others = ([count_text(pair[side]) for pair in pairs] for side in (0, 1))
    more = Column("more", list(map(_more, pairs)), "bold")
    return [Column(f"{what} {names[0]}", ones), Column(names[1], others), more]


def _more(pair: Pair) -> str:
    one, other = pair
    if one is None or other is None:
        return UNKNOWN
    return f"{other - one:+,}" if one != other else "0"
