"""Numbers: their primes and their statistics."""

import math
from statistics import mean, median, pstdev, stdev
from typing import Final

MAX_NUMBER: Final = 10**12
"""Largest number that is tested or factored; trial division takes some 30 ms there."""
MAX_PRIME: Final = 10**10
"""Upper end of the ranges that are searched for primes; the search takes some 20 ms there."""
MAX_RANGE: Final = 10_000
"""Widest range that is searched for primes; it holds at most 1,229."""
MAX_VALUES: Final = 1_000
MAX_VALUE: Final = 1e100
"""Largest value in a list; the squares of a thousand such values still add up to a float."""


def is_prime(n: int) -> bool:
    """Tell whether a whole number is prime.

    Args:
        n: The number, at most 1,000,000,000,000.

    Raises:
        ValueError: The number is too large.
    """
    return n > 1 and prime_factors(n) == [n]


def prime_factors(n: int) -> list[int]:
    """List the prime factors of a whole number in ascending order, repeated ones repeatedly: 12 gives 2, 2, 3.

    Args:
        n: The number, 1 to 1,000,000,000,000.

    Raises:
        ValueError: The number is too small or too large.
    """
    _check_bound(n, MAX_NUMBER, "n")
    factors, divisor = [], 2
    while divisor * divisor <= n:
        while n % divisor == 0:
            factors.append(divisor)
            n //= divisor
        divisor += 1 if divisor == 2 else 2
    return [*factors, n] if n > 1 else factors


def primes_between(low: int, high: int) -> list[int]:
    """List all primes from a lower to an upper bound, both included.

    Args:
        low: The lower bound.
        high: The upper bound, at most 10,000,000,000 and at most 10,000 above the lower one.

    Raises:
        ValueError: The upper bound is too large or too far from the lower one.
    """
    low = max(low, 2)
    if high < low:
        return []
    _check_bound(high, MAX_PRIME, "high")
    if high - low > MAX_RANGE:
        raise ValueError(f"high must be at most {MAX_RANGE} above low, got {low} to {high}: ask for the range in parts")
    return _sieve(low, high)


def statistics(values: list[int | float]) -> dict[str, int | float | None]:
    """Describe a list of numbers: count, sum, mean, median, minimum, maximum, standard deviations.

    `population_stdev` takes the values as all there are, `stdev` as a sample; it is null for a single value.

    Args:
        values: 1 to 1,000 numbers.

    Raises:
        ValueError: There are none or too many, or one of them is too large.
    """
    if not 1 <= len(values) <= MAX_VALUES:
        raise ValueError(f"values must hold 1 to {MAX_VALUES} numbers, got {len(values)}: give a part of them")
    for value in values:
        if not abs(value) <= MAX_VALUE:
            raise ValueError(f"values must be numbers from -1e100 to 1e100, got {value!r}: leave it out or scale them")
    return {
        "count": len(values),
        "sum": math.fsum(values) if any(isinstance(value, float) for value in values) else sum(values),
        "mean": mean(values),
        "median": median(values),
        "minimum": min(values),
        "maximum": max(values),
        "population_stdev": pstdev(values),
        "stdev": stdev(values) if len(values) > 1 else None,
    }


def _check_bound(n: int, most: int, name: str) -> None:
    if n < 1 or n > most:
        raise ValueError(f"{name} must be 1 to {most}, got {_short(n)}: no larger number can be searched in time")


def _short(n: int) -> str:
    return str(n) if abs(n) < 10**40 else "a number of more than 40 digits"


def _sieve(low: int, high: int) -> list[int]:
    """Return the primes of a range with 2 <= low <= high by crossing out, from the range alone, every multiple."""
    prime = bytearray(b"\x01") * (high - low + 1)
    for divisor in range(2, math.isqrt(high) + 1):
        first = max(divisor * divisor, -(-low // divisor) * divisor)
        if first <= high:
            prime[first - low :: divisor] = bytes(len(range(first, high + 1, divisor)))
    return [low + offset for offset, is_left in enumerate(prime) if is_left]
