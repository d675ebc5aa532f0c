"""The plan of a benchmark: which attempts are to be made, and which an interrupted run has made already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from benchmarks.comparing.comparability import is_same_machine
from benchmarks.formats import quoted
from benchmarks.judging.outcomes import meaning_of
from benchmarks.request import Request
from benchmarks.results import provenance
from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.reading import has_head, read_attempts
from benchmarks.results.results import CLUSTER, Attempt, Part, Provenance, Results, results_of
from benchmarks.results.sameness import OF_SHARDS, differences
from benchmarks.sharding import keys_of
from benchmarks.subjects.subject import Subject
from benchmarks.suite.facts import GoalFacts, facts_of
from benchmarks.suite.goals import Goal
from nanoagent.errors import ConfigurationError
from nanoagent.tools.builtin import register_builtin_tools
from nanoagent.tools.registry import ToolRegistry

ROOT: Final = Path(__file__).parents[1]
"""The checkout."""
_RESUME: Final = "--resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which attempts are to be made."""

    provenance: Provenance
    goals: Sequence[Goal]
    kept: Sequence[Attempt] = ()
    """Those that are made already."""

    @property
    def facts(self) -> list[GoalFacts]:
        """The goals as results keep them."""
        return [facts_of(goal) for goal in self.goals]

    @property
    def work(self) -> list[tuple[Goal, int]]:
        """The attempts that are left: the first ones of all goals, then the second ones."""
        dealt = set(keys_of(self.goals, self.provenance.repeat, self.provenance.shard))
        left = dealt - {(attempt.goal_id, attempt.number) for attempt in self.kept}
        numbers = range(1, self.provenance.repeat + 1)
        return [(goal, number) for number in numbers for goal in self.goals if (goal.id, number) in left]

    def results(self, attempts: Sequence[Attempt], *, interrupted: bool) -> Results:
        """The results with these attempts beside those that were kept."""
        ended_at = now()
        # What came to no end before has come to it now.
        parts = tuple(replace(part, ended_at=part.ended_at or ended_at) for part in self.provenance.parts)
        ended = replace(self.provenance, ended_at=ended_at, parts=parts)
        return results_of(ended, self.facts, [*self.kept, *attempts], interrupted=interrupted)


def new_plan(request: Request, subject: Subject) -> Plan:
    """The plan of a run that starts now."""
    commit, dirty = provenance.commit(ROOT)
    source = Provenance(
        session_id=uuid4().hex[:12],
        model=subject.name,
        token_source=subject.token_source,
        concurrency=request.concurrency,
        repeat=request.repeat,
        settings=request.settings,
        commit=commit,
        dirty=dirty,
        changes=provenance.changes(ROOT),
        packages=provenance.packages(),
        machine=provenance.machine(),
        started_at=now(),
        tools=() if request.agent else _builtin_tools(),
        agent=request.agent,
        goals_file=request.goals_file,
        shard=request.shard,
        engine=CLUSTER if request.ray_address else request.engine,
    )
    return Plan(provenance=source, goals=request.goals)


def _builtin_tools() -> tuple[str, ...]:
    registry = ToolRegistry()
    register_builtin_tools(registry)
    return tuple(sorted(registry.list_names()))


def resumed(plan: Plan, directory: Path, *, retry_errors: bool) -> Plan:
    """The plan with what an interrupted run of the same plan has made.

    Args:
        plan: What is asked for now.
        directory: Where the interrupted run left its attempts.
        retry_errors: Whether attempts that say nothing of their goal are made again.

    Raises:
        ConfigurationError: There is no such run, or it is one of something else.
    """
    shard = plan.provenance.shard
    path = AttemptsFile(directory, shard).path
    if shard is not None and not has_head(path):
        return plan  # whoever starts shards again starts all of them with the same command, also one that never began
    found = read_attempts(path, f"{_RESUME} needs the attempts of a run", "leave it out to start anew")
    more = () if shard is None else OF_SHARDS
    for what, was, is_now in differences(found.provenance, found.goals, plan.provenance, plan.facts, more=more):
        raise ConfigurationError(
            f"{_RESUME} goes on with the same benchmark only, got {what} {quoted(is_now)} where {str(path)!r} has "
            f"{quoted(was)}; ask for the same as before, or leave {_RESUME} out to start anew"
        )
    kept = [attempt for attempt in found.attempts if not (retry_errors and meaning_of(attempt).is_retried)]
    beyond = max((attempt.number for attempt in kept), default=0)
    if beyond > plan.provenance.repeat:
        raise ConfigurationError(
            f"{_RESUME} cannot take attempts away: {str(path)!r} has {beyond} of a goal, got --repeat "
            f"{plan.provenance.repeat}; ask for --repeat {beyond} or more"
        )
    source = replace(_going_on(found.provenance, plan.provenance), repeat=plan.provenance.repeat)
    return replace(plan, provenance=source, kept=kept)


def _going_on(before: Provenance, now: Provenance) -> Provenance:
    """The provenance of a run that goes on: on a machine like none before, a part of its own begins."""
    if any(is_same_machine(part.machine, now.machine) for part in before.all_parts):
        return before
    part = Part(shard=before.shard, session_id=before.session_id, machine=now.machine, started_at=now.started_at)
    return replace(before, parts=(*before.all_parts, part))


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
