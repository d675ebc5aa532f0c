"""What a report says of a comparison: the verdict first, every number that is not the same, and why."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.comparing.comparison import Why, Word
from benchmarks.reports.comparison import (
    MOST_EXPLAINED,
    MOST_NAMED,
    MOST_ROWS,
    change,
    comparison_lines,
    value_text,
    verdict_line,
)
from benchmarks.reports.comparison_chart import comparison_chart
from benchmarks.reports.files import PAGE, REPORT, files_of
from tests.benchmarks.reports.data import compared, compared_row, many
from tests.benchmarks.reports.test_charts import texts
from tests.benchmarks.test_names_from_outside import FROM_OUTSIDE, HARMLESS, IN_A_TABLE, steering, tokens

IN_A_SECTION = {
    f"{part}_{end}" for part in ("paragraph", "bullet_list", "list_item", "strong") for end in ("open", "close")
}

WORSE = compared_row("a", "tokens_used", Word.WORSE, 4_000, 4_400)
SLOWER = compared_row("b", "duration_seconds", Word.INCONCLUSIVE, 1.5, 3, reason="too few: 6 would do", n=3)
BETTER = compared_row("b", "tool_calls", Word.BETTER, 2, 1)
SAME = compared_row("b", "iterations", Word.SAME, 2, 2)
OTHER = compared_row("c", "tokens_used", Word.NOT_COMPARABLE, None, 10, reason="the goal's text differs")
RATE = compared_row(None, "pass_rate", Word.WORSE, 1.0, 0.9, tier=None, n=20)


def test_the_verdict_names_first_what_is_worse_then_what_is_missing() -> None:
    whole = compared(SAME, BETTER, WORSE, SLOWER, OTHER, RATE, SAME, missing=["x"], added=["y", "z"])
    assert verdict_line(whole) == (
        "Worse in 2 rows: tokens of a (+400, +10 %) and pass rate of all goals (-10 points); "
        "of the goals 1 is missing (x) and 2 are new (y and z); "
        "1 row is not comparable; 1 row of times is inconclusive; 1 row is better; 2 rows are the same."
    )


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([SAME, SAME], "Nothing is worse; 2 rows are the same."),
        ([BETTER], "Nothing is worse; 1 row is better."),
        ([SLOWER, SLOWER], "2 rows of times are inconclusive."),
        ([replace(SLOWER, metric="iterations")], "1 row is inconclusive."),
        ([], "No number could be compared."),
    ],
)
def test_nothing_is_called_not_worse_that_was_not_compared(rows: list[Any], sentence: str) -> None:
    assert verdict_line(compared(*rows)) == sentence


def test_of_many_worse_rows_the_verdict_names_a_few() -> None:
    rows = [replace(WORSE, goal_id=f"g{n}") for n in range(MOST_NAMED + 3)]
    line = verdict_line(compared(*rows, missing=[f"m{n}" for n in range(MOST_NAMED + 2)]))
    assert line.startswith("Worse in 8 rows: tokens of g0 (+400, +10 %), ")
    assert "g4 (+400, +10 %) and 3 more; of the goals 7 are missing (m0, m1, m2, m3, m4 and 2 more)" in line


def test_the_section_shows_what_is_not_the_same_worst_first_and_why() -> None:
    why = {("a", "tokens_used"): Why(["iteration 2: one call more"], "http://localhost:16686/trace/a...b?x=1")}
    assert comparison_lines(compared(SAME, BETTER, SLOWER, OTHER, WORSE), why) == [
        "The baseline was measured on the model scripted (rules), at 2026-11-25T10:00:00+00:00.",
        "",
        "| Where | Number | Result | Attempts | Baseline | Now | Change | Reason |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        r"| a | tokens | **worse** | 1 | 4,000 | 4,400 | \+400, +10 % | any difference counts |",
        "| c | tokens | not comparable | 1 | - | 10 | - | the goal's text differs |",
        "| b | seconds | inconclusive | 3 | 1.5 s | 3 s | \\+1.5 s, +100 % | too few: 6 would do |",
        r"| b | tool calls | better | 1 | 2 | 1 | \-1, -50 % | any difference counts |",
        "",
        "Why a is worse in tokens:",
        "",
        "- iteration 2: one call more",
        "- [Both traces in Jaeger](<http://localhost:16686/trace/a...b?x=1>)",
    ]


def test_numbers_of_a_goal_that_are_worse_for_the_same_reasons_are_explained_once() -> None:
    calls = replace(WORSE, metric="api_calls")
    other = replace(WORSE, goal_id="b")
    same = Why(["one call more"])
    lines = comparison_lines(
        compared(WORSE, calls, other),
        {("a", "tokens_used"): same, ("a", "api_calls"): Why(["one call more"]), ("b", "tokens_used"): same},
    )
    assert [line for line in lines if line.startswith(("Why", "- "))] == [
        "Why a is worse in tokens and model calls:",
        "- one call more",
        "Why b is worse in tokens:",
        "- one call more",
    ]


def test_of_many_reasons_the_first_are_told() -> None:
    rows = [replace(WORSE, goal_id=f"g{n}") for n in range(MOST_EXPLAINED + 2)]
    lines = comparison_lines(compared(*rows), {(f"g{n}", "tokens_used"): Why([f"{n}"]) for n in range(len(rows))})
    assert sum(line.startswith("Why ") for line in lines) == MOST_EXPLAINED
    assert lines[-1] == "The reasons of 2 more are left out."


def test_rows_of_which_the_same_cannot_be_said_stand_together() -> None:
    slower = [replace(SLOWER, goal_id=f"g{n}") for n in range(MOST_NAMED + 2)]
    (line,) = comparison_lines(compared(*slower), {})[4:]
    assert line == ("| g0, g1, g2, g3, g4 and 2 more | seconds | inconclusive | - | - | - | - | too few: 6 would do |")
    assert len(comparison_lines(compared(WORSE, WORSE), {})[4:]) == 2


def test_a_row_of_as_many_attempts_as_not_says_both() -> None:
    row = replace(WORSE, baseline=replace(WORSE.baseline, n=5))
    assert "| **worse** | 5 and 1 | 4,000 |" in comparison_lines(compared(row), {})[4]


def test_a_long_table_ends_with_where_the_rest_is() -> None:
    lines = comparison_lines(compared(*[WORSE] * (MOST_ROWS + 1)), {})
    assert lines[-1] == "1 row more: see results.json."
    assert sum(line.startswith("| a ") for line in lines) == MOST_ROWS


@pytest.mark.parametrize(
    ("before", "now", "metric", "said"),
    [
        (0, 3, "failed_tool_calls", "+3"),
        (3, 0, "failed_tool_calls", "-3, -100 %"),
        (2, 2.5, "iterations", "+0.5, +25 %"),
        (0.02, 0.03, "llm_seconds", "+10 ms, +50 %"),
        (0.5, 0.75, "pass_rate", "+25 points"),
        (None, 1, "iterations", "-"),
    ],
)
def test_a_change_is_told_with_its_sign_in_its_unit(before: float | None, now: float, metric: str, said: str) -> None:
    assert change(compared_row("a", metric, Word.BETTER, before, now)) == said


def test_what_is_not_known_is_a_dash() -> None:
    assert value_text(None, "tokens_used") == "-"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://x/> [y](z", "http://x/\n# y", "data:text/html,x"])
def test_an_address_that_could_mean_more_is_left_out(url: str) -> None:
    lines = comparison_lines(compared(WORSE), {("a", "tokens_used"): Why(["found"], url)})
    assert lines[-1] == "- found"


def test_the_report_says_the_verdict_at_its_top_and_has_a_picture_of_it() -> None:
    rows = [compared_row(f"goal-{n}", "tokens_used", Word.SAME, 100, 100 + n) for n in range(3)]
    files = files_of(many(3), compared(WORSE, *rows))
    assert "\n**Worse in 1 row: tokens of a (+400, +10 %); 3 rows are the same.**\n" in files[REPORT].split("##")[0]
    assert 'srcset="charts/comparison-dark.svg"' in files[REPORT].split("## Verdicts")[0]
    assert {"charts/comparison-light.svg", "charts/comparison-dark.svg"} <= files.keys()
    assert "comparison" not in files_of(many(3))[REPORT].lower()


def test_the_chart_shows_the_change_of_each_goal() -> None:
    rows = [
        compared_row(name, "tokens_used", Word.SAME, 100, now) for name, now in zip("abc", (100, 150, 900), strict=True)
    ]
    chart = comparison_chart(compared(*rows, compared_row("a", "iterations", Word.BETTER, 4, 2)))
    assert chart is not None
    assert [text for text in texts(chart) if text in ("same", "-") or text.startswith(("+", "-"))] == [
        *("-50 %", "-", "-"),
        *("same", "+50 %", "+800 %"),
    ]
    assert chart.alt == (
        "Iterations differ in 1 of 1 goals, most in a: -2, -50 %. "
        "Tokens differ in 2 of 3 goals, most in c: +800, +800 %."
    )
    assert comparison_chart(compared(*rows[:2])) is None
    unchanged = [compared_row(name, "tokens_used", Word.SAME, 100, 100) for name in "abc"]
    assert comparison_chart(compared(*unchanged)) is None


@pytest.mark.parametrize("text", FROM_OUTSIDE, ids=ascii)
def test_a_text_from_outside_is_nothing_but_text_in_a_comparison(text: str) -> None:
    row = replace(WORSE, goal_id=text, reason=text)
    whole = compared(row, missing=[text], added=[text])
    whole = replace(whole, baseline=replace(whole.baseline, model=text, commit=text, started_at=text))
    found = tokens("\n".join(comparison_lines(whole, {(text, "tokens_used"): Why([text])})))
    assert {token.type for token in found} <= HARMLESS | IN_A_TABLE | IN_A_SECTION
    assert sum(token.type == "tr_open" for token in found) == 2


def test_a_page_of_odd_comparisons_steers_no_reader() -> None:
    rows = [replace(WORSE, goal_id=text, reason=text) for text in FROM_OUTSIDE]
    for text in (
        files_of(many(1), compared(*rows, missing=FROM_OUTSIDE))[REPORT],
        files_of(many(1), compared(*rows))[PAGE],
    ):
        assert steering(text) == []
