"""The verdict on one attempt, by the goal's criteria.

error   nothing can be said of the goal: the harness or the check broke, the model could not be reached or answers from
        recordings that are out of date, tokens are not known, what may be spent is spent
fail    a criterion does not hold
pass    every criterion holds

An agent has no iterations and no stop reason: what is said of them is left out, and it has to complete its run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks.formats import count, printable
from benchmarks.subjects.subject import Outcome
from benchmarks.suite.facts import GoalFacts
from benchmarks.suite.goals import Goal
from instrumentation.rendering.quantities import UNKNOWN
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import Status, StopReason
from nanoagent.redaction.redactor import redacted


class VerdictWord(StrEnum):
    """What a verdict comes to."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    ERROR = "error"


class Cause(StrEnum):
    """Why a verdict is an error."""

    HARNESS = "harness"
    """The attempt raised: the benchmark, a tool's registration or the set-up is broken."""
    CHECK = "check"
    """The check of the answer raised, or said neither yes nor no."""
    MODEL_ERROR = "model_error"
    """The provider could not be reached or refused to answer."""
    UNMEASURED_TOKENS = "unmeasured_tokens"
    """Answered calls came without token counts, so that no budget can be judged."""
    INCOMPLETE_NUMBERS = "incomplete_numbers"
    """The run's own counts and its spans differ."""
    STALE_TRANSCRIPT = "stale_transcript"
    """A replayed model was asked for what no recording answers."""
    COST_LIMIT = "cost_limit"
    """A call was not made, as it might have cost more than is left of what may be spent."""


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
    raised: Exception | None = None
    """What the check raised."""

    @property
    def reasons(self) -> list[str]:
        """What stands against a pass, in words."""
        failed = [criterion.text for criterion in self.criteria if not criterion.passed]
        return ([f"cause {self.cause.value}"] if self.cause else []) + failed


def judge(goal: Goal, outcome: Outcome) -> Verdict:
    """Judge a run that has ended."""
    raised: Exception | None = None
    try:
        passed, reason = goal.check.judge(outcome.output)
    except Exception as error:  # a check may be a user's own
        passed, reason, raised = False, f"not judged: its check raised {type(error).__name__}", error
    answer = Criterion(name="answer", passed=passed, text=f"answer {redacted(printable(reason))}")
    criteria = (_ended(goal, outcome), *_stopped(goal, outcome), answer, *_budgets(goal, outcome.metrics))
    cause = _cause(goal, outcome) or (None if raised is None else Cause.CHECK)
    if cause is not None:
        return Verdict(word=VerdictWord.ERROR, criteria=criteria, cause=cause, raised=raised)
    holds = all(criterion.passed for criterion in criteria)
    return Verdict(word=VerdictWord.PASS if holds else VerdictWord.FAIL, criteria=criteria)


def harness_error() -> Verdict:
    """The verdict on an attempt that raised."""
    return Verdict(word=VerdictWord.ERROR, cause=Cause.HARNESS)


def worst(words: Iterable[VerdictWord]) -> VerdictWord | None:
    """What several attempts come to: fail before error before pass; `None` for none."""
    order = (VerdictWord.FAIL, VerdictWord.ERROR, VerdictWord.PASS)
    return min(words, key=order.index, default=None)


def headroom(metrics: PerformanceMetrics, goal: GoalFacts) -> tuple[str, str]:
    """Iterations and tokens beside their budgets, such as `3 of <5`; a dash for an agent's iterations."""
    budget = goal.budget
    iterations = UNKNOWN if metrics.iterations is None else _beside(metrics.iterations, budget.iterations)
    return iterations, _beside(metrics.tokens_used, budget.tokens)


def expected_of_agent(goal: Goal | GoalFacts) -> Status:
    """How the run of an agent should end: it completes, or it fails where failing is what is expected."""
    return Status.FAILED if goal.status is Status.FAILED else Status.COMPLETED


def _cause(goal: Goal, outcome: Outcome) -> Cause | None:
    if outcome.cause is not None:
        return Cause(outcome.cause.value)
    if outcome.model_failed and goal.stop_reason is not StopReason.MODEL_ERROR:
        return Cause.MODEL_ERROR
    if outcome.metrics.complete is False:
        return Cause.INCOMPLETE_NUMBERS
    return Cause.UNMEASURED_TOKENS if outcome.metrics.unmeasured_api_calls else None


def _ended(goal: Goal, outcome: Outcome) -> Criterion:
    expected = expected_of_agent(goal) if outcome.stop_reason is None else goal.status
    status = outcome.status.value + (f" ({outcome.note})" if outcome.note else "")
    return _expected("status", status, expected.value, passed=outcome.status is expected)


def _stopped(goal: Goal, outcome: Outcome) -> list[Criterion]:
    if outcome.stop_reason is None:
        return []
    reason, expected = outcome.stop_reason, goal.stop_reason
    return [_expected("stop_reason", reason.value, expected.value, passed=reason is expected)]


def _budgets(goal: Goal, metrics: PerformanceMetrics) -> list[Criterion]:
    tokens = _below("tokens", metrics.tokens_used, goal.tier.budget.tokens)
    if metrics.iterations is None:
        return [tokens]
    limit = goal.max_iterations
    return [
        _below("iterations", metrics.iterations, goal.tier.budget.iterations),
        tokens,
        Criterion(
            name="max_iterations",
            passed=metrics.iterations <= limit,
            text=f"max_iterations {metrics.iterations} of <={limit}",
        ),
    ]


def _expected(name: str, value: str, expected: str, *, passed: bool) -> Criterion:
    label = name.replace("_", " ")
    return Criterion(name=name, passed=passed, text=f"{label} {value}{'' if passed else f', expected {expected}'}")


def _below(name: str, value: int | None, bound: int) -> Criterion:
    return Criterion(name=name, passed=value is not None and value < bound, text=f"{name} {_beside(value, bound)}")


def _beside(value: int | None, bound: int) -> str:
    return f"{count(value)} of <{bound:,}"
