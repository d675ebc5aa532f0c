"""The goals: data. An id is permanent: results of different times are compared by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from benchmarks.suite.checks import Check, all_of, any_answer, contains_all, number, numbers_in_order
from benchmarks.suite.extra_tools import read_logbook, read_sensor, stock_level
from nanoagent.core.result import Status, StopReason

TODAY: Final = datetime(2026, 3, 9, 12, tzinfo=UTC)
"""What the date tools take for now, so that answers do not depend on the day of the run."""


class Tier(StrEnum):
    """What kind of work a goal is."""

    SIMPLE = "simple"
    MEDIUM = "medium"
    COMPLEX = "complex"
    MULTI_STEP = "multi-step"
    ITERATIVE = "iterative"
    TOOL_ERROR = "tool-error"
    IMPOSSIBLE = "impossible"

    @property
    def budget(self) -> "Budget":
        """What a goal of this tier may use."""
        return _SMALL_BUDGET if self in (Tier.SIMPLE, Tier.MEDIUM) else _LARGE_BUDGET


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a goal may use: exclusive upper bounds."""

    iterations: int
    tokens: int


_SMALL_BUDGET: Final = Budget(iterations=5, tokens=10_000)
_LARGE_BUDGET: Final = Budget(iterations=15, tokens=50_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A goal, with what counts as reaching it."""

    id: str
    """Permanent, in kebab case."""
    tier: Tier
    text: str
    """What the run is asked for."""
    check: Check
    """Of the run's output."""
    stop_reason: StopReason = StopReason.GOAL_REACHED
    """How the run is expected to end."""
    max_iterations: int = 20
    timeout_s: float = 300.0
    """Seconds that an attempt may take."""
    tools: tuple[Callable[..., Any], ...] = ()
    """Tools beyond the built-in ones."""

    @property
    def status(self) -> Status:
        """The expected status; it follows from the stop reason."""
        return self.stop_reason.status


GOALS: Final[Sequence[Goal]] = (
    Goal(id="addition", tier=Tier.SIMPLE, text="What is 5 + 3?", check=number(8)),
    Goal(
        id="weekday",
        tier=Tier.SIMPLE,
        text="What day of the week is 2026-07-14?",
        check=contains_all("Tuesday"),
    ),
    Goal(
        id="marathon",
        tier=Tier.SIMPLE,
        text="How many kilometres are 26.2 miles?",
        check=number(42.16, tolerance=0.05),
    ),
    Goal(
        id="sum-of-squares",
        tier=Tier.MEDIUM,
        text="Calculate the sum of squares from 1 to 10",
        check=number(385),
    ),
    Goal(
        id="days-to-new-year",
        tier=Tier.MEDIUM,
        text="How many days is it from today to 2027-01-01?",
        check=number(298),
    ),
    Goal(
        id="word-count",
        tier=Tier.MEDIUM,
        text='How many words has "the quick brown fox jumps over the lazy dog", and how is it written in capitals?',
        check=all_of(number(9), contains_all("THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG")),
    ),
    Goal(
        id="mean-temperature",
        tier=Tier.MEDIUM,
        text="What is the mean of 68, 75, 77 degrees Fahrenheit, in degrees Celsius?",
        check=number(22.96, tolerance=0.01),
    ),
    Goal(
        id="primes-sum",
        tier=Tier.COMPLEX,
        text="Find prime numbers between 1 and 50, then sum them",
        check=number(328),
    ),
    Goal(
        id="factors-sum",
        tier=Tier.COMPLEX,
        text="Find the prime factors of 8633 and of 9797, then add up all of them",
        check=number(384),
    ),
    Goal(
        id="primes-median",
        tier=Tier.COMPLEX,
        text="How many prime numbers are there between 100 and 150, and what is their median?",
        check=all_of(number(10), number(120)),
    ),
    Goal(
        id="long-word",
        tier=Tier.COMPLEX,
        text="Count the letters of pneumonoultramicroscopicsilicovolcanoconiosis, "
        "and find the prime factors of the count",
        check=numbers_in_order(45, 3, 3, 5),
    ),
    Goal(
        id="percentage",
        tier=Tier.MULTI_STEP,
        text="Calculate 15% of 360, multiply by 2, then subtract 50",
        check=number(58),
    ),
    Goal(
        id="train-ride",
        tier=Tier.MULTI_STEP,
        text="A train covers 150 miles in 2.5 hours. How many minutes does it take for 240 km at the same speed?",
        check=number(149.13, tolerance=0.05),
    ),
    Goal(
        id="guarantee",
        tier=Tier.MULTI_STEP,
        text="A guarantee of 1000 days starts today. On which date does it end, and on which day of the week?",
        check=contains_all("2028-12-03", "Sunday"),
    ),
    Goal(
        id="paint",
        tier=Tier.MULTI_STEP,
        text="A wall is 12 feet wide and 9 feet high. A litre of paint covers 8 square metres. "
        "How many litres do 2 coats take?",
        check=number(2.508, tolerance=0.005),
    ),
    Goal(
        id="savings",
        tier=Tier.MULTI_STEP,
        text="2000 euros earn 3% a year for 5 years, interest included. "
        "What are they worth at the end, and how much of it is interest?",
        check=all_of(number(2318.55, tolerance=0.01), number(318.55, tolerance=0.01)),
    ),
    Goal(
        id="squares",
        tier=Tier.ITERATIVE,
        text="Count from 1 to 5, squaring each number",
        check=numbers_in_order(1, 4, 9, 16, 25),
    ),
    Goal(
        id="halve-or-triple",
        tier=Tier.ITERATIVE,
        text="Start at 6. Halve an even number; triple an odd one and add 1. "
        "Stop at 1 and give every number on the way.",
        check=numbers_in_order(3, 10, 5, 16, 8, 4, 2, 1),
    ),
    Goal(
        id="adding-up",
        tier=Tier.ITERATIVE,
        text="Start with 1 and 1. Add the last two numbers again and again until a sum is greater than 20, "
        "and give every sum.",
        check=numbers_in_order(2, 3, 5, 8, 13, 21),
    ),
    Goal(
        id="silent-warehouse",
        tier=Tier.TOOL_ERROR,
        text="How many blue chairs are in stock?",
        check=number(37),
        tools=(stock_level,),
    ),
    Goal(
        id="broken-sensor",
        tier=Tier.TOOL_ERROR,
        text="How warm is it in the greenhouse, in degrees Celsius?",
        check=number(21.5),
        tools=(read_sensor, read_logbook),
    ),
    Goal(
        id="square-root",
        tier=Tier.TOOL_ERROR,
        text="What is the square root of 1764?",
        check=number(42),
    ),
    Goal(
        id="spread",
        tier=Tier.TOOL_ERROR,
        text="Give the mean, the median and the population standard deviation of 10, 14, 22, 38",
        check=all_of(number(21), number(18), number(10.72, tolerance=0.01)),
    ),
    Goal(
        id="phone-call",
        tier=Tier.IMPOSSIBLE,
        text="Telephone the office and ask when it closes",
        check=any_answer(),
        stop_reason=StopReason.NO_PROGRESS,
    ),
    Goal(
        id="endless-count",
        tier=Tier.IMPOSSIBLE,
        text="Count upwards from 0 one step at a time, and never stop",
        check=contains_all("Stopped at the limit of 3 iterations", "Results so far"),
        stop_reason=StopReason.MAX_ITERATIONS,
        max_iterations=3,
    ),
    Goal(
        id="unclear-wish",
        tier=Tier.IMPOSSIBLE,
        text="Convert it to the other unit",
        check=contains_all("?"),
        stop_reason=StopReason.NEEDS_CLARIFICATION,
    ),
)
