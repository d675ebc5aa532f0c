"""Two results compared: what each pair of numbers comes to, what gates, and what cannot be compared at all."""

import dataclasses
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparing.compare import refusal
from benchmarks.comparing.comparison import Side, Threshold, Word
from benchmarks.comparing.thresholds import Thresholds
from benchmarks.judging.verdict import Cause, VerdictWord
from benchmarks.results.results import Results
from benchmarks.suite.goals import Budget, Tier
from instrumentation.exits import ExitCode
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import StopReason
from tests.benchmarks.comparing.sides import LIVE, Numbers, changed, compared, row, side, words
from tests.benchmarks.results_made import S, facts, metrics, provenance

PASS, FAIL = VerdictWord.PASS, VerdictWord.FAIL
REPLAY: dict[str, Any] = {"model": "replay of openai:gpt-5-mini, recorded 2026-11-20", "token_source": "provider"}


def times(*seconds: float) -> list[Numbers]:
    return [metrics(llm_ns=0, other_ns=round(one * S)) for one in seconds]


def tokens(*counts: int) -> list[Numbers]:
    return [metrics(input_tokens=count, output_tokens=0) for count in counts]


# -- what is deterministic ------------------------------------------------------------------------------------------


def test_the_same_numbers_are_the_same_and_only_time_is_open() -> None:
    found = compared(side({"a": [metrics()], "b": [metrics()]}), side({"a": [metrics()], "b": [metrics()]}))
    assert words(found, "a") == {
        "pass_rate": Word.SAME,
        "iterations": Word.SAME,
        "api_calls": Word.SAME,
        "tool_calls": Word.SAME,
        "failed_tool_calls": Word.SAME,
        "input_tokens": Word.SAME,
        "output_tokens": Word.SAME,
        "tokens_used": Word.SAME,
        "duration_seconds": Word.INCONCLUSIVE,
        "llm_seconds": Word.INCONCLUSIVE,
    }
    assert (found.exit_code, found.added, found.missing) == (ExitCode.OK, [], [])


@pytest.mark.parametrize(
    ("fields", "rows"),
    [
        ({"iterations": 4}, {"iterations": "worse"}),
        ({"iterations": 2}, {"iterations": "better"}),
        ({"api_calls": 5}, {"api_calls": "worse"}),
        ({"tool_calls": 3}, {"tool_calls": "worse"}),
        ({"failed_tool_calls": 1}, {"failed_tool_calls": "worse"}),
        ({"input_tokens": 6_001}, {"input_tokens": "worse", "tokens_used": "worse"}),
        ({"output_tokens": 119}, {"output_tokens": "better", "tokens_used": "better"}),
    ],
    ids=str,
)
def test_what_is_deterministic_has_no_tolerance(fields: dict[str, int], rows: dict[str, str]) -> None:
    found = compared(side({"a": [metrics()]}), side({"a": [metrics(**fields)]}))
    assert changed(found) == {("a", metric): word for metric, word in rows.items()}
    assert found.exit_code is (ExitCode.REGRESSION if "worse" in rows.values() else ExitCode.OK)


def test_a_row_says_both_values_difference_ratio_and_reason() -> None:
    found = row(compared(side({"a": tokens(1_000)}), side({"a": tokens(1_250)})), "a", "input_tokens")
    assert found.to_dict() == {
        "goal_id": "a",
        "tier": "simple",
        "metric": "input_tokens",
        "word": "worse",
        "reason": "any difference counts: nothing is left to chance",
        "baseline": {"n": 1, "value": 1_000},
        "current": {"n": 1, "value": 1_250},
        "difference": 250,
        "ratio": 1.25,
        "threshold": None,
        "p_value": None,
        "repeats_needed": None,
    }


def test_a_wrong_answer_is_worse_for_its_goal_its_tier_and_all_goals() -> None:
    goals = {"a": facts("a"), "b": facts("b"), "c": facts("c", tier=Tier.COMPLEX)}
    before = side({"a": [PASS], "b": [PASS], "c": [PASS]}, of=goals)
    found = compared(before, side({"a": [PASS], "b": [FAIL], "c": [PASS]}, of=goals))
    assert changed(found) == {
        ("b", "pass_rate"): "worse",
        ("tier simple", "pass_rate"): "worse",
        ("all goals", "pass_rate"): "worse",
    }
    assert row(found, "all goals", "pass_rate").current == Side(n=3, value=2 / 3)
    assert found.exit_code is ExitCode.REGRESSION


