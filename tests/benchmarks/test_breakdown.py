"""Where the time went, by phase and by iteration: parts that add up to the whole, and dashes for what is not known."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.formats import shares
from benchmarks.reports.breakdown import TimeSplit, iteration_table, phase_table
from nanoagent.core.performance import IterationCounts, PerformanceMetrics, PhaseCounts
from tests.benchmarks.results_made import markdown, metrics
from tests.benchmarks.test_results import attempt, results

MS = 1_000_000


def a_run(scale: int = 1) -> PerformanceMetrics:
    """10 ms of which the phases take 9, and two iterations 7."""
    plan = PhaseCounts(phase="plan", api_calls=1, input_tokens=100, llm_ns=scale * MS, other_ns=scale * MS)
    execute = PhaseCounts(
        phase="execute", api_calls=2, input_tokens=200, tool_calls=3, llm_ns=3 * scale * MS, tool_ns=4 * scale * MS
    )
    return metrics(
        api_calls=3,
        input_tokens=300,
        output_tokens=0,
        tool_calls=3,
        llm_ns=4 * scale * MS,
        tool_ns=4 * scale * MS,
        other_ns=2 * scale * MS,
        by_phase=(plan, execute),
        by_iteration=(
            IterationCounts(iteration=1, api_calls=1, input_tokens=1_000, tool_calls=1, llm_ns=3 * scale * MS),
            IterationCounts(iteration=2, api_calls=1, input_tokens=1_000 * scale, tool_ns=4 * scale * MS),
        ),
    )


def test_phases_what_lies_between_them_and_the_whole_add_up() -> None:
    assert phase_table(results(attempt(a_run()), attempt(a_run(2)))) == [
        "| Phase | Model calls | Input | Output | Tool calls | Time | Model | Tools | Rest |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| plan | 2 | 200 | 0 | 0 | 6 ms | 50 % | 0 % | 50 % |",
        "| execute | 4 | 400 | 0 | 6 | 21 ms | 43 % | 57 % | 0 % |",
        "| between them |  |  |  |  | 3 ms | 0 % | 0 % | 100 % |",
        "| all | 6 | 600 | 0 | 6 | 30 ms | 40 % | 40 % | 20 % |",
    ]


def test_an_iteration_is_the_mean_of_the_runs_that_came_so_far() -> None:
    short = metrics(by_iteration=(IterationCounts(iteration=1, api_calls=4, other_ns=2 * MS),))
    assert iteration_table(results(attempt(a_run()), attempt(a_run(3)), attempt(short)))[2:] == [
        "| 1 | 3 | 2.0 | 667 | 0.7 | 4.67 ms | 86 % | 0 % | 14 % |",
        "| 2 | 2 | 1.0 | 2,000 | 0.0 | 8 ms | 0 % | 100 % | 0 % |",
    ]


def test_iterations_stand_in_order_also_where_a_run_lost_its_first_one() -> None:
    runs = [metrics(by_iteration=(IterationCounts(iteration=number),)) for number in (2, 1)]
    assert [line.split()[1] for line in iteration_table(results(*map(attempt, runs)))[2:]] == ["1", "2"]


def test_what_is_not_known_is_a_dash() -> None:
    unknown: dict[str, Any] = {"input_tokens": None, "output_tokens": None}
    rows: dict[str, Any] = {
        "by_phase": (PhaseCounts(phase="plan", **unknown),),
        "by_iteration": (IterationCounts(iteration=1, **unknown),),
    }
    data = results(attempt(metrics(**unknown, **rows, llm_ns=0, other_ns=0)))
    assert phase_table(data)[2] == "| plan | 0 | - | - | 0 | - | - | - | - |"
    assert phase_table(data)[-1] == "| all | 4 | - | - | 2 | - | - | - | - |"
    assert iteration_table(data)[2] == "| 1 | 1 | 0.0 | - | 0.0 | - | - | - | - |"


def test_phases_that_take_longer_than_the_runs_leave_nothing_between_them() -> None:
    assert TimeSplit(5, 5, 5).without(TimeSplit(6, 2, 5)) == TimeSplit(0, 3, 0)


def test_the_report_has_both_tables_or_none_where_there_are_no_phases_and_iterations() -> None:
    text = markdown(results(attempt(a_run())))
    assert (
        text.index("## Numbers") < text.index("## By phase") < text.index("## By iteration") < text.index("## Analysis")
    )
    assert "## By iteration" not in markdown(results(attempt(metrics())))
    of_agent = markdown(results(attempt(metrics(iterations=None))))
    assert "## By phase\n\nAn agent of your own is one piece" in of_agent
    assert "## By iteration" not in of_agent


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([1, 1, 1], ["34 %", "33 %", "33 %"]),
        ([995, 5, 0], ["100 %", "0 %", "0 %"]),
        ([994, 6, 0], ["99 %", "1 %", "0 %"]),
        ([0, 0, 7], ["0 %", "0 %", "100 %"]),
        ([0, 0, 0], ["-", "-", "-"]),
    ],
)
def test_shares_are_rounded_to_the_nearest_that_add_up(parts: list[int], shown: list[str]) -> None:
    assert shares(parts) == shown


@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=5).filter(any))
def test_shares_add_up_to_100_and_none_is_off_by_a_whole_percent(parts: list[int]) -> None:
    percents = [int(share.removesuffix(" %")) for share in shares(parts)]
    assert sum(percents) == 100
    assert all(abs(percent - 100 * part / sum(parts)) < 1 for percent, part in zip(percents, parts, strict=True))
