"""Verdicts, checks, files and the report, on results made by hand."""

import builtins
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tokens
from benchmarks.judging.verdict import Cause, Verdict, VerdictWord, worst
from benchmarks.reports.analysis import analysis, recommendations
from benchmarks.reports.criteria import success_criteria
from benchmarks.reports.markdown import escaped
from benchmarks.reports.terminal import reason_lines
from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.results import Attempt, GoalResults, Results
from benchmarks.results.store import Unwritable, write_text
from benchmarks.suite import checks
from benchmarks.suite.facts import facts_of
from benchmarks.suite.goals import Goal, Tier
from nanoagent.core.performance import PerformanceMetrics, PhaseCounts
from nanoagent.core.result import StopReason
from tests.benchmarks.results_made import S, goal, judged, markdown, metrics, provenance, results_text


def results(*attempts: Attempt | None, goals: list[Goal] | None = None, **options: Any) -> Results:
    goals = goals or [goal(id=f"goal-{n}") for n in range(len(attempts))]
    rows = [GoalResults(goal=facts_of(one), attempts=[a] if a else []) for one, a in zip(goals, attempts, strict=True)]
    return Results(provenance=provenance(), goals=rows, **options)


def attempt(numbers: PerformanceMetrics, verdict: Verdict | None = None, **options: Any) -> Attempt:
    return Attempt(goal_id="g", number=1, verdict=verdict or judged(numbers), metrics=numbers, **options)


def test_a_pass_says_the_headroom_of_every_budget() -> None:
    verdict = judged(metrics())
    assert (verdict.word, verdict.cause, verdict.reasons) == (VerdictWord.PASS, None, [])
    assert [criterion.text for criterion in verdict.criteria] == [
        "status completed",
        "stop reason goal_reached",
        "answer holds 8",
        "iterations 3 of <5",
        "tokens 6,120 of <10,000",
        "max_iterations 3 of <=20",
    ]


@pytest.mark.parametrize(
    ("numbers", "passes"),
    [
        ({"iterations": 4}, True),
        ({"iterations": 5}, False),
        ({"input_tokens": 9_879}, True),
        ({"input_tokens": 9_880}, False),
        ({"iterations": 21}, False),
    ],
    ids=str,
)
def test_budgets_are_exclusive_upper_bounds(numbers: dict[str, int], passes: bool) -> None:
    assert judged(metrics(**numbers)).word is (VerdictWord.PASS if passes else VerdictWord.FAIL)


def test_another_ending_or_a_wrong_answer_fails() -> None:
    assert judged(metrics(), reason=StopReason.MAX_ITERATIONS).reasons == [
        "status incomplete, expected completed",
        "stop reason max_iterations, expected goal_reached",
    ]
    assert judged(metrics(), output="9").reasons == ["answer does not hold 8; its numbers are 9"]


@pytest.mark.parametrize(
    ("numbers", "reason", "cause"),
    [
        ({}, StopReason.MODEL_ERROR, Cause.MODEL_ERROR),
        ({"complete": False}, StopReason.GOAL_REACHED, Cause.INCOMPLETE_NUMBERS),
        ({"unmeasured_api_calls": 1}, StopReason.GOAL_REACHED, Cause.UNMEASURED_TOKENS),
    ],
)
def test_what_cannot_be_judged_is_an_error_with_its_cause(
    numbers: dict[str, Any], reason: StopReason, cause: Cause
) -> None:
    verdict = judged(metrics(**numbers), reason=reason)
    assert (verdict.word, verdict.cause, verdict.reasons[0]) == (VerdictWord.ERROR, cause, f"cause {cause.value}")


def test_several_attempts_come_to_the_worst() -> None:
    assert worst([VerdictWord.PASS, VerdictWord.ERROR, VerdictWord.FAIL]) is VerdictWord.FAIL
    assert worst([VerdictWord.PASS, VerdictWord.ERROR]) is VerdictWord.ERROR
    assert worst([]) is None


@pytest.mark.parametrize(
    ("check", "answer", "passes"),
    [
        (checks.number(1_234.5), "about 1,234.5 in all", True),
        (checks.number(8), "5 + 3", False),
        (checks.number(8), "18, 8.5 and v8", False),
        (checks.number(-3), "it is \u22123", True),
        (checks.number(42.2, tolerance=0.1), "42.16 km", True),
        (checks.number(42.2, tolerance=0.01), "42.16 km", False),
        (checks.numbers_in_order(1, 4, 9), "1, 2, 4, 9", True),
        (checks.numbers_in_order(1, 4, 9), "9, 4, 1", False),
        (checks.contains_all("Tuesday", "july"), "a tuesday in July", True),
        (checks.contains_all("Tuesday", "july"), "a tuesday", False),
        (checks.all_of(checks.number(3), checks.any_answer()), "3", True),
        (checks.all_of(checks.number(3), checks.any_answer()), "4", False),
        (checks.any_answer(), " \n", False),
    ],
)
def test_a_check_says_whether_the_answer_will_do(check: checks.Check, answer: str, passes: bool) -> None:
    assert check.judge(answer)[0] is passes


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("results.json", "old")]