def test_one_flaky_attempt_of_what_is_deterministic_is_worse() -> None:
    found = compared(side({"a": tokens(1_000)}), side({"a": tokens(1_000, 1_000, 1_001)}))
    assert changed(found) == {("a", "input_tokens"): "worse", ("a", "tokens_used"): "worse"}


def test_attempts_that_differ_both_ways_are_inconclusive_with_what_they_are() -> None:
    found = compared(side({"a": tokens(1_000, 1_100)}), side({"a": tokens(1_001, 1_099)}))
    assert row(found, "a", "input_tokens").reason == (
        "some attempts are above the baseline's and others below: 1,001 to 1,099 now, and 1,000 to 1,100 before"
    )
    assert found.exit_code is ExitCode.INCONCLUSIVE


def test_recordings_are_compared_attempt_by_attempt() -> None:
    before = side({"a": tokens(1_000, 1_100)}, **REPLAY)
    assert changed(compared(before, side({"a": tokens(1_000, 1_100, 1_000, 1_100)}, **REPLAY))) == {}
    first = row(compared(before, side({"a": tokens(1_000)}, **REPLAY)), "a", "input_tokens")
    assert (first.word, first.baseline) == (Word.SAME, Side(n=2, value=1_000))
    # The first attempt has no measurement: the second one is compared with the second one all the same.
    broken = side({"a": [Cause.MODEL_ERROR, *tokens(1_100)]}, **REPLAY)
    assert row(compared(before, broken), "a", "input_tokens").word is Word.SAME


def test_an_agent_of_ones_own_is_not_deterministic_whatever_its_model() -> None:
    one = side({"a": tokens(1_000)}, agent="mine:agent")
    assert row(compared(one, one), "a", "input_tokens").word is Word.INCONCLUSIVE


# -- where chance has a part ----------------------------------------------------------------------------------------


def test_one_run_a_side_says_nothing_of_seconds_and_does_not_gate() -> None:
    found = compared(side({"a": times(1.0)}), side({"a": times(1.13)}))
    seconds = row(found, "a", "duration_seconds")
    assert (seconds.word, seconds.p_value, seconds.repeats_needed) == (Word.INCONCLUSIVE, None, 6)
    assert seconds.reason == "1 and 1 attempts cannot decide it among 2 comparisons; 6 a side could"
    assert found.exit_code is ExitCode.OK


def test_a_slower_run_is_worse_where_enough_attempts_show_it() -> None:
    before = times(*(1 + n / 100 for n in range(8)))
    found = compared(side({"a": before}), side({"a": times(*(1.2 + n / 100 for n in range(8)))}))
    seconds = row(found, "a", "duration_seconds")
    assert (seconds.word, seconds.threshold) == (Word.WORSE, Threshold(relative=0.1, absolute=0.02))
    # Complete separation, among the two kinds of seconds.
    assert seconds.p_value == pytest.approx(2 * 2 / 12_870)
    assert seconds.reason == "past the threshold of 10 % and 0.02, and p = 0.00031 among 2 comparisons"
    assert found.exit_code is ExitCode.REGRESSION
    assert changed(found) == {}


def test_what_is_sure_but_small_is_the_same() -> None:
    before = times(*(1 + n / 1000 for n in range(8)))
    found = compared(side({"a": before}), side({"a": times(*(1.05 + n / 1000 for n in range(8)))}))
    seconds = row(found, "a", "duration_seconds")
    assert (seconds.word, seconds.reason) == (Word.SAME, "within the threshold of 10 % and 0.02")


