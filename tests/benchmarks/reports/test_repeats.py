"""What a report says of repeated goals and of attempts that say nothing: sentences true of the data."""

from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.judging.verdict import Cause, Verdict, VerdictWord
from benchmarks.reports.analysis import MOST_NAMED, analysis, recommendations
from benchmarks.reports.outcomes import left_out, outcome_lines
from benchmarks.reports.variation import variation
from tests.benchmarks.reports.data import PASS, UNREACHABLE, failed, numbers, results, row
from tests.benchmarks.results_made import markdown

STALE = Verdict(word=VerdictWord.ERROR, cause=Cause.CHECK)


@pytest.mark.parametrize(
    ("rows", "sentences"),
    [
        (
            [row("a", PASS, PASS), row("b", PASS, failed())],
            [
                "3 of 4 attempts passed (75 %); that 2 attempts of a goal all pass has a chance of 50 %.",
                "The attempts of a goal all took the same iterations and tokens.",
            ],
        ),
        (
            [row("a", (PASS, numbers(2, 4_000)), (PASS, numbers(2, 4_400))), row("b", PASS, PASS)],
            [
                "4 of 4 attempts passed (100 %); that 2 attempts of a goal all pass has a chance of 100 %.",
                "The attempts of 1 of 2 goals differ in tokens, most in a: 4,000 to 4,400.",
                "The attempts of a goal all took the same iterations.",
            ],
        ),
        (
            [row("a", (PASS, numbers(1)), (PASS, numbers(3))), row("b", (PASS, numbers(4)), (PASS, numbers(5)))],
            [
                "4 of 4 attempts passed (100 %); that 2 attempts of a goal all pass has a chance of 100 %.",
                "The attempts of 2 of 2 goals differ in iterations, most in a: 1 to 3.",
                "The attempts of a goal all took the same tokens.",
            ],
        ),
        ([row("a", PASS, UNREACHABLE), row("b", UNREACHABLE)], ["1 of 1 attempt passed (100 %)."]),
        ([row("a", UNREACHABLE, UNREACHABLE)], []),
        (
            [row("a", (PASS, numbers(None, None)), (PASS, numbers(None, None)))],
            ["2 of 2 attempts passed (100 %); that 2 attempts of a goal all pass has a chance of 100 %."],
        ),
        ([row("a", PASS), row("b", failed())], []),
    ],
    ids=["flaky", "tokens differ", "iterations differ", "one is left", "none is left", "unknown", "once"],
)
def test_what_repeating_brought_to_light(rows: Sequence[Any], sentences: list[str]) -> None:
    assert variation(results(rows)) == sentences


def test_the_first_sentence_names_the_goals_that_did_not_pass_every_time() -> None:
    data = results([row("a", PASS, PASS), row("b", PASS, failed()), row("c", UNREACHABLE, PASS)])
    assert analysis(data)[0] == (
        "1 of 3 goals passed in each of 2 attempts, 1 failed (b passed 1 of 2) "
        "and 1 could not be judged (c passed 1 of 1)."
    )


def test_of_many_goals_a_sentence_names_a_few() -> None:
    data = results([row(f"g{n}", failed()) for n in range(MOST_NAMED + 2)])
    assert analysis(data)[0].endswith("12 failed (g0, g1, g2, g3, g4, g5, g6, g7, g8, g9 and 2 more).")


def test_a_recommendation_gives_what_most_attempts_say() -> None:
    data = results([row("a", PASS, failed("too few"), failed("too many"), failed("too many"))])
    assert recommendations(data)[0] == ("Look at a: 3 of 4 attempts did not pass, 2 of them for this: too many.")
    assert recommendations(results([row("a", PASS, failed("x"))]))[0] == (
        "Look at a: 1 of 2 attempts did not pass for this: x."
    )
    assert recommendations(results([row("a", failed("x"))]))[0] == "Look at a: x."


