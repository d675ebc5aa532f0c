"""The statistics of attempts, against published examples and by hand."""

import json
import math
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.judging.statistics import Interval, Rate, Summary, all_pass, statistics_of, summary_of
from benchmarks.judging.verdict import Cause, Verdict, VerdictWord
from benchmarks.results.results import Attempt
from nanoagent.core.performance import PerformanceMetrics

PASS, FAIL = VerdictWord.PASS, VerdictWord.FAIL


def attempts(*words: VerdictWord | Cause, metrics: Sequence[PerformanceMetrics] = ()) -> list[Attempt]:
    made = []
    for place, word in enumerate(words):
        error = isinstance(word, Cause)
        verdict = Verdict(word=VerdictWord.ERROR, cause=Cause(word)) if error else Verdict(word=VerdictWord(word))
        numbers = metrics[place] if metrics else PerformanceMetrics()
        made.append(Attempt(goal_id="own", number=place + 1, verdict=verdict, metrics=numbers))
    return made


def rounded(interval: Interval | None, digits: int = 4) -> tuple[float, ...]:
    assert interval is not None
    return tuple(round(end, digits) for end in interval)


@pytest.mark.parametrize(
    ("passed", "n", "interval"),
    [
        # Newcombe (1998), table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_the_interval_of_a_rate_is_the_published_one(passed: int, n: int, interval: tuple[float, float]) -> None:
    assert rounded(Rate(passed=passed, n=n).interval()) == interval


def test_the_chance_that_all_pass_is_that_of_drawing_only_passes() -> None:
    assert all_pass([True, True, True, False], 2) == 3 / 6
    assert all_pass([True, False], 2) == 0
    assert all_pass([True] * 5, 5) == 1
    assert all_pass([True], 2) is None
    assert all_pass([], 1) is None


def test_the_chance_over_goals_is_their_mean_and_a_goal_with_too_few_attempts_is_left_out() -> None:
    goals = [attempts(PASS, PASS), attempts(PASS, FAIL), attempts(PASS, Cause.MODEL_ERROR)]
    found = statistics_of(goals, 2)
    assert (found.attempts, found.rate, found.pass_hat_k) == (6, Rate(passed=4, n=5), 0.5)


def test_the_summary_of_a_number_is_that_of_its_sample() -> None:
    found = summary_of([2, 4, 4, 4, 5, 5, 7, 9])
    assert found == Summary(n=8, mean=5, deviation=math.sqrt(32 / 7), least=2, median=4.5, greatest=9)
    assert found is not None
    # 5 +- 2.3646 (Student, 7 degrees of freedom) * 2.138 / sqrt(8)
    assert rounded(found.interval(), 3) == (3.213, 6.787)


def test_one_value_has_no_spread_and_none_has_no_summary() -> None:
    one = summary_of([3])
    assert one == Summary(n=1, mean=3, deviation=None, least=3, median=3, greatest=3)
    assert one is not None
    assert one.interval() is None
    assert summary_of([]) is None


def test_values_that_are_alike_have_an_interval_without_width() -> None:
    alike = summary_of([3, 3])
    assert alike is not None
    assert alike.interval() == (3, 3)


def test_what_is_not_known_is_left_out_and_never_0() -> None:
    known = PerformanceMetrics(iterations=3, input_tokens=10, output_tokens=2, cost_usd=Decimal("0.5"))
    agent = PerformanceMetrics(iterations=None, input_tokens=None, output_tokens=None)
    found = statistics_of([attempts(PASS, PASS, metrics=[known, agent])], 2).summaries
    means = {name: one and (one.n, one.mean) for name, one in found.items()}
    assert means["iterations"] == (1, 3)
    assert means["tokens_used"] == (1, 12)
    assert means["cost_usd"] == (1, 0.5)
    nothing = statistics_of([attempts(PASS, metrics=[agent])], 1).summaries
    assert [name for name, one in nothing.items() if one is None] == [
        "iterations",
        "input_tokens",
        "output_tokens",
        "tokens_used",
        "cost_usd",
    ]


def test_an_attempt_counts_for_what_it_is_a_measurement_of() -> None:
    numbers = PerformanceMetrics(api_calls=4, input_tokens=5, llm_ns=10**9)
    causes: list[VerdictWord | Cause] = [
        PASS,
        FAIL,
        Cause.CHECK,
        Cause.UNMEASURED_TOKENS,
        Cause.MODEL_ERROR,
        Cause.STALE_TRANSCRIPT,
    ]
    found = statistics_of([attempts(*causes, metrics=[numbers] * len(causes))], 1)
    assert found.rate == Rate(passed=1, n=2)
    counts = {name: found.summaries[name] for name in ("api_calls", "input_tokens", "duration_seconds")}
    assert {name: one and one.n for name, one in counts.items()} == {
        "api_calls": 4,
        "input_tokens": 3,
        "duration_seconds": 4,
    }


def test_nothing_measured_is_unknown() -> None:
    found = statistics_of([attempts(Cause.MODEL_ERROR)], 1)
    assert (found.attempts, found.rate, found.pass_hat_k) == (1, None, None)
    assert set(found.summaries.values()) == {None}


def test_statistics_are_json() -> None:
    found = statistics_of([attempts(PASS, FAIL), attempts(PASS, PASS)], 2).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["measures"]["api_calls"] == {
        "n": 4,
        "mean": 0,
        "deviation": 0,
        "min": 0,
        "median": 0,
        "max": 0,
        "low": 0,
        "high": 0,
    }


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30))
def test_the_mean_lies_in_its_interval(values: list[float]) -> None:
    found = summary_of(values)
    assert found is not None
    interval = found.interval()
    assert interval is not None
    assert interval.low <= found.mean <= interval.high
