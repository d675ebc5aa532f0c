"""The comparison of two sources' numbers: the same only byte for byte, and the first difference has a name."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrumentation.verification import Difference, first_difference
from nanoagent.core.performance import IterationCounts, PerformanceMetrics, PhaseCounts

METRICS = PerformanceMetrics(
    goal="secret",
    run_id="r",
    api_calls=2,
    input_tokens=100,
    cost_usd=Decimal("0.25"),
    models=("a", "b"),
    by_phase=(PhaseCounts(phase="plan"), PhaseCounts(phase="execute", input_tokens=7)),
    by_iteration=(IterationCounts(iteration=1),),
    complete=True,
)


def test_the_same_numbers_have_no_difference_whatever_the_goal() -> None:
    numbers = METRICS.to_dict()
    assert first_difference(numbers, json.loads(json.dumps(numbers | {"goal": None}))) is None
    assert first_difference(numbers, numbers | {"goal": "other"}, apart=()) == Difference("goal", '"secret"', '"other"')


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"input_tokens": 101, "status": "failed"}, Difference("input_tokens", "100", "101")),
        ({"api_calls": 2.0}, Difference("api_calls", "2", "2.0")),
        ({"complete": 1}, Difference("complete", "true", "1")),
        ({"cost_usd": None}, Difference("cost_usd", "0.25", "null")),
        ({"models": ["a"]}, Difference("models[1]", '"b"', "nothing")),
        ({"models": ["a", "b", "ü"]}, Difference("models[2]", "nothing", '"ü"')),
        ({"models": "ab"}, Difference("models", '["a", "b"]', '"ab"')),
        ({"more": None}, Difference("more", "nothing", "null")),
    ],
)
def test_the_first_difference_is_named_with_both_values(changed: dict[str, Any], difference: Difference) -> None:
    assert first_difference(METRICS.to_dict(), METRICS.to_dict() | changed) == difference


def test_a_difference_in_a_phase_says_in_which_one() -> None:
    other = METRICS.to_dict()
    other["by_phase"][1]["input_tokens"] = 8
    found = first_difference(METRICS.to_dict(), other)
    assert str(found) == "by_phase[1].input_tokens 7 and 8"


def test_a_field_that_is_gone_is_a_difference() -> None:
    other = METRICS.to_dict()
    del other["tool_calls"]
    assert first_difference(METRICS.to_dict(), other) == Difference("tool_calls", "0", "nothing")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _values), st.dictionaries(st.text(), _values))
def test_no_difference_means_the_same_json(first: dict[str, Any], second: dict[str, Any]) -> None:
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (first_difference(first, second, apart=()) is None) is same
    assert first_difference(first, first, apart=()) is None