def test_a_budget_that_one_attempt_came_near_is_watched() -> None:
    data = results([row("a", (PASS, numbers(1, 1_000)), (PASS, numbers(4, 1_000)))])
    assert "Watch a: 4 iterations are 80 % of its budget of 5." in recommendations(data)


def test_verdicts_of_repeated_goals_stand_beside_rate_interval_mean_and_range() -> None:
    rows = [
        row("a", (PASS, numbers(1, 4_000)), (failed(), numbers(2, 4_400)), UNREACHABLE),
        row("b", UNREACHABLE, UNREACHABLE, UNREACHABLE),
    ]
    text = markdown(results(rows))
    assert "| Goal | Tier | Verdict | Passed | Interval | Iterations | Tokens | What stands against it |" in text
    assert (
        r"| a | simple | fail | 1 of 2 | 9 to 91 % | 1.5 (1 to 2) of \<5 | 4,200 (4,000 to 4,400) of \<10,000 "
        r"| answer does not hold 8; it holds no number; cause model\_error |"
    ) in text
    assert r"| b | simple | error | 0 of 0 | - | 2 of \<5 | 4,000 of \<10,000 | cause model\_error |" in text
    assert "2 goals, 3 times each, on the model scripted (rules)" in text


def test_numbers_of_repeated_goals_are_means() -> None:
    text = markdown(results([row("a", (PASS, numbers(1, 4_000)), (PASS, numbers(2, 4_401)))]))
    assert "| a | 1.5 | 4 | 4,200 | 0 | 0 | 0 | 8 ms | 25 % | 0 % | 75 % |" in text
    assert "Each number is the mean of the goal's attempts." in text
    assert "mean of the goal's attempts" not in markdown(results([row("a", PASS)]))


# -- attempts that say nothing --------------------------------------------------------------------------------


def test_attempts_that_say_nothing_stand_apart_with_whose_doing_it_is() -> None:
    data = results([row("a", PASS, UNREACHABLE, failed()), row("b", UNREACHABLE, STALE)])
    assert left_out(data) == [
        "4 attempts say nothing of their goals and count for no score: 2 because of the model provider, "
        "1 because of the harness and 1 because of an interruption."
    ]
    assert outcome_lines(data) == [
        [
            "| Ending | Whose doing | Attempts | Counts for the score | Made again by --retry-errors | Goals |",
            "| --- | --- | --- | --- | --- | --- |",
            "| passed | - | 1 | yes | no | - |",
            "| wrong answer | agent | 1 | yes | no | a |",
            "| check | harness | 1 | no | yes | b |",
            "| model error | model provider | 2 | no | yes | a and b |",
            "| cancelled | cancelled | 1 | no | yes | b |",
        ]
    ]


@pytest.mark.parametrize("rows", [[], [row("a", PASS)], [row("a", failed(), PASS)]], ids=["none", "pass", "fail"])
def test_where_every_attempt_says_something_nothing_stands_apart(rows: Sequence[Any]) -> None:
    assert (left_out(results(rows)), outcome_lines(results(rows))) == ([], [])
    assert "## Outcomes" not in markdown(results(rows))
    assert "for no score" not in markdown(results(rows))


def test_one_attempt_that_says_nothing_is_told_in_good_grammar() -> None:
    assert left_out(results([row("a", UNREACHABLE)])) == [
        "1 attempt says nothing of its goal and counts for no score: 1 because of the model provider."
    ]


# -- where numbers come from ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("scripted", "model scripted (rules)"),
        ("local:smollm2-135m-instruct", "(a small language model on the machine that measured)"),
        ("replay of openai:gpt-5-mini, recorded 2026-11-26", "replay of openai:gpt-5-mini, recorded 2026-11-26;"),
        ("openai:gpt-5-mini", "model openai:gpt-5-mini;"),
    ],
)
def test_a_model_is_named_with_what_it_is(model: str, shown: str) -> None:
    text = markdown(results([row("a", PASS)], source={"model": model, "token_source": "provider"}))
    assert shown in text
    assert ("make no claim" in text) == (model == "scripted")
