"""Results that were really measured, on the scripted model."""

import random
from collections.abc import Sequence
from typing import Any

from benchmarks.results.results import Results, results_of
from benchmarks.subjects.models import subject_named
from benchmarks.suite.facts import facts_of
from benchmarks.suite.goals import GOALS, Goal
from instrumentation.testing import Capture
from tests.benchmarks.attempted import attempted
from tests.benchmarks.results_made import provenance

SOME = tuple(goal for goal in GOALS if goal.id in ("addition", "weekday", "squares"))
"""Goals that need `calculate` once, not at all and often."""


class Clock:
    """Time that passes at each look, now faster, now slower, and where it is told to."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - statistics, not secrets
        self._ns = 0

    def now_ns(self) -> int:
        """A millisecond or several after the last look."""
        self.spend(self._draw.lognormvariate(-6, 0.5))
        return self._ns

    def spend(self, seconds: float) -> None:
        """Let so much time pass."""
        self._ns += round(seconds * 1_000_000_000)


async def measured(
    goals: Sequence[Goal] = SOME, *, repeat: int = 1, clock: Clock | None = None, **source: Any
) -> Results:
    """Attempt these goals so often."""
    timed: dict[str, Any] = {"make_clock": lambda: clock} if clock else {}
    done = await attempted(subject_named("scripted"), goals, repeat=repeat, tracer_provider=Capture().provider, **timed)
    return results_of(provenance(repeat=repeat, **source), [facts_of(goal) for goal in goals], done)