def test_what_is_large_but_chance_is_the_same_with_its_p() -> None:
    before, now = times(1, 2, 3, 4, 5, 6, 7, 8), times(1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 12)
    seconds = row(compared(side({"a": before}), side({"a": now})), "a", "duration_seconds")
    assert seconds.word is Word.SAME
    assert seconds.p_value == pytest.approx(1.0, abs=0.3)
    assert seconds.reason.startswith("past the threshold of 10 % and 0.02, and p = ")
    assert seconds.reason.endswith(" among 2 comparisons: no more than chance gives")


def test_what_is_suspicious_among_all_comparisons_is_inconclusive() -> None:
    goals = {f"goal-{n}": times(*(1 + k / 100 for k in range(8))) for n in range(20)}
    now = goals | {"goal-3": times(1.4, 1.41, 1.42, 1.43, 1.44, 1.45, 1.46, 1.055)}
    seconds = row(compared(side(goals), side(now)), "goal-3", "duration_seconds")
    assert (seconds.word, seconds.repeats_needed) == (Word.INCONCLUSIVE, None)
    assert seconds.p_value == pytest.approx(40 * 2 * 4 / 12_870)
    assert seconds.reason.endswith("among 40 comparisons: attempt it more often, or compare this goal alone")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"concurrency": 100}, "the concurrency is 100 and was 1"),
        ({"engine": "ray"}, "the engine is 'ray' and was None"),
        (
            {"engine": "ray cluster"},
            "this run was measured on the machines of a cluster, whose kinds are not known",
        ),
        (
            {"machine": {"os": "Darwin", "cpu_count": 8}},
            "the machine's system is 'Darwin' and was 'Linux'; the machine's number of processors is 8 and was None",
        ),
    ],
    ids=["concurrency", "engine", "cluster", "machine"],
)
def test_seconds_are_compared_at_the_same_concurrency_on_the_same_machine_only(
    source: dict[str, Any], reason: str
) -> None:
    found = compared(side({"a": times(1, 1, 1, 1, 1, 1, 1, 1)}), side({"a": times(9, 9, 9, 9, 9, 9, 9, 9)}, **source))
    seconds = row(found, "a", "duration_seconds")
    assert (seconds.word, seconds.reason) == (Word.NOT_COMPARABLE, reason)
    assert (found.exit_code, changed(found)) == (ExitCode.OK, {})


def test_a_live_model_with_one_run_a_side_is_inconclusive_in_everything() -> None:
    found = compared(side({"a": [metrics()]}, **LIVE), side({"a": [metrics()]}, **LIVE))
    assert set(words(found, "a").values()) == {Word.INCONCLUSIVE}
    assert {one.repeats_needed for one in found.rows} == {7}
    assert found.exit_code is ExitCode.INCONCLUSIVE


def test_a_live_model_that_takes_more_tokens_is_worse_in_tokens() -> None:
    before = side({"a": tokens(*range(1_000, 1_008))}, **LIVE)
    found = compared(before, side({"a": tokens(*range(1_100, 1_108))}, **LIVE))
    assert changed(found) == {("a", "input_tokens"): "worse", ("a", "tokens_used"): "worse"}
    assert found.exit_code is ExitCode.REGRESSION


def test_a_live_model_that_passes_less_often_is_worse_in_its_pass_rate() -> None:
    before = side({"a": [PASS] * 10, "b": [PASS] * 10}, **LIVE)
    found = compared(before, side({"a": [FAIL] * 10, "b": [PASS] * 10}, **LIVE))
    assert changed(found)[("a", "pass_rate")] == "worse"
    assert row(found, "a", "pass_rate").p_value == pytest.approx(2 / 184_756 * len(found.rows))
    assert row(found, "tier simple", "pass_rate").baseline == Side(n=20, value=1)


def test_a_goal_weighs_as_much_on_one_side_as_on_the_other() -> None:
    before = side({"a": [PASS] * 8, "b": [FAIL] * 8}, **LIVE)
    found = compared(before, side({"a": [PASS] * 2 + [Cause.MODEL_ERROR] * 6, "b": [FAIL] * 8}, **LIVE))
    tier = row(found, "tier simple", "pass_rate")
    assert (tier.baseline, tier.current) == (Side(n=10, value=0.2), Side(n=10, value=0.2))


