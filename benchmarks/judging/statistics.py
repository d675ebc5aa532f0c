"""The statistics of attempts: how often they passed, how their numbers lie, and how sure that is.

An attempt counts where its ending is a measurement (`benchmarks.judging.outcomes`), and a number that is not known is
left out, never taken for 0.

pass rate   passed / n. Its interval is Wilson's (1927), which stays between 0 and 1 and holds at a handful of attempts.
            Over several goals it is a little too wide, as the goals are no random ones.
pass^k      the chance that k attempts at a goal all pass, estimated without bias by C(passed, k) / C(n, k): the
            estimator of tau-bench (2024), after that of pass@k (HumanEval, 2021). Over several goals, their mean.
deviation   of the sample, over n - 1; not known for one attempt.
mean        with Student's interval (1908). A bootstrap is far too narrow for as few attempts as one makes: of five
            that are skewed as times are, its BCa interval of 95 % holds the true mean in 81 %, Student's in 91 %.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any, Final, NamedTuple, TypeVar

from benchmarks.judging.measures import MEASURES, Kind, Measure
from benchmarks.judging.outcomes import Judged, meaning_of
from benchmarks.judging.verdict import VerdictWord

CONFIDENCE: Final = 0.95
_Judged = TypeVar("_Judged", bound=Judged)


class Interval(NamedTuple):
    """A confidence interval of 95 %."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many of the attempts that say something of their goal passed."""

    passed: int
    n: int
    """1 or more."""

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.passed / self.n

    def interval(self) -> Interval:
        """Wilson's interval of the share."""
        from scipy.stats import binomtest  # type: ignore[import-untyped]

        found = binomtest(self.passed, self.n).proportion_ci(CONFIDENCE, method="wilson")
        return Interval(float(found.low), float(found.high))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {"passed": self.passed, "n": self.n, "share": self.share, **_ends(self.interval())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How the values of one number lie."""

    n: int
    """1 or more."""
    mean: float
    deviation: float | None
    """`None` for one value."""
    least: float
    median: float
    greatest: float

    def interval(self) -> Interval | None:
        """Student's interval of the mean; `None` for one value. It has no width where all values are alike."""
        if self.deviation is None:
            return None
        if self.deviation == 0:
            return Interval(self.mean, self.mean)
        from scipy.stats import t

        low, high = t.interval(CONFIDENCE, self.n - 1, loc=self.mean, scale=self.deviation / math.sqrt(self.n))
        return Interval(float(low), float(high))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "n": self.n,
            "mean": self.mean,
            "deviation": self.deviation,
            "min": self.least,
            "median": self.median,
            "max": self.greatest,
            **_ends(self.interval()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the attempts at one goal, or at several, come to."""

    attempts: int
    """All of them, whatever they are worth."""
    rate: Rate | None
    """`None` while none of them says anything of its goal."""
    repeat: int
    """The k of pass^k."""
    pass_hat_k: float | None
    """The chance that k attempts all pass; `None` where no goal has as many that say something of it."""
    summaries: Mapping[str, Summary | None]
    """By the name of the measure; `None` where it is not known of any attempt."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; the intervals take a library that is slow to load."""
        return {
            "attempts": self.attempts,
            "pass_rate": self.rate.to_dict() if self.rate else None,
            "repeat": self.repeat,
            "pass_hat_k": self.pass_hat_k,
            "measures": {name: one.to_dict() if one else None for name, one in self.summaries.items()},
        }


def statistics_of(goals: Sequence[Sequence[Judged]], repeat: int) -> Statistics:
    """The statistics of all attempts at these goals.

    Args:
        goals: The attempts at each goal; one goal for the statistics of that alone.
        repeat: The k of pass^k.
    """
    attempts = [attempt for goal in goals for attempt in goal]
    chances = [chance for goal in goals if (chance := all_pass(scores(goal), repeat)) is not None]
    return Statistics(
        attempts=len(attempts),
        rate=rate_of(attempts),
        repeat=repeat,
        pass_hat_k=fmean(chances) if chances else None,
        summaries={measure.name: summary_of(known(measure, attempts)) for measure in MEASURES},
    )


def scores(attempts: Sequence[Judged]) -> list[bool]:
    """Whether each attempt passed, of those that say something of their goal."""
    return [attempt.verdict.word is VerdictWord.PASS for attempt in measuring(Kind.SCORE, attempts)]


def rate_of(attempts: Sequence[Judged]) -> Rate | None:
    """How often they passed; `None` while none of them says anything of its goal."""
    passed = scores(attempts)
    return Rate(passed=sum(passed), n=len(passed)) if passed else None


def measuring(kind: Kind, attempts: Sequence[_Judged]) -> list[_Judged]:
    """The attempts that are a measurement of this."""
    return [attempt for attempt in attempts if kind in meaning_of(attempt).measures]


def known(measure: Measure, attempts: Sequence[Judged]) -> list[float]:
    """The values of a measure that are known."""
    values = [measure.of(attempt.metrics) for attempt in measuring(measure.kind, attempts)]
    return [value for value in values if value is not None]


def summary_of(values: Sequence[float]) -> Summary | None:
    """How these values lie; `None` for none."""
    if not values:
        return None
    return Summary(
        n=len(values),
        mean=fmean(values),
        deviation=stdev(values) if len(values) > 1 else None,
        least=min(values),
        median=median(values),
        greatest=max(values),
    )


def all_pass(passed: Sequence[bool], k: int) -> float | None:
    """The chance that k attempts all pass, estimated from those that were made; `None` where these are fewer than k."""
    if len(passed) < k:
        return None
    return math.comb(sum(passed), k) / math.comb(len(passed), k)


def _ends(interval: Interval | None) -> dict[str, float | None]:
    return {"low": interval.low, "high": interval.high} if interval else {"low": None, "high": None}
