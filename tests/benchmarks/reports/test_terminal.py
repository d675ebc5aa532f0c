"""What a terminal shows of repeated goals: a line each in 80 columns, and of many reasons the first ones."""

import io

from rich.console import Console

from benchmarks.reports.terminal import reason_lines, result_table
from benchmarks.results.results import Results
from tests.benchmarks.reports.data import PASS, UNREACHABLE, failed, numbers, results, row
from tests.benchmarks.results_made import facts


def shown(data: Results) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    console.print(result_table(data))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_line_a_goal_with_how_many_attempts_passed_fits_80_columns() -> None:
    rows = [
        row("a", (PASS, numbers(1, 1_000)), (PASS, numbers(2, 9_000))),
        row(facts("b" * 60), PASS, failed()),
        row("c", UNREACHABLE, UNREACHABLE),
        row("d"),
    ]
    lines = shown(results(rows))
    assert lines[0].split() == ["Goal", "Tier", "Verdict", "Iterations", "Tokens", "Time"]
    assert [line.split()[2:4] for line in lines[1:]] == [["pass", "2/2"], ["fail", "1/2"], ["error", "0/0"], ["-", "-"]]
    assert "2 of <5" in lines[1]
    assert "9,000 of <10,000" in lines[1]
    assert all(len(line) <= 80 for line in lines)


def test_a_single_attempt_is_shown_by_its_verdict_alone() -> None:
    assert shown(results([row("a", PASS)]))[1].split()[:3] == ["a", "simple", "pass"]
    assert "/" not in shown(results([row("a", PASS)]))[1]


def test_a_reason_that_attempts_share_is_said_once() -> None:
    data = results([row("a", failed("x"), failed("x"), failed("y"), PASS)])
    assert reason_lines(data) == ["a: x (2 of 4 attempts)", "a: y (1 of 4 attempts)"]


def test_of_many_reasons_the_first_are_shown() -> None:
    lines = reason_lines(results([row(f"g{n}", failed("x")) for n in range(100)]))
    assert (lines[0], lines[19], lines[20:]) == ("g0: x", "g19: x", ["and 80 more; the report has all of them"])
    assert len(reason_lines(results([row(f"g{n}", failed("x")) for n in range(21)]))) == 21