def test_each_goal_has_its_own_threshold() -> None:
    own = Thresholds(significance=0.01, goals={"a": {"tokens_used": Threshold(relative=0.5)}})
    before = side({"a": tokens(*range(1_000, 1_008)), "b": tokens(*range(1_000, 1_008))}, **LIVE)
    now = side({"a": tokens(*range(1_100, 1_108)), "b": tokens(*range(1_100, 1_108))}, **LIVE)
    found = compared(before, now, own)
    assert [row(found, goal, "tokens_used").word for goal in "ab"] == [Word.SAME, Word.WORSE]


# -- what is not there, or not the same -----------------------------------------------------------------------------


def test_an_incomplete_goal_does_not_switch_off_the_judgment_of_another() -> None:
    before = side({"a": tokens(1_000), "b": tokens(1_000)})
    found = compared(before, side({"a": [], "b": tokens(2_000)}))
    assert changed(found) == {
        ("a", "pass_rate"): "inconclusive",
        ("b", "input_tokens"): "worse",
        ("b", "tokens_used"): "worse",
    }
    assert row(found, "a", "pass_rate").reason == "this run has no attempt at it"
    assert found.exit_code is ExitCode.REGRESSION


def test_a_provider_that_fails_moves_no_score_and_is_said() -> None:
    before = side({"a": [PASS, PASS], "b": [PASS, PASS]})
    found = compared(before, side({"a": [Cause.MODEL_ERROR, Cause.MODEL_ERROR], "b": [PASS, Cause.MODEL_ERROR]}))
    assert changed(found) == {("a", "pass_rate"): "inconclusive"}
    assert row(found, "a", "pass_rate").reason == "this run says nothing of it: 2 model_error"
    assert found.exit_code is ExitCode.INCONCLUSIVE


def test_tokens_that_were_not_told_are_not_comparable_and_the_rest_is() -> None:
    found = compared(side({"a": [metrics()]}), side({"a": [Cause.UNMEASURED_TOKENS]}))
    assert changed(found) == {
        ("a", "pass_rate"): "inconclusive",
        ("a", "input_tokens"): "not comparable",
        ("a", "output_tokens"): "not comparable",
        ("a", "tokens_used"): "not comparable",
    }
    assert row(found, "a", "tokens_used").reason == "no attempt of this run says anything of it: 1 unmeasured_tokens"
    assert row(found, "a", "tokens_used").ratio is None


def test_a_number_that_one_side_alone_knows_is_not_comparable_and_one_that_none_knows_is_no_row() -> None:
    priced = metrics(cost_usd=Decimal("0.5"))
    found = compared(side({"a": [priced, priced]}), side({"a": [priced, metrics()]}))
    cost = row(found, "a", "cost_usd")
    assert (cost.word, cost.reason) == (Word.NOT_COMPARABLE, "this run does not know it of 1 of 2 attempts")
    agent: list[PerformanceMetrics] = [metrics(iterations=None)]
    assert {"cost_usd", "iterations"} & words(compared(side({"a": agent}), side({"a": agent})), "a").keys() == set()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": "What is 5 + 4?"}, "its text is 'What is 5 + 4?' and was 'What is 5 + 3?'"),
        ({"check": "holds 9"}, "its check of the answer is 'holds 9' and was 'number 8'"),
        ({"tools": ("a", "b")}, "its list of extra tools is a and b and was none"),
        ({"stop_reason": StopReason.ERROR}, "its expected stop reason is 'error' and was 'goal_reached'"),
        ({"max_iterations": 3}, "its limit of iterations is 3 and was 20"),
        ({"timeout_s": 3.0}, "its limit of seconds is 3.0 and was 300.0"),
        (
            {"budget": Budget(iterations=9, tokens=8)},
            "its budget of iterations is 9 and was 5; its budget of tokens is 8 and was 10000",
        ),
    ],
    ids=str,
)
def test_a_goal_that_was_changed_is_not_comparable_and_each_fact_is_named(fields: dict[str, Any], reason: str) -> None:
    before = side({"a": [metrics()], "b": [metrics()]})
    now = side({"a": [FAIL], "b": [metrics(iterations=4)]}, of={"a": facts("a", **fields)})
    found = compared(before, now)
    assert changed(found) == {("a", "pass_rate"): "not comparable", ("b", "iterations"): "worse"}
    assert row(found, "a", "pass_rate").reason == reason
    assert [one.metric for one in found.rows if one.goal_id == "a"] == ["pass_rate"]


