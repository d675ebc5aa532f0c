"""The results of a benchmark run, as data; everything that is written or printed is made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from annotated_types import Ge

from benchmarks.judging.statistics import statistics_of
from benchmarks.judging.verdict import Verdict, VerdictWord, worst
from benchmarks.results.verification import Verification
from benchmarks.sharding import Key, Shard, keys_of
from benchmarks.suite.facts import GoalFacts
from nanoagent.core.performance import PerformanceMetrics

SCHEMA_VERSION: Final = 2
"""Of results.json and attempts.jsonl; it rises when a field changes its meaning or goes."""
CLUSTER: Final = "ray cluster"
"""The engine whose machines are not this one."""


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

    goal: GoalFacts
    attempts: Sequence[Attempt]
    """In the order of their numbers; empty when the run was interrupted before one ended."""

    @property
    def verdict(self) -> VerdictWord | None:
        """`None` while there is no attempt."""
        return worst(attempt.verdict.word for attempt in self.attempts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        last = self.attempts[-1] if self.attempts else None
        return {
            **goal_to_dict(self.goal),
            "verdict": self.verdict.value if self.verdict else None,
            "checks": [criterion.to_dict() for criterion in last.verdict.criteria] if last else [],
            "attempts": [attempt.to_dict() for attempt in self.attempts],
        }


def goal_to_dict(goal: GoalFacts) -> dict[str, Any]:
    """JSON-ready fields of a goal alone."""
    return {
        "id": goal.id,
        "tier": goal.tier.value,
        "goal": goal.text,
        "expected": {"status": goal.status.value, "stop_reason": goal.stop_reason.value, "answer": goal.check},
        "limits": {"max_iterations": goal.max_iterations, "timeout_s": goal.timeout_s},
        "budget": asdict(goal.budget),
        "extra_tools": list(goal.tools),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of results that were put together: what one shard measured, or a run that went on on another machine."""

    shard: Shard | None
    """`None` where it is none of a shard."""
    session_id: str
    """On every trace of the part, as an attribute of its root."""
    machine: Mapping[str, str | int | None]
    started_at: str
    """UTC, ISO 8601."""
    ended_at: str | None = None
    """`None` while it goes on, and where it came to no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What was measured, on what, and when."""

    session_id: str
    """On every trace of the run, as an attribute of its root; of merged results on those of attempts made since."""
    model: str
    """The model, or `agent` with what `--agent` names and the agent's model."""
    token_source: str
    """counted, approximate or provider."""
    concurrency: Annotated[int, Ge(1)]
    repeat: Annotated[int, Ge(1)]
    """How often every goal is to be attempted."""
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
    ended_at: str | None = None
    """`None` while the run goes on, and where it was killed."""
    changes: str | None = None
    """SHA-256 of what differs from the commit; `None` where nothing does."""
    tools: tuple[str, ...] = ()
    """The built-in ones, which every goal offers; none for an agent, which has its own."""
    agent: str | None = None
    """What `--agent` names; `None` when the benchmark's own orchestrator is measured."""
    goals_file: str | None = None
    """What `--goals` names; `None` for the benchmark's own goals."""
    shard: Shard | None = None
    """Which attempts are made here; `None` for all of them."""
    engine: str | None = None
    """What made the attempts: `ray`, processes on this machine, or `ray cluster`; `None` for one process."""
    parts: tuple[Part, ...] = ()
    """What the results were put together from; empty where one process made all attempts."""

    @property
    def all_parts(self) -> tuple[Part, ...]:
        """The parts; one for all where they were not put together."""
        whole = Part(
            shard=self.shard,
            session_id=self.session_id,
            machine=self.machine,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )
        return self.parts or (whole,)

    @property
    def open_shards(self) -> set[Shard]:
        """The shards that came to no end."""
        shards = {part.shard for part in self.parts if part.shard is not None}
        return shards - {part.shard for part in self.parts if part.ended_at is not None}


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
    def attempts(self) -> list[tuple[GoalFacts, Attempt]]:
        """All attempts, beside their goals."""
        return [(results.goal, attempt) for results in self.goals for attempt in results.attempts]

    @property
    def trace_ids(self) -> list[str]:
        """Of the attempts that were traced."""
        return [attempt.trace_id for _, attempt in self.attempts if attempt.trace_id]

    @property
    def planned(self) -> Sequence[Key]:
        """The attempts that there are when none is missing."""
        return keys_of([row.goal for row in self.goals], self.provenance.repeat, self.provenance.shard)

    @property
    def planned_attempts(self) -> int:
        """How many attempts there are when none is missing."""
        return len(self.planned)

    @property
    def made(self) -> set[Key]:
        """The attempts that there are."""
        return {(goal.id, attempt.number) for goal, attempt in self.attempts}

    @property
    def complete(self) -> bool:
        """Whether every goal was attempted as often as it should be, and every shard came to its end."""
        return not self.provenance.open_shards and self.made.issuperset(self.planned)

    @property
    def has_iterations(self) -> bool:
        """Whether what was measured works in iterations; an agent does not."""
        iterations = (attempt.metrics.iterations for row in self.goals for attempt in row.attempts)
        first = next(iterations, 0)
        return first is not None or any(one is not None for one in iterations)

    def to_dict(self) -> dict[str, Any]:
        """The content of results.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "provenance": asdict(self.provenance),
            "verification": self.verification.to_dict() if self.verification else None,
            "goals": [goal.to_dict() for goal in self.goals],
            "statistics": self._statistics() if self.provenance.repeat > 1 else None,
        }

    def _statistics(self) -> dict[str, Any]:
        """What the attempts come to: at each goal, in each tier and taken together."""
        repeat = self.provenance.repeat
        tiers = dict.fromkeys(row.goal.tier for row in self.goals)
        of_tier = {tier: [row.attempts for row in self.goals if row.goal.tier is tier] for tier in tiers}
        return {
            "goals": {row.goal.id: statistics_of([row.attempts], repeat).to_dict() for row in self.goals},
            "tiers": {tier.value: statistics_of(goals, repeat).to_dict() for tier, goals in of_tier.items()},
            "all": statistics_of([row.attempts for row in self.goals], repeat).to_dict(),
        }


def results_of(
    provenance: Provenance, goals: Sequence[GoalFacts], attempts: Sequence[Attempt], *, interrupted: bool = False
) -> Results:
    """Results of these attempts, which may come in any order.

    Raises:
        KeyError: An attempt is of none of the goals.
    """
    by_goal: dict[str, list[Attempt]] = {goal.id: [] for goal in goals}
    for attempt in sorted(attempts, key=lambda one: one.number):
        by_goal[attempt.goal_id].append(attempt)
    rows = [GoalResults(goal=goal, attempts=by_goal[goal.id]) for goal in goals]
    return Results(provenance=provenance, goals=rows, interrupted=interrupted)


def head_of(provenance: Provenance, goals: Sequence[GoalFacts]) -> dict[str, Any]:
    """The first line of attempts.jsonl: what is to be attempted, on what."""
    return {
        "schema_version": SCHEMA_VERSION,
        "provenance": asdict(provenance),
        "goals": [goal_to_dict(goal) for goal in goals],
    }


def row_of(attempt: Attempt) -> dict[str, Any]:
    """Each further line of attempts.jsonl: an attempt that has ended."""
    return {"id": attempt.goal_id, **attempt.to_dict()}


def end_of(results: Results) -> dict[str, Any]:
    """The last line of the file of a shard: all its attempts are made."""
    return {
        "type": "end",
        "ended_at": results.provenance.ended_at,
        "attempts": len(results.attempts),
        "verification": results.verification.to_dict() if results.verification else None,
    }
