"""The results of a benchmark run, as data; everything that is written or printed is made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.judging.verdict import Verdict, VerdictWord, worst
from benchmarks.results.verification import Verification
from benchmarks.suite.goals import Goal
from nanoagent.core.performance import PerformanceMetrics

SCHEMA_VERSION: Final = 1
"""Of results.json and attempts.jsonl; it rises when a field changes its meaning or goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of one goal, judged."""

    goal_id: str
    number: int
    """1-based."""
    verdict: Verdict
    metrics: PerformanceMetrics
    trace_id: str | None = None
    """`None` when it was not traced."""
    trace_url: str | None = None
    """Where Jaeger shows it; `None` when no Jaeger was chosen."""
    answer: str | None = None
    """The run's output, shortened; `None` when there is none."""
    error_type: str | None = None
    """Class of what the harness raised. Its message stays out: it may quote what nobody should keep."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "attempt": self.number,
            "trace_id": self.trace_id,
            "trace_url": self.trace_url,
            "verdict": self.verdict.word.value,
            "cause": self.verdict.cause.value if self.verdict.cause else None,
            "checks": [criterion.to_dict() for criterion in self.verdict.criteria],
            "answer": self.answer,
            "error_type": self.error_type,
            "metrics": self.metrics.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalResults:
    """A goal with its attempts."""

    goal: Goal
    attempts: Sequence[Attempt]
    """Empty when the run was interrupted before one ended."""

    @property
    def verdict(self) -> VerdictWord | None:
        """`None` while there is no attempt."""
        return worst(attempt.verdict.word for attempt in self.attempts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        last = self.attempts[-1] if self.attempts else None
        return {
            "id": self.goal.id,
            "tier": self.goal.tier.value,
            "goal": self.goal.text,
            "verdict": self.verdict.value if self.verdict else None,
            "checks": [criterion.to_dict() for criterion in last.verdict.criteria] if last else [],
            "expected": {
                "status": self.goal.status.value,
                "stop_reason": self.goal.stop_reason.value,
                "answer": self.goal.check.name,
            },
            "limits": {"max_iterations": self.goal.max_iterations, "timeout_s": self.goal.timeout_s},
            "budget": asdict(self.goal.tier.budget),
            "extra_tools": [tool.__name__ for tool in self.goal.tools],
            "attempts": [attempt.to_dict() for attempt in self.attempts],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What was measured, on what, and when."""

    session_id: str
    """On every trace of the run, as an attribute of its root."""
    model: str
    """The model, or `agent` with what `--agent` names and the agent's model."""
    token_source: str
    """counted, approximate or provider."""
    concurrency: int
    settings: Mapping[str, Any]
    """What the command line asked for."""
    commit: str | None
    """`None` outside of a git checkout."""
    dirty: bool | None
    """Whether files differ from the commit."""
    packages: Mapping[str, str | None]
    """Versions; `None` for one that is not installed."""
    machine: Mapping[str, str | int | None]
    started_at: str
    """UTC, ISO 8601."""
    ended_at: str
    agent: str | None = None
    """What `--agent` names; `None` when the benchmark's own orchestrator is measured."""
    goals_file: str | None = None
    """What `--goals` names; `None` for the benchmark's own goals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that a benchmark run found out."""

    provenance: Provenance
    goals: Sequence[GoalResults]
    """Every goal that was selected, in the order of the goals file."""
    interrupted: bool = False
    verification: Verification | None = None
    """What came of reading the traces back; `None` where that was not asked for."""

    @property
    def verdicts(self) -> list[VerdictWord]:
        """The verdicts of the goals that have one."""
        return [goal.verdict for goal in self.goals if goal.verdict is not None]

    @property
    def attempts(self) -> list[tuple[Goal, Attempt]]:
        """All attempts, beside their goals."""
        return [(results.goal, attempt) for results in self.goals for attempt in results.attempts]

    @property
    def has_iterations(self) -> bool:
        """Whether what was measured works in iterations; an agent does not."""
        iterations = [attempt.metrics.iterations for _, attempt in self.attempts]
        return not iterations or any(one is not None for one in iterations)

    def to_dict(self) -> dict[str, Any]:
        """The content of results.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "interrupted": self.interrupted,
            "provenance": asdict(self.provenance),
            "verification": self.verification.to_dict() if self.verification else None,
            "goals": [goal.to_dict() for goal in self.goals],
        }


def row_of(attempt: Attempt, goal: Goal, session_id: str) -> dict[str, Any]:
    """A row of attempts.jsonl."""
    return {
        "schema_version": SCHEMA_VERSION,
        "session_id": session_id,
        "id": goal.id,
        "tier": goal.tier.value,
        "goal": goal.text,
        **attempt.to_dict(),
    }
