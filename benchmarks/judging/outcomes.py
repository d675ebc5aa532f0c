"""The table of endings: whose doing each is, what it is a measurement of, and whether another attempt is made.

An attempt that fails has one cause, the first of these that holds:

1. limit          a limit cut it off: iterations, tokens, cost, tasks, time or a policy; a wrong answer may be of that
2. other_ending   it ended in another way than expected
3. wrong_answer   the check of the answer says no
4. over_budget    it took more iterations or tokens than the goal may

An error has the cause that its verdict says. A planned attempt that is not there was cancelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from benchmarks.judging.measures import Kind
from benchmarks.judging.verdict import Verdict, VerdictWord
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import Status, StopReason


class CauseKind(StrEnum):
    """Whose doing it is that a goal was not passed."""

    AGENT = "agent"
    """What is benchmarked: its prompts, its loop, its model's answers, its tools."""
    PROVIDER = "model provider"
    """Never moves the score."""
    HARNESS = "harness"
    """The benchmark, a check, a recording."""
    BUDGET = "budget"
    """What an attempt, or all of them, may use."""
    CANCELLED = "cancelled"
    """Whoever interrupted the run."""


class Ending(StrEnum):
    """How an attempt ended. Those of errors are called as the causes of verdicts are."""

    PASSED = "passed"
    LIMIT = "limit"
    OTHER_ENDING = "other_ending"
    WRONG_ANSWER = "wrong_answer"
    OVER_BUDGET = "over_budget"
    HARNESS = "harness"
    CHECK = "check"
    MODEL_ERROR = "model_error"
    UNMEASURED_TOKENS = "unmeasured_tokens"
    INCOMPLETE_NUMBERS = "incomplete_numbers"
    STALE_TRANSCRIPT = "stale_transcript"
    COST_LIMIT = "cost_limit"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an ending means."""

    kind: CauseKind | None = None
    """`None` for a pass."""
    measures: frozenset[Kind]
    """What an attempt that ended so is a measurement of."""
    is_retried: bool
    """Whether `--retry-errors` makes another attempt, as that may say what this one could not."""


_ALL: Final = frozenset(Kind)
_NOTHING: Final[frozenset[Kind]] = frozenset()


def _failure(kind: CauseKind) -> Meaning:
    return Meaning(kind=kind, measures=_ALL, is_retried=False)


def _error(kind: CauseKind, *, measures: frozenset[Kind] = _NOTHING, is_retried: bool = True) -> Meaning:
    return Meaning(kind=kind, measures=measures, is_retried=is_retried)


MEANINGS: Final[Mapping[Ending, Meaning]] = {
    Ending.PASSED: Meaning(measures=_ALL, is_retried=False),
    Ending.LIMIT: _failure(CauseKind.BUDGET),
    Ending.OTHER_ENDING: _failure(CauseKind.AGENT),
    Ending.WRONG_ANSWER: _failure(CauseKind.AGENT),
    Ending.OVER_BUDGET: _failure(CauseKind.BUDGET),
    Ending.HARNESS: _error(CauseKind.HARNESS),
    # The run was whole: only what its answer is worth is not known.
    Ending.CHECK: _error(CauseKind.HARNESS, measures=_ALL - {Kind.SCORE}),
    Ending.MODEL_ERROR: _error(CauseKind.PROVIDER),
    Ending.UNMEASURED_TOKENS: _error(CauseKind.PROVIDER, measures=frozenset({Kind.COUNTS, Kind.TIME})),
    Ending.INCOMPLETE_NUMBERS: _error(CauseKind.HARNESS),
    # The same request would find no recording again.
    Ending.STALE_TRANSCRIPT: _error(CauseKind.HARNESS, is_retried=False),
    Ending.COST_LIMIT: _error(CauseKind.BUDGET),
    Ending.CANCELLED: _error(CauseKind.CANCELLED),
}
"""The table."""

_LIMITS: Final = (
    StopReason.MAX_ITERATIONS,
    StopReason.TOKEN_BUDGET,
    StopReason.COST_BUDGET,
    StopReason.TASK_BUDGET,
    StopReason.TIME_BUDGET,
    StopReason.POLICY,
    # Nobody waits for an attempt that was interrupted: one that is there was cancelled by the goal's time limit.
    StopReason.CANCELLED,
)


class Judged(Protocol):
    """An attempt that is judged."""

    @property
    def verdict(self) -> Verdict:
        """The verdict on it."""

    @property
    def metrics(self) -> PerformanceMetrics:
        """Its numbers."""


def ending_of(attempt: Judged | None) -> Ending:
    """How an attempt ended.

    Args:
        attempt: `None` for one that was planned and is not there.
    """
    if attempt is None:
        return Ending.CANCELLED
    verdict = attempt.verdict
    if verdict.word is VerdictWord.PASS:
        return Ending.PASSED
    if verdict.word is VerdictWord.ERROR:
        return Ending(verdict.cause.value) if verdict.cause else Ending.HARNESS
    return _failed(verdict, attempt.metrics)


def meaning_of(attempt: Judged | None) -> Meaning:
    """What it means how an attempt ended."""
    return MEANINGS[ending_of(attempt)]


def _failed(verdict: Verdict, metrics: PerformanceMetrics) -> Ending:
    failed = {criterion.name for criterion in verdict.criteria if not criterion.passed}
    if failed & {"status", "stop_reason"}:
        return Ending.LIMIT if _was_cut_off(metrics) else Ending.OTHER_ENDING
    return Ending.WRONG_ANSWER if "answer" in failed else Ending.OVER_BUDGET


def _was_cut_off(metrics: PerformanceMetrics) -> bool:
    """Whether a limit ended the run; of an agent, which has no stop reasons, a budget or the goal's time limit."""
    if metrics.stop_reason is None:
        return metrics.status in (Status.CANCELLED, Status.INCOMPLETE)
    return metrics.stop_reason in _LIMITS
