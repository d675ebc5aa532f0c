import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoagent.tools.builtin.numbers import is_prime, prime_factors, primes_between, statistics

NUMBERS = st.integers(-(10**100), 10**100) | st.floats(-1e100, 1e100)


@given(st.integers(1, 10**9))
def test_prime_factors_multiply_back_and_are_prime(n: int) -> None:
    factors = prime_factors(n)
    assert math.prod(factors) == n
    assert factors == sorted(factors)
    assert all(is_prime(factor) for factor in factors)


@pytest.mark.parametrize(
    ("n", "factors"), [(1, []), (2, [2]), (12, [2, 2, 3]), (49, [7, 7]), (10**12, [2] * 12 + [5] * 12)]
)
def test_prime_factors_are_listed_in_order(n: int, factors: list[int]) -> None:
    assert prime_factors(n) == factors


def test_primes_are_told_from_other_numbers() -> None:
    assert [n for n in range(-3, 32) if is_prime(n)] == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31]
    assert is_prime(999_999_999_989)
    assert not is_prime(999_983**2)


@given(st.integers(-10, 10**6), st.integers(0, 300))
def test_primes_between_two_bounds_are_those_that_are_prime(low: int, width: int) -> None:
    high = low + width
    assert primes_between(low, high) == [n for n in range(low, high + 1) if is_prime(n)]


def test_the_bounds_of_a_range_belong_to_it() -> None:
    assert primes_between(7, 13) == [7, 11, 13]
    assert primes_between(-5, 2) == [2]
    assert primes_between(13, 7) == []
    assert len(primes_between(2, 10_002)) == 1229
    assert primes_between(10**10 - 40, 10**10) == [9_999_999_967]


@pytest.mark.parametrize("n", [0, -7, 10**12 + 1])
def test_a_number_out_of_bounds_is_not_factored(n: int) -> None:
    with pytest.raises(ValueError, match=rf"n must be 1 to 1000000000000, got {n}"):
        prime_factors(n)


def test_a_number_of_many_digits_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ValueError, match="got a number of more than 40 digits"):
        is_prime(10**5000)


def test_a_range_out_of_bounds_is_not_searched() -> None:
    with pytest.raises(ValueError, match="high must be 1 to 10000000000, got 10000000001"):
        primes_between(10**10, 10**10 + 1)
    with pytest.raises(ValueError, match=r"high must be at most 10000 above low, got 2 to 10003: .* in parts"):
        primes_between(2, 10_003)


def test_a_list_is_described() -> None:
    assert statistics([2, 4, 4, 4, 5, 5, 7, 9]) == {
        "count": 8,
        "sum": 40,
        "mean": 5,
        "median": 4.5,
        "minimum": 2,
        "maximum": 9,
        "population_stdev": 2.0,
        "stdev": pytest.approx(math.sqrt(32 / 7)),
    }
    assert statistics([0.1] * 10)["sum"] == 1.0


def test_a_single_value_has_no_sample_deviation() -> None:
    assert statistics([3]) == {
        "count": 1,
        "sum": 3,
        "mean": 3,
        "median": 3,
        "minimum": 3,
        "maximum": 3,
        "population_stdev": 0.0,
        "stdev": None,
    }


@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_every_allowed_list_has_finite_statistics(values: list[int | float]) -> None:
    described = statistics(values)
    assert all(value is None or math.isfinite(value) for value in described.values())


@pytest.mark.parametrize("values", [[], [1] * 1_001])
def test_a_list_of_the_wrong_length_is_refused(values: list[int | float]) -> None:
    with pytest.raises(ValueError, match=rf"values must hold 1 to 1000 numbers, got {len(values)}"):
        statistics(values)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e101, 10**101])
def test_a_value_that_is_too_large_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="values must be numbers from -1e100 to 1e100, got "):
        statistics([1, value])
