"""What the paired rounds say: a ratio, its confidence interval, and whether it is past its bound."""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Round = Mapping[str, float]
"""One round: what each of its variants cost."""
Statistic = Callable[[Sequence[Round]], float]
"""A number of all rounds together."""

RESAMPLES: Final = 1_000
"""How often the rounds are drawn anew for an interval."""
CONFIDENCE: Final = 0.95
SEED: Final = 20_260_101
"""The same rounds always give the same interval."""


@dataclass(frozen=True)
class Bound:
    """Where a number has to be."""

    limit: float
    side: Literal["most", "least"] = "most"
    """Whether it is the most or the least that it may be."""

    def is_passed(self, low: float, high: float) -> bool:
        """Whether all of an interval is on the wrong side: the number is then past its bound beyond doubt."""
        return low > self.limit if self.side == "most" else high < self.limit

    def __str__(self) -> str:
        """As in `<1.40`, or `>1.30`."""
        return f"{'<' if self.side == 'most' else '>'}{self.limit:.2f}"


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that is to be found out, and what it may be."""

    id: str
    what: str
    """In words, for the table."""
    unit: str
    """`ratio`, or `us` for microseconds of CPU time."""
    statistic: Statistic
    bound: Bound | None = None
    """`None` where it stands only for comparison."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found out."""

    id: str
    what: str
    unit: str
    value: float
    low: float
    """The lower end of the 95 % confidence interval."""
    high: float
    """The upper end of the 95 % confidence interval."""
    bound: Bound | None
    rounds: int
    """How many rounds it was found out from."""

    @property
    def past(self) -> bool:
        """Whether it is past its bound beyond doubt: all of its interval is."""
        return self.bound is not None and self.bound.is_passed(self.low, self.high)


def found(question: Question, rounds: Sequence[Round]) -> Finding:
    """Answer a question from its rounds."""
    low, high = interval(question.statistic, rounds)
    return Finding(
        id=question.id,
        what=question.what,
        unit=question.unit,
        value=question.statistic(rounds),
        low=low,
        high=high,
        bound=question.bound,
        rounds=len(rounds),
    )


def added_ratio(variant: str, *, over: str, base: str) -> Statistic:
    """What `variant` adds to `base`, as a multiple of what `over` adds to it."""
    ours, theirs = added(variant, base=base), added(over, base=base)

    def ratio(rounds: Sequence[Round]) -> float:
        cost = theirs(rounds)
        # Beside a cost that the noise has swallowed, any cost is beyond measure.
        return ours(rounds) / cost if cost > 0 else float("inf")

    return ratio


def added(variant: str, *, base: str, parts: int = 1) -> Statistic:
    """What `variant` adds to `base` in the same round, for each of so many parts; the median of the rounds."""
    return lambda rounds: statistics.median(one[variant] - one[base] for one in rounds) / parts


def quotient(variant: str, *, over: str) -> Statistic:
    """All that `variant` costs, as a multiple of all that `over` costs in the same round; the median of the rounds."""
    return lambda rounds: statistics.median(one[variant] / one[over] for one in rounds)


def medians(rounds: Sequence[Round]) -> dict[str, float]:
    """What each variant cost, the median of the rounds."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def interval(statistic: Statistic, rounds: Sequence[Round]) -> tuple[float, float]:
    """The 95 % confidence interval of a statistic: a percentile bootstrap over whole rounds."""
    draw = random.Random(SEED)  # noqa: S311 - statistics, not secrets
    found = sorted(statistic(draw.choices(rounds, k=len(rounds))) for _ in range(RESAMPLES))
    outside = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return found[outside], found[-1 - outside]