def test_a_row_that_cannot_be_written_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AttemptsFile(tmp_path)
    file.add({"id": "first"})
    file = AttemptsFile(tmp_path)  # one that is to sync at its first row

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(Unwritable, match="No space left on device"):
            file.add({"id": "second"})
    file.add({"id": "\ud800"})
    rows = (tmp_path / "attempts.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(row)["id"] for row in rows] == ["first", "\ufffd"]


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        results_text({"seconds": float("nan")})


def test_tokens_are_counted_by_a_real_tokenizer_or_approximated_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = tokens.token_counter()
    assert (counter.source, counter.count("What is 5 + 3?"), counter.count("")) == ("counted", 8, 0)
    original = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "bpe_openai":
            raise ImportError(name)
        return original(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    fallback = tokens.token_counter.__wrapped__()
    assert (fallback.source, fallback.count("What is 5 + 3?")) == ("approximate", 6)


def test_the_analysis_says_what_the_numbers_say() -> None:
    phases = (PhaseCounts(phase="plan", input_tokens=1_000), PhaseCounts(phase="execute", input_tokens=3_000))
    good = attempt(metrics(by_phase=phases, failed_tool_calls=1))
    bad = attempt(metrics(iterations=4, tool_ns=2 * S), judged(metrics(), output="9"))
    broken = attempt(PerformanceMetrics(), Verdict(word=VerdictWord.ERROR, cause=Cause.HARNESS))
    data = results(good, bad, broken, None)
    assert analysis(data) == [
        "1 of 4 goals passed, 1 failed (goal-1), 1 could not be judged (goal-2) and 1 did not come to an end.",
        "2 attempts say nothing of their goals and count for no score: 1 because of the harness and 1 because of an "
        "interruption.",
        "Least headroom is left of iterations in goal-1 (4 of <5, 80 %) "
        "and of tokens in goal-0 (6,120 of <10,000, 61 %).",
        "12,240 tokens were used in 8 model calls; 98 % of them are input.",
        "Most tokens are spent in the execute phase: 75 %.",
        "1 of 4 tool calls failed; 1 of the 1 goal that met a failure passed all the same.",
        "The goals took 6 s taken together: 34 % in model calls, 33 % in tools and 33 % in the rest.",
        "No model call has a price, so the cost is not known.",
    ]
    assert recommendations(data) == [
        "Look at goal-1: answer does not hold 8; its numbers are 9.",
        "Look at goal-2: cause harness.",
        "Watch goal-1: 4 iterations are 80 % of its budget of 5.",
        "Save tokens in the execute phase first: 75 % of them are spent there.",
    ]
    assert reason_lines(data) == ["goal-1: answer does not hold 8; its numbers are 9", "goal-2: cause harness"]


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        (0, "No tool was called."),
        (1, "1 tool call was made, and none failed."),
        (2, "2 tool calls were made, and none failed."),
    ],
)
def test_tool_calls_are_told_in_good_grammar(calls: int, sentence: str) -> None:
    assert sentence in analysis(results(attempt(metrics(tool_calls=calls))))


def test_the_analysis_of_nothing_says_so() -> None:
    assert analysis(results(None)) == ["No goal was judged: there is nothing to analyse."]
    assert recommendations(results(None)) == []


def test_unknown_numbers_stay_unknown() -> None:
    data = results(attempt(metrics(input_tokens=None, output_tokens=None, unmeasured_api_calls=4)))
    assert "How many tokens were used is not known for every goal." in analysis(data)
    assert "| goal-0 | 3 | 4 | - | - | 2 | 0 | 2 s | 50 % | 0 % | 50 % |" in markdown(data)


def test_what_the_priced_calls_cost_is_said_beside_those_without_a_price() -> None:
    priced = attempt(metrics(unpriced_api_calls=1, cost_usd_known=Decimal("0.25")))
    assert analysis(results(priced))[-1] == "The priced calls cost $0.2500; 1 of 4 have no price."


def test_an_iteration_limit_that_was_met_or_passed_is_said() -> None:
    stopped = attempt(metrics(stop_reason="max_iterations"))
    assert "max_iterations held in every goal; goal-0 stopped there." in analysis(results(stopped))
    beyond = attempt(metrics(iterations=21))
    assert "max_iterations did not hold in goal-0." in analysis(results(beyond))
    assert success_criteria(results(beyond))[-1] == (
        "No goal takes more than its max_iterations",
        False,
        "held in 0 of 1",
    )


def test_criteria_that_nothing_was_measured_for_are_not_judged() -> None:
    data = results(attempt(metrics()), goals=[goal(tier=Tier.SIMPLE)])
    assert [holds for _, holds, _ in success_criteria(data)] == [False, True, True, None, None, True]


def test_texts_from_outside_mean_nothing_in_the_report() -> None:
    odd = goal(id="odd", text="15% of *360* | <b>2</b>\n# x")
    data = results(attempt(metrics(), answer="[8](https://evil.example)"), goals=[odd])
    text = markdown(data)
    assert r"15% of \*360\* \| \<b\>2\</b\> # x" in text
    assert r"\[8\](https\://evil.example)" in text
    assert escaped("\x1b[31m- a") == r"\[31m- a"


def test_an_interrupted_run_says_so_in_its_report() -> None:
    text = markdown(results(attempt(metrics()), None, interrupted=True))
    assert "**The run was interrupted" in text
    assert "| goal-1 | simple | - | - | - | not judged |" in text
    assert "make no claim about any model's intelligence" in text
