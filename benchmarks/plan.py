"""The plan of a benchmark: which attempts are to be made, and which an interrupted run has made already."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from benchmarks.formats import quoted
from benchmarks.judging.outcomes import meaning_of
from benchmarks.request import Request
from benchmarks.results import provenance
from benchmarks.results.attempts_file import ATTEMPTS
from benchmarks.results.reading import read_attempts
from benchmarks.results.results import Attempt, Provenance, Results, goal_to_dict, results_of
from benchmarks.subjects.subject import Subject
from benchmarks.suite.facts import GoalFacts, facts_of
from benchmarks.suite.goals import Goal
from nanoagent.errors import ConfigurationError
from nanoagent.tools.builtin import register_builtin_tools
from nanoagent.tools.registry import ToolRegistry

ROOT: Final = Path(__file__).parents[1]
"""The checkout."""
_RESUME: Final = "--resume"
_SAME: Final = ("model", "tools", "agent", "token_source", "concurrency", "commit", "changes")
"""Of the provenance: what must be as it was for a run to go on."""


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
        made = {(attempt.goal_id, attempt.number) for attempt in self.kept}
        numbers = range(1, self.provenance.repeat + 1)
        return [(goal, number) for number in numbers for goal in self.goals if (goal.id, number) not in made]

    def results(self, attempts: Sequence[Attempt], *, interrupted: bool) -> Results:
        """The results with these attempts beside those that were kept."""
        ended = replace(self.provenance, ended_at=now())
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
    path = directory / ATTEMPTS
    found = read_attempts(path, f"{_RESUME} needs the attempts of a run", "leave it out to start anew")
    for what, before, now_ in _differences(plan, found.provenance, found.goals):
        raise ConfigurationError(
            f"{_RESUME} goes on with the same benchmark only, got {what} {quoted(now_)} where {str(path)!r} has "
            f"{quoted(before)}; ask for the same as before, or leave {_RESUME} out to start anew"
        )
    kept = [attempt for attempt in found.attempts if not (retry_errors and meaning_of(attempt).is_retried)]
    beyond = max((attempt.number for attempt in kept), default=0)
    if beyond > plan.provenance.repeat:
        raise ConfigurationError(
            f"{_RESUME} cannot take attempts away: {str(path)!r} has {beyond} of a goal, got --repeat "
            f"{plan.provenance.repeat}; ask for --repeat {beyond} or more"
        )
    source = replace(found.provenance, repeat=plan.provenance.repeat)
    return replace(plan, provenance=source, kept=kept)


def _differences(plan: Plan, before: Provenance, goals: Sequence[GoalFacts]) -> Iterator[tuple[str, str, str]]:
    """What is asked for otherwise than before: what it is, what it was and what it is now."""
    for name in _SAME:
        was, now_ = getattr(before, name), getattr(plan.provenance, name)
        if was != now_:
            yield f"the {name.replace('_', ' ')}", str(was), str(now_)
    ids, ids_before = [goal.id for goal in plan.goals], [goal.id for goal in goals]
    if ids != ids_before:
        yield "the goals", ", ".join(ids_before), ", ".join(ids)
        return
    for goal, old in zip(plan.facts, goals, strict=True):
        new, was = goal_to_dict(goal), goal_to_dict(old)
        for key in new:
            if new[key] != was[key]:
                yield f"the {key.replace('_', ' ')} of {goal.id}", str(was[key]), str(new[key])


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
