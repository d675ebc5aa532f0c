"""The charts of a report: what of the results is shown as a picture, and what each says in words."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from benchmarks.formats import count, percent
from benchmarks.judging.statistics import Summary, rate_of
from benchmarks.judging.verdict import VerdictWord
from benchmarks.reports.drawing import Bars, Drawn, Panel, Points, drawn
from benchmarks.reports.palette import FIRST, SECOND, THIRD
from benchmarks.reports.repeats import BUDGETED, bound_of, measured, spread
from benchmarks.results.results import GoalResults, Results
from instrumentation.rendering.quantities import UNKNOWN
from nanoagent.core.counting import PHASES
from nanoagent.texts import plural

FEWEST_ROWS: Final = 3
"""Of fewer a table says as much as a picture."""
MOST_ROWS: Final = 40
"""A picture of more cannot be read; the rest is in the tables."""
_END_PERCENT: Final = 120
"""Of the axis of a budget: what was used beyond is written beside the bar."""
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture of the report."""

    name: str
    """Of its files."""
    title: str
    alt: str
    """What it says, for those who do not see it."""
    drawn: Drawn


def charts_of(results: Results) -> list[Chart]:
    """All charts that these results have enough for."""
    made = (pass_rate_chart(results), headroom_chart(results), phases_chart(results))
    return [chart for chart in made if chart is not None]


def headroom_chart(results: Results) -> Chart | None:
    """What was used of each goal's budget; `None` where there is too little to show."""
    rows = [row for row in results.goals if _largest_use(row) is not None]
    if len(rows) < FEWEST_ROWS:
        return None
    shown = largest(rows, lambda row: _largest_use(row) or 0.0)
    names = [name for name in BUDGETED if any(_use(row, name) for row in shown)]
    return Chart(
        name="headroom",
        title=f"How much of each goal's budget was used{_means(results)}{of_all(shown, rows)}",
        alt=" ".join(_most_used(name, shown) for name in names),
        drawn=drawn([row.goal.id for row in shown], [_share_panel(name, shown) for name in names]),
    )


def phases_chart(results: Results) -> Chart | None:
    """The tokens of each goal, phase by phase; `None` where there is too little to show."""
    rows = [row for row in results.goals if any(_by_phase(row).values())]
    if len(rows) < FEWEST_ROWS:
        return None
    shown = largest(rows, lambda row: sum(_by_phase(row).values()))
    tokens = [_by_phase(row) for row in shown]
    sums = [sum(phases.values()) for phases in tokens]
    bars = [
        Bars(name=phase, colour=colour, values=[phases[phase] for phases in tokens])
        for phase, colour in zip(PHASES, (FIRST, SECOND, THIRD), strict=True)
    ]
    texts = [count(round(total)) for total in sums]
    most = shown[sums.index(max(sums))].goal.id
    parts = ", ".join(f"{phase} {percent(sum(of[phase] for of in tokens), sum(sums))}" for phase in PHASES)
    return Chart(
        name="phases",
        title=f"Tokens of each goal by phase{_means(results)}{of_all(shown, rows)}",
        alt=f"Tokens by phase, of all that is shown: {parts}. Most are used in {most}: {count(round(max(sums)))}.",
        drawn=drawn([row.goal.id for row in shown], [Panel(title="Tokens", end=max(sums), texts=texts, bars=bars)]),
    )


