"""The summary for CI: short, where GitHub wants it, and never a reason to fail."""

import os
from pathlib import Path

import pytest

from benchmarks.comparing.comparison import Word
from benchmarks.reports.ci_summary import LARGEST_BYTES, MOST_GOALS, VARIABLE, append_for_github, summary_for_ci
from tests.benchmarks.reports.data import PASS, compared, compared_row, failed, results, row
from tests.benchmarks.test_names_from_outside import FROM_OUTSIDE, HARMLESS, IN_A_TABLE, steering, tokens


def test_the_summary_shows_what_did_not_pass_and_what_became_of_the_baseline() -> None:
    data = results([row("a", PASS), row("b", failed("answer does not hold 8"))])
    worse = compared_row("a", "tokens_used", Word.WORSE, 4_000, 4_400)
    assert summary_for_ci(data, compared(worse)) == "\n".join(
        [
            "## Benchmark results",
            "",
            "**1 of 2 goals passed and 1 failed (b).**",
            "",
            r"**Worse in 1 row: tokens of a (+400, +10 %).**",
            "",
            "Measured: 2 goals, once each, on the model scripted (rules); token counts are counted by a tokenizer; "
            "1 at a time; 2026-11-25T10:00:00+00:00 to 2026-11-25T10:00:01+00:00.",
            "",
            "| Goal | Tier | Verdict | Iterations | Tokens | What stands against it |",
            "| --- | --- | --- | --- | --- | --- |",
            r"| b | simple | fail | 2 of \<5 | 4,000 of \<10,000 | answer does not hold 8 |",
            "",
            "### Comparison",
            "",
            "The baseline was measured on the model scripted (rules), at 2026-11-25T10:00:00+00:00.",
            "",
            "| Where | Number | Result | Attempts | Baseline | Now | Change | Reason |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            r"| a | tokens | **worse** | 1 | 4,000 | 4,400 | \+400, +10 % | any difference counts |",
            "",
        ]
    )


def test_the_summary_of_a_run_in_which_all_passed_is_a_few_lines() -> None:
    assert len(summary_for_ci(results([row(f"g{n}", PASS) for n in range(100)])).splitlines()) == 5


def test_of_many_goals_that_did_not_pass_the_first_are_shown() -> None:
    text = summary_for_ci(results([row(f"g{n}", failed()) for n in range(MOST_GOALS + 2)]))
    assert text.count("| fail |") == MOST_GOALS
    assert "\n2 more goals did not pass.\n" in text


def test_texts_from_outside_are_nothing_but_text_in_a_summary() -> None:
    rows = [row(text, failed(text)) for text in FROM_OUTSIDE[:MOST_GOALS]]
    text = summary_for_ci(results(rows, source={"model": FROM_OUTSIDE[3], "agent": FROM_OUTSIDE[2]}))
    assert steering(text) == []
    inline = {f"{part}_{end}" for part in ("heading", "paragraph", "strong") for end in ("open", "close")}
    assert {token.type for token in tokens(text)} <= HARMLESS | IN_A_TABLE | inline


# -- where GitHub wants it --------------------------------------------------------------------------------------------


def test_a_summary_is_appended_to_what_a_step_has_said(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    assert append_for_github("after \ud83e\n", {VARIABLE: str(path)}) is None
    assert path.read_text() == "before\n\nafter \ufffd\n"


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}, {VARIABLE: " "}], ids=str)
def test_outside_of_a_workflow_nothing_is_written(environ: dict[str, str]) -> None:
    assert append_for_github("text", environ) is None


@pytest.mark.parametrize("before", [0, 1_000_000])
def test_a_summary_is_cut_at_the_end_of_a_line_where_there_is_no_more_room(tmp_path: Path, before: int) -> None:
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * before)
    assert append_for_github("a line of text \u00e9\n" * 100_000, {VARIABLE: str(path)}) is None
    text = path.read_bytes()
    assert LARGEST_BYTES - 100 < len(text) <= LARGEST_BYTES
    assert text.decode().endswith(
        "a line of text \u00e9\n\n\nCut here: the whole report is in the directory of results.\n"
    )


def test_a_summary_for_which_there_is_no_room_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * LARGEST_BYTES)
    assert append_for_github("text\n", {VARIABLE: str(path)}) == f"{VARIABLE} has no room left: the summary is left out"
    assert path.stat().st_size == LARGEST_BYTES


def test_a_summary_that_cannot_be_written_is_said_and_fails_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    cases = {
        str(tmp_path): "must name a file",
        str(pipe): "must name a file",
        str(tmp_path / "no" / "summary.md"): "No such file or directory",
        "a\0b": "null",
    }
    for path, reason in cases.items():
        problem = append_for_github("text", {VARIABLE: path})
        assert problem is not None
        assert reason in problem
        assert len(problem.splitlines()) == 1