def test_prompts_are_what_is_judged_and_make_nothing_incomparable() -> None:
    now = side({"a": [metrics()]}, packages={"pint": "9"}, commit="b" * 40, dirty=True)
    assert changed(compared(side({"a": [metrics()]}), now)) == {}


def test_a_missing_goal_fails_and_an_added_one_does_not() -> None:
    found = compared(side({"a": [PASS], "b": [PASS]}), side({"a": [PASS], "c": [FAIL]}))
    assert (found.added, found.missing, found.exit_code) == (["c"], ["b"], ExitCode.REGRESSION)
    added = compared(side({"a": [PASS]}), side({"a": [PASS], "c": [FAIL]}))
    assert (added.missing, added.exit_code) == ([], ExitCode.OK)


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"goal": ["a"]}, []),
        ({"tier": ["simple"]}, ["b"]),
        ({"tier": ["complex"]}, []),
        ({"goal": [], "tier": []}, ["b"]),
    ],
    ids=str,
)
def test_a_goal_that_was_not_asked_for_is_not_missing(settings: dict[str, Any], missing: list[str]) -> None:
    found = compared(side({"a": [PASS], "b": [PASS]}), side({"a": [PASS]}, settings=settings))
    assert found.missing == missing


# -- the whole ------------------------------------------------------------------------------------------------------


def refused(baseline: Results, ids: str = "a", **source: Any) -> str | None:
    return refusal(baseline, provenance(**source), [facts(id_) for id_ in ids])


def test_a_baseline_of_another_kind_is_refused_and_both_are_named() -> None:
    local = side({"a": [PASS]}, model="local:SmolLM2-135M", token_source="provider")
    assert refused(local, model="scripted", token_source="counted") == (
        "it is of model 'local:SmolLM2-135M' with token source provider, "
        "and this run is of model 'scripted' with token source counted"
    )
    assert refused(side({"a": [PASS]}), token_source="approximate") is not None
    assert refused(side({"a": [PASS]}), agent="mine:agent") == (
        "it is of model 'scripted' with token source counted, "
        "and this run is of model 'scripted' in agent 'mine:agent' with token source counted"
    )
    assert refused(side({"a": [PASS]}), commit="c" * 40, repeat=5, concurrency=9) is None


def test_a_baseline_that_is_not_whole_is_refused() -> None:
    assert refused(side({"a": [PASS], "b": []})) == "it is not whole: it holds 1 of 2 attempts"
    broken_off = dataclasses.replace(side({"a": [PASS]}), interrupted=True)
    assert refused(broken_off) == "it is not whole: it holds 1 of 1 attempt, and was interrupted"
    assert refused(side({})) == "it is not whole: it holds 0 of 0 attempts"


def test_a_baseline_of_other_goals_is_refused() -> None:
    assert refused(side({"x": [PASS]}), "ab") == "it has none of the goals of this run: a and b"
    assert refused(side({"x": [PASS], "b": [PASS]}), "ab") is None


def test_worse_goes_before_inconclusive() -> None:
    found = compared(side({"a": tokens(1), "b": tokens(1)}), side({"a": tokens(2), "b": [Cause.HARNESS]}))
    assert {one.exit_code for one in found.rows} >= {ExitCode.REGRESSION, ExitCode.INCONCLUSIVE}
    assert found.exit_code is ExitCode.REGRESSION


def test_the_comparison_is_strict_json() -> None:
    found = compared(side({"a": [metrics()]}), side({"a": [Cause.UNMEASURED_TOKENS]})).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["exit_code"], found["added"], found["missing"]) == (3, [], [])


def test_comparing_scripted_results_of_one_attempt_a_goal_loads_no_slow_library() -> None:
    code = (
        "import sys; from tests.benchmarks.comparing.sides import *; from benchmarks.judging import statistics; "
        "one = side({'a': [metrics()]}); compared(one, one); sys.exit('scipy' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=root).returncode == 0
