"""The verdict on one attempt, by the goal's criteria.

error   nothing can be said of the goal: the harness broke, the model could not be reached, tokens are not known
fail    a criterion does not hold
pass    every criterion holds
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks.goals import Goal
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import RunResult, StopReason


class VerdictWord(StrEnum):
    """What a verdict comes to."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    ERROR = "error"


class Cause(StrEnum):
    """Why a verdict is an error."""

    HARNESS = "harness"
    """The attempt raised: the benchmark, a tool's registration or the set-up is broken."""
    MODEL_ERROR = "model_error"
    """The provider could not be reached or refused to answer."""
    UNMEASURED_TOKENS = "unmeasured_tokens"
    """Answered calls came without token counts, so that no budget can be judged."""
    INCOMPLETE_NUMBERS = "incomplete_numbers"
    """The run's own counts and its spans differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that has to hold, and how far it is from not holding."""

    name: str
    passed: bool
    text: str
    """With the headroom, such as `iterations 3 of <5`."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {"name": self.name, "passed": self.passed, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict, with every criterion; there are none when the harness broke."""

    word: VerdictWord
    criteria: tuple[Criterion, ...] = ()
    cause: Cause | None = None
    """Of an error."""

    @property
    def reasons(self) -> list[str]:
        """What stands against a pass, in words."""
        failed = [criterion.text for criterion in self.criteria if not criterion.passed]
        return ([f"cause {self.cause.value}"] if self.cause else []) + failed


def judge(goal: Goal, result: RunResult) -> Verdict:
    """Judge a run that has ended."""
    criteria = (
        _expected("status", result.status.value, goal.status.value),
        _expected("stop_reason", result.stop_reason.value, goal.stop_reason.value),
        _answered(goal, result.output),
        _below("iterations", result.metrics.iterations, goal.tier.budget.iterations),
        _below("tokens", result.metrics.tokens_used, goal.tier.budget.tokens),
        _within_limit(result.metrics.iterations, goal.max_iterations),
    )
    cause = _cause(goal, result)
    if cause is not None:
        return Verdict(word=VerdictWord.ERROR, criteria=criteria, cause=cause)
    passed = all(criterion.passed for criterion in criteria)
    return Verdict(word=VerdictWord.PASS if passed else VerdictWord.FAIL, criteria=criteria)


def harness_error() -> Verdict:
    """The verdict on an attempt that raised."""
    return Verdict(word=VerdictWord.ERROR, cause=Cause.HARNESS)


def worst(words: Iterable[VerdictWord]) -> VerdictWord | None:
    """What several attempts come to: fail before error before pass; `None` for none."""
    order = (VerdictWord.FAIL, VerdictWord.ERROR, VerdictWord.PASS)
    return min(words, key=order.index, default=None)


def headroom(metrics: PerformanceMetrics, goal: Goal) -> tuple[str, str]:
    """Iterations and tokens beside their budgets, such as `3 of <5`."""
    budget = goal.tier.budget
    return _beside(metrics.iterations, budget.iterations), _beside(metrics.tokens_used, budget.tokens)


def _cause(goal: Goal, result: RunResult) -> Cause | None:
    if result.stop_reason is StopReason.MODEL_ERROR and goal.stop_reason is not StopReason.MODEL_ERROR:
        return Cause.MODEL_ERROR
    if result.metrics.complete is False:
        return Cause.INCOMPLETE_NUMBERS
    return Cause.UNMEASURED_TOKENS if result.metrics.unmeasured_api_calls else None


def _expected(name: str, value: str, expected: str) -> Criterion:
    label, passed = name.replace("_", " "), value == expected
    return Criterion(name=name, passed=passed, text=f"{label} {value}{'' if passed else f', expected {expected}'}")


def _answered(goal: Goal, output: str) -> Criterion:
    passed, reason = goal.check.judge(output)
    return Criterion(name="answer", passed=passed, text=f"answer {reason}")


def _below(name: str, value: int | None, bound: int) -> Criterion:
    return Criterion(name=name, passed=value is not None and value < bound, text=f"{name} {_beside(value, bound)}")


def _within_limit(iterations: int, limit: int) -> Criterion:
    return Criterion(
        name="max_iterations", passed=iterations <= limit, text=f"max_iterations {iterations} of <={limit}"
    )


def _beside(value: int | None, bound: int) -> str:
    return f"{'-' if value is None else format(value, ',')} of <{bound:,}"
