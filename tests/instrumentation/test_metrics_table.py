"""The numbers as lines: one run whole, many runs a line each, and what is unknown shown as such."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from instrumentation.rendering.columns import Column, table
from instrumentation.rendering.metrics_table import run_lines
from instrumentation.rendering.notes import completeness, notes
from instrumentation.rendering.quantities import money_text
from instrumentation.rendering.run_totals import MAX_REMEMBERED, MAX_WAITING, RunTotals
from instrumentation.rendering.runs_table import RunsTable
from nanoagent.core.performance import IterationCounts, PerformanceMetrics, PhaseCounts
from nanoagent.core.runs import CountedRun
from tests.snapshot import assert_matches

MS = 1_000_000
TIMES: dict[str, Any] = {"llm_ns": 300 * MS, "tool_ns": 40 * MS, "other_ns": 60 * MS, "parallel_ns": 5 * MS}


def metrics(**values: Any) -> PerformanceMetrics:
    return PerformanceMetrics(**{"run_id": "a" * 32, "trace_id": "b" * 32, "status": "completed"} | values)


def counted(**values: Any) -> CountedRun:
    return CountedRun(metrics(**{"complete": True, "api_calls": 1} | values), 4, 4)


FULL = CountedRun(
    metrics(
        stop_reason="goal_reached",
        start_time_unix_ns=1_795_600_000_000_000_000,
        models=("gpt-5-mini", "my-local-llm"),
        tasks_completed=2,
        tasks_total=3,
        api_calls=5,
        failed_api_calls=1,
        cancelled_api_calls=1,
        unmeasured_api_calls=1,
        unpriced_api_calls=1,
        input_tokens=12_345,
        output_tokens=678,
        cached_input_tokens=290,
        cache_creation_input_tokens=5,
        reasoning_tokens=7,
        tool_calls=3,
        failed_tool_calls=1,
        cost_usd_known=Decimal("0.0123"),
        first_chunk_ns=120 * MS,
        untracked_api_calls=2,
        untracked_tokens=510,
        remote_usage=560,
        by_phase=(
            PhaseCounts(phase="plan", api_calls=1, input_tokens=345, output_tokens=78, cost_usd=Decimal("0.0023")),
            PhaseCounts(phase="execute", api_calls=4, input_tokens=None, output_tokens=None, unmeasured_api_calls=2),
        ),
        by_iteration=(IterationCounts(iteration=1, api_calls=4, tool_calls=3, input_tokens=12_000, **TIMES),),
        complete=False,
        **TIMES,
    ),
    12,
    14,
    ("00f067aa0ba902b7",),
)


def text(lines: list[Text]) -> str:
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize("width", [80, 160])
def test_one_run_is_shown_with_all_that_is_known_of_it(width: int) -> None:
    lines = run_lines(FULL, width=width)
    assert max(line.cell_len for line in lines) <= width
    assert_matches(f"metrics_of_one_run_{width}", text(lines))


def test_a_plain_run_shows_no_columns_in_which_nothing_was_counted() -> None:
    lines = text(run_lines(counted(input_tokens=10, output_tokens=2, llm_ns=MS, unpriced_api_calls=1)))
    assert lines.splitlines()[-5:] == [
        "",
        "     calls  tools  input  output  cost    time  in models  in tools  rest",
        "run      1      0     10       2     -  1.0 ms     1.0 ms      0 us  0 us",
        "",
        "note       1 of 1 call unpriced",
    ]


def test_one_of_two_calls_without_a_price_is_said_and_the_known_part_shown() -> None:
    run = counted(api_calls=2, unpriced_api_calls=1, cost_usd_known=Decimal("0.5"))
    shown = text(run_lines(run))
    assert "≥$0.500" in shown
    assert "1 of 2 calls unpriced; the others cost $0.500" in shown


def test_an_unknown_sum_is_a_dash() -> None:
    run = counted(input_tokens=None, output_tokens=None, unmeasured_api_calls=1)
    lines = text(run_lines(run)).splitlines()
    at = next(number for number, line in enumerate(lines) if "input" in line)
    shown = [
        lines[at + 1][: lines[at].index(head) + len(head)].split()[-1] for head in ("calls", "input", "output", "cost")
    ]
    assert shown == ["1", "-", "-", "-"]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (CountedRun(metrics(complete=True), 1, 1), "yes: 1 span"),
        (CountedRun(metrics(complete=True), 1_200, 1_200), "yes: 1,200 spans"),
        (CountedRun(metrics(), 3), "unknown: 3 spans found, and the run does not say how many it has"),
        (CountedRun(metrics(complete=False), 12, 14), "no: 12 of 14 spans found"),
        (CountedRun(metrics(complete=False), 1, None, ("p",)), "no: 1 span found, missing parents: p"),
        (
            CountedRun(metrics(complete=False), 9, 20, tuple("abcdefg")),
            "no: 9 of 20 spans found, missing parents: a, b, c, d and 3 more",
        ),
        (CountedRun(metrics(complete=False), 4, 4), "no: 4 of 4 spans found, but the run's own counts are others"),
    ],
)
def test_complete_is_said_with_its_reason(run: CountedRun, said: str) -> None:
    assert completeness(run) == said


def test_a_run_whose_numbers_say_it_all_has_no_notes() -> None:
    assert list(notes(metrics(api_calls=2, cost_usd=Decimal(1), cost_usd_known=Decimal(1)))) == []


def test_iterations_beyond_the_bound_are_counted() -> None:
    iterations = tuple(IterationCounts(iteration=number) for number in range(1, 103))
    lines = text(run_lines(counted(by_iteration=iterations))).splitlines()
    assert "iteration 100" in lines[-2]
    assert lines[-1] == "… and 2 more iterations"


def test_what_a_span_says_cannot_steer_the_terminal() -> None:
    shown = text(run_lines(counted(models=("\x1b[2Jm\n",), run_id="\x9b", status="\u202e")))
    assert not set("\x1b\x9b\u202e") & set(shown)


@given(
    labels=st.lists(st.text(st.characters(categories=["L"]), max_size=9), min_size=1, max_size=4),
    widths=st.lists(st.lists(st.integers(1, 20), max_size=4), max_size=4),
    width=st.integers(40, 120),
)
def test_no_table_is_wider_than_the_console_and_every_column_is_there(
    labels: list[str], widths: list[list[int]], width: int
) -> None:
    groups = [[Column("h" * cells, ["c"] * len(labels)) for cells in group] for group in widths]
    lines = [line.plain for line in table(labels, groups, width=width)]
    assert max(map(len, lines), default=0) <= width
    heads = [len(head) for line in lines for head in line.split() if set(head) == {"h"}]
    assert heads == [cells for group in widths for cells in group]


@pytest.mark.parametrize(("width", "tables"), [(25, 1), (24, 2)])
def test_columns_stand_beside_each_other_where_they_just_fit(width: int, tables: int) -> None:
    columns = [Column("h" * 10, ["1"]), Column("g" * 10, ["2"])]
    lines = [line.plain for line in table(["l"], [columns], width=width)]
    assert sum(line.startswith("l") for line in lines) == tables


MANY = [
    FULL,
    counted(run_id="1" * 32, api_calls=2, input_tokens=10, output_tokens=2, cost_usd=Decimal("0.25"), **TIMES),
    counted(run_id="2" * 32, parent_run_id="1" * 32, api_calls=1, input_tokens=5, output_tokens=1, **TIMES),
    counted(run_id="3" * 32, api_calls=0, status="a status that is long", **TIMES),
    counted(run_id="4" * 32, unmeasured_api_calls=1, input_tokens=None, output_tokens=None, **TIMES),
]


@pytest.mark.parametrize("width", [80, 180])
def test_many_runs_are_a_line_each_and_a_total_of_the_outermost_ones(width: int) -> None:
    runs, totals = RunsTable(width=width), RunTotals()
    lines = [runs.head()]
    for run in MANY:
        totals.add(run.metrics)
        lines.append(runs.row(run))
    totals.end()
    assert_matches(f"metrics_of_many_runs_{width}", text([*lines, *runs.total(totals)]))
    assert max(line.cell_len for line in lines) <= width


def totals_of(*runs: PerformanceMetrics) -> RunTotals:
    totals = RunTotals()
    for run in runs:
        totals.add(run)
    totals.end()
    return totals


def test_a_nested_run_is_added_once_whichever_of_the_two_comes_first() -> None:
    outer, inner = metrics(run_id="o", api_calls=3), metrics(run_id="i", parent_run_id="o", api_calls=1)
    for order in ((outer, inner), (inner, outer)):
        totals = totals_of(*order)
        assert (totals.runs, totals.nested, totals.metrics().api_calls) == (2, 1, 3)


def test_a_nested_run_whose_outer_run_is_not_there_is_added() -> None:
    totals = totals_of(metrics(run_id="i", parent_run_id="gone", api_calls=1))
    assert (totals.runs, totals.nested, totals.metrics().api_calls) == (1, 0, 1)


def test_nested_runs_that_wait_are_bounded() -> None:
    totals = RunTotals()
    for number in range(MAX_WAITING + 2):
        totals.add(metrics(run_id=f"i{number}", parent_run_id=f"gone{number}", api_calls=1))
    assert totals.metrics().api_calls == 2


def test_the_runs_that_are_remembered_are_bounded_but_recent_ones_are_known() -> None:
    totals = RunTotals()
    for number in range(MAX_REMEMBERED):
        totals.add(metrics(run_id=f"r{number}"))
    totals.add(metrics(run_id="i", parent_run_id=f"r{MAX_REMEMBERED - 2}"))
    totals.add(metrics(run_id="j", parent_run_id="r1"))
    assert totals.nested == 1


def test_sums_of_runs_are_known_as_far_as_their_parts_are() -> None:
    unknown = metrics(api_calls=1, unmeasured_api_calls=1, unpriced_api_calls=1, input_tokens=None, output_tokens=None)
    nothing = metrics()
    known = metrics(
        api_calls=1, input_tokens=5, output_tokens=1, cost_usd=Decimal("0.1"), cost_usd_known=Decimal("0.1")
    )

    def sums(*runs: PerformanceMetrics) -> tuple[Any, ...]:
        added = totals_of(*runs).metrics()
        return added.input_tokens, added.output_tokens, added.cost_usd, added.cost_usd_known

    assert sums(unknown, nothing) == (None, None, None, 0)
    assert sums(unknown, known) == (5, 1, None, Decimal("0.1"))
    assert sums(known, nothing, known) == (10, 2, Decimal("0.2"), Decimal("0.2"))
    assert sums(nothing) == (0, 0, None, 0)


@pytest.mark.parametrize(
    ("cost", "known", "shown"),
    [
        (None, "0", "-"),
        (None, "0.0000065", "≥$0.0000065"),
        ("0", "0", "$0.00"),
        ("0.0099", "0.0099", "$0.0099"),
        ("0.0123456", "0", "$0.0123"),
        ("0.99", "0", "$0.990"),
        ("1", "0", "$1.00"),
    ],
)
def test_money_is_short_and_a_known_part_a_lower_bound(cost: str | None, known: str, shown: str) -> None:
    assert money_text(None if cost is None else Decimal(cost), Decimal(known)) == shown