def pass_rate_chart(results: Results) -> Chart | None:
    """How often each goal was passed, with its interval; `None` for single attempts."""
    rows = [row for row in results.goals if measured(row)]
    if results.provenance.repeat == 1 or len(rows) < FEWEST_ROWS:
        return None
    shown = largest(rows, _failed)
    rates = [rate for row in shown if (rate := rate_of(row.attempts)) is not None]
    panel = Panel(
        title="Passed",
        end=100,
        unit=" %",
        texts=[f"{one.passed} of {one.n}" for one in rates],
        points=Points(
            values=[100 * one.share for one in rates], marks=["o"] * len(rates), colours=[FIRST] * len(rates)
        ),
        spans=[(100 * low, 100 * high) for low, high in (one.interval() for one in rates)],
    )
    always = sum(one.passed == one.n for one in rates)
    lowest = min(rates, key=lambda one: one.share)
    alt = f"{always} of {plural(len(shown), 'goal')} passed every time."
    if lowest.share < 1:
        name = shown[rates.index(lowest)].goal.id
        alt += f" Least often passed is {name}: {lowest.passed} of {lowest.n}."
    return Chart(
        name="pass-rate",
        title=f"How often each goal was passed, with 95 % intervals{of_all(shown, rows)}",
        alt=alt,
        drawn=drawn([row.goal.id for row in shown], [panel]),
    )


def _failed(row: GoalResults) -> float:
    """The share of attempts that failed."""
    attempts = measured(row)
    return sum(attempt.verdict.word is VerdictWord.FAIL for attempt in attempts) / len(attempts)


# -- rows -----------------------------------------------------------------------------------------------------------


def largest(rows: Sequence[_Row], size: Callable[[_Row], float]) -> list[_Row]:
    """The rows that say most, as many as can be read, in their order."""
    places = sorted(range(len(rows)), key=lambda place: size(rows[place]), reverse=True)[:MOST_ROWS]
    return [rows[place] for place in sorted(places)]


def of_all(shown: Collection[object], rows: Collection[object]) -> str:
    """How many of the goals are shown; nothing where all are."""
    return f" ({len(shown)} of {len(rows):,} goals)" if len(shown) < len(rows) else ""


def _means(results: Results) -> str:
    return ", the mean of its attempts" if results.provenance.repeat > 1 else ""


# -- budgets --------------------------------------------------------------------------------------------------------


def _use(row: GoalResults, budgeted: str) -> Summary | None:
    return spread(measured(row), budgeted)


def _share(row: GoalResults, budgeted: str, used: float) -> float:
    """In percent."""
    return 100 * used / bound_of(row, budgeted)


def _largest_use(row: GoalResults) -> float | None:
    uses = [(name, _use(row, name)) for name in BUDGETED]
    return max((_share(row, name, use.mean) for name, use in uses if use is not None), default=None)


def _share_panel(name: str, rows: Sequence[GoalResults]) -> Panel:
    uses = [_use(row, name) for row in rows]
    values = [_share(row, name, use.mean) if use else 0.0 for row, use in zip(rows, uses, strict=True)]
    return Panel(
        title=f"{name.capitalize()}, of the budget",
        end=_END_PERCENT,
        unit=" %",
        texts=[f"{value:,.0f} %" if use else UNKNOWN for value, use in zip(values, uses, strict=True)],
        bars=[Bars(values=values, colour=FIRST if name == "iterations" else SECOND)],
        spans=[
            (_share(row, name, use.least), _share(row, name, use.greatest))
            if use and use.least < use.greatest
            else None
            for row, use in zip(rows, uses, strict=True)
        ],
        line=100,
    )


def _most_used(name: str, rows: Sequence[GoalResults]) -> str:
    shares = [(_share(row, name, use.mean), row.goal.id) for row in rows if (use := _use(row, name)) is not None]
    share, goal_id = max(shares)
    return f"Of the budget of {name}, most is used in {goal_id}: {share:,.0f} %."


# -- phases ---------------------------------------------------------------------------------------------------------


def _by_phase(row: GoalResults) -> dict[str, float]:
    """The mean tokens of the goal's attempts in each phase; none as soon as a part is not known."""
    attempts = measured(row)
    spent = dict.fromkeys(PHASES, 0.0)
    for part in (part for attempt in attempts for part in attempt.metrics.by_phase):
        if part.tokens_used is None:
            return {}
        spent[part.phase] += part.tokens_used / len(attempts)
    return spent
