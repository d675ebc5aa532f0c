"""Tests of two samples, and what the fewest attempts are that can decide."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.comparing.significance import can_decide, holm, least_p, p_of_numbers, p_of_rates, repeats_needed

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_numbers_are_tested_by_how_many_orders_are_as_far_apart() -> None:
    # One of the 35 orders of three and four values.
    assert p_of_numbers([1, 2, 3], [4, 5, 6, 7]) == pytest.approx(2 / 35)
    # Two of the 70 orders of four and four: complete separation, and one exchange.
    assert p_of_numbers([1, 2, 3, 5], [4, 6, 7, 8]) == pytest.approx(2 * 2 / 70)


def test_rates_are_tested_as_the_lady_who_tastes_tea() -> None:
    # Fisher (1935): 4 of 4 right has 1/70, one-sided; 3 of 4 has 17/70.
    assert p_of_rates([0, 0, 0, 0], [1, 1, 1, 1]) == pytest.approx(2 / 70)
    assert p_of_rates([1, 0, 0, 0], [0, 1, 1, 1]) == pytest.approx(2 * 17 / 70)


@pytest.mark.parametrize("n", [5, 9, 14])
def test_numbers_of_two_values_are_rates(n: int) -> None:
    for more in range(1, n + 1):
        now = [4.0] * more + [3.0] * (n - more)
        assert p_of_numbers([3.0] * n, now) == p_of_rates([0.0] * n, [1.0] * more + [0.0] * (n - more))


@pytest.mark.parametrize(
    ("baseline", "current", "exact"),
    [
        # Counted over all ways to draw the second sample from both.
        ([2, 2, 3, 3, 3], [3, 4, 4, 4, 4], 2 * 4 / 252),
        ([2, 2, 2, 3, 3, 3, 3, 4], [3, 4, 4, 4, 4, 4, 4, 4], 2 * 41 / 12_870),
    ],
)
def test_values_that_are_alike_are_tested_nearly_exactly(
    baseline: list[float], current: list[float], exact: float
) -> None:
    assert 0.5 < p_of_numbers(baseline, current) / exact < 2


def test_one_tie_among_many_values_costs_next_to_nothing() -> None:
    before, now = list(range(12)), list(range(20, 32))
    assert p_of_numbers([0, *before[:-1]], now) == pytest.approx(p_of_numbers(before, now))


def test_thousands_of_values_are_tested_too() -> None:
    before, now = [float(n) for n in range(2_000)], [n + 0.5 for n in range(2_000)]
    assert p_of_numbers(before, now) > 0.9
    assert p_of_numbers(before, [value + 2_000 for value in now]) < 1e-100


def test_what_points_the_other_way_is_no_evidence() -> None:
    # The mean is higher for one value alone; all others are lower.
    assert p_of_numbers([10, 11, 12, 13, 14], [1, 2, 3, 4, 500]) > 0.5


@pytest.mark.parametrize("n", range(1, 9))
def test_no_test_finds_less_than_complete_separation_gives(n: int) -> None:
    apart = list(range(n)), list(range(n, 2 * n))
    alike = [1.0] * n, [2.0] * n
    assert [p_of_numbers(*apart), p_of_numbers(*alike), p_of_rates([0.0] * n, [1.0] * n)] == pytest.approx(
        [least_p(n, n)] * 3
    )


def test_the_fewest_attempts_that_can_decide_are_those() -> None:
    assert least_p(0, 9) == least_p(9, 0) == 1
    for comparisons in (1, 52, 260):
        needed = repeats_needed(0.01, comparisons)
        assert can_decide(needed, needed, 0.01, comparisons)
        assert not can_decide(needed - 1, needed - 1, 0.01, comparisons)


def test_the_documented_numbers_of_attempts_are_the_computed_ones() -> None:
    text = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d,]+) comparisons? \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    told = {int(count.replace(",", "")): tuple(map(int, needed)) for count, *needed in rows}
    assert len(told) > 3
    assert told == {
        count: tuple(repeats_needed(significance, count) for significance in (0.05, 0.01, 0.001)) for count in told
    }


def test_many_comparisons_are_corrected_as_holm_says() -> None:
    # Holm (1979) on four p-values, as in the example of R's p.adjust.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(P_VALUES)
def test_a_correction_never_finds_more_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, corrected, strict=True))
    assert max(corrected) <= min(1.0, max(len(p_values) * p for p in p_values))
    by_size = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [corrected[place] for place in by_size] == sorted(corrected)
