"""The comparison of two results: a row for each goal and number, each with a word, and what they come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from benchmarks.judging.measures import LABELS, is_time
from benchmarks.results.results import Provenance
from instrumentation.exits import ExitCode, worst


class Word(StrEnum):
    """What a row comes to."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    """No difference was shown, and one could have been."""
    INCONCLUSIVE = "inconclusive"
    """Nothing can be said yet."""
    NOT_COMPARABLE = "not comparable"
    """The two sides did not measure the same thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a difference must exceed to matter: both of these."""

    relative: float = 0.0
    """As a share of the baseline's value."""
    absolute: float = 0.0
    """In the unit of the number."""

    def is_exceeded(self, baseline: float, current: float) -> bool:
        """Whether the two differ by more than this."""
        difference = abs(current - baseline)
        return difference > self.absolute and difference > self.relative * abs(baseline)

    def to_dict(self) -> dict[str, float]:
        """JSON-ready fields."""
        return {"relative": self.relative, "absolute": self.absolute}

    def __str__(self) -> str:
        """As in `10 % and 0.02`."""
        share = f"{100 * self.relative:g} %" if self.relative else ""
        return " and ".join(filter(None, [share, f"{self.absolute:g}" if self.absolute else ""])) or "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a row."""

    n: int
    """Of how many attempts."""
    value: float | None
    """Their mean, or the share that passed; `None` where none is known."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {"n": self.n, "value": self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number of one goal, of one tier or of all goals, on both sides."""

    goal_id: str | None
    """`None` for a tier and for all goals."""
    tier: str | None
    """`None` for all goals."""
    metric: str
    """pass_rate, or the name of a measure."""
    word: Word
    reason: str
    """Why, in words."""
    baseline: Side
    current: Side
    threshold: Threshold | None = None
    """What the difference had to exceed; `None` where any difference counts, and where nothing was compared."""
    p_value: float | None = None
    """How often chance alone gives as much, after Holm's correction; `None` where nothing was tested."""
    repeats_needed: int | None = None
    """How many attempts a side would do, where there are too few to decide."""

    @property
    def where(self) -> str:
        """The goal's id, or what else it is about."""
        return self.goal_id or (f"tier {self.tier}" if self.tier else "all goals")

    @property
    def label(self) -> str:
        """The number as people read it."""
        return LABELS[self.metric]

    @property
    def difference(self) -> float | None:
        """Current less baseline; `None` where a side is not known."""
        if self.baseline.value is None or self.current.value is None:
            return None
        return self.current.value - self.baseline.value

    @property
    def ratio(self) -> float | None:
        """Current by baseline; `None` where a side is not known, and beside a baseline of 0."""
        if self.current.value is None or not self.baseline.value:
            return None
        return self.current.value / self.baseline.value

    @property
    def exit_code(self) -> ExitCode:
        """2 for worse; 3 where nothing can be said, but of time: few machines are quiet enough to insist on that."""
        if self.word is Word.WORSE:
            return ExitCode.REGRESSION
        undecided = self.word in (Word.INCONCLUSIVE, Word.NOT_COMPARABLE)
        return ExitCode.INCONCLUSIVE if undecided and not is_time(self.metric) else ExitCode.OK

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "goal_id": self.goal_id,
            "tier": self.tier,
            "metric": self.metric,
            "word": self.word.value,
            "reason": self.reason,
            "baseline": self.baseline.to_dict(),
            "current": self.current.to_dict(),
            "difference": self.difference,
            "ratio": self.ratio,
            "threshold": self.threshold.to_dict() if self.threshold else None,
            "p_value": self.p_value,
            "repeats_needed": self.repeats_needed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of a baseline."""

    baseline: Provenance
    current: Provenance
    rows: Sequence[Row]
    """Of the goals that both have, in the order of the current ones; then of tiers, then of all goals."""
    added: Sequence[str] = ()
    """Goals that the baseline does not have."""
    missing: Sequence[str] = ()
    """Goals that only the baseline has, though they were asked for: as bad as a worse one."""

    def of(self, word: Word) -> list[Row]:
        """The rows with this word."""
        return [row for row in self.rows if row.word is word]

    @property
    def exit_code(self) -> ExitCode:
        """2 where something is worse or missing, else 3 where something cannot be said."""
        missing = [ExitCode.REGRESSION] if self.missing else []
        return worst([*missing, *(row.exit_code for row in self.rows)])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "baseline": {"session_id": self.baseline.session_id, "started_at": self.baseline.started_at},
            "rows": [row.to_dict() for row in self.rows],
            "added": list(self.added),
            "missing": list(self.missing),
            "exit_code": int(self.exit_code),
        }


class Why(NamedTuple):
    """Why a row is worse."""

    findings: Sequence[str]
    """In words: where the two traces diverge, and what that took."""
    compare_url: str | None = None
    """Where Jaeger shows both traces side by side."""


WhyOf = Mapping[tuple[str, str], Why]
"""By the goal and the name of the number."""
