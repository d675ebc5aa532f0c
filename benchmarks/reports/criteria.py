"""The criteria that the project set itself, as far as they concern what was measured."""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.reports.repeats import BUDGETED
from benchmarks.results.results import Attempt, Results
from benchmarks.suite.facts import GoalFacts
from benchmarks.suite.goals import Tier
from nanoagent.texts import plural


class Holds(NamedTuple):
    """Whether a criterion holds."""

    what: str
    holds: bool | None
    """`None`: not judged."""
    evidence: str


def success_criteria(results: Results) -> list[Holds]:
    """Each criterion that concerns what was measured."""
    small = [pair for pair in results.attempts if pair[0].tier in (Tier.SIMPLE, Tier.MEDIUM)]
    large = [pair for pair in results.attempts if pair[0].tier not in (Tier.SIMPLE, Tier.MEDIUM)]
    own_goals, iterations = results.provenance.goals_file is None, results.has_iterations
    criteria = [
        (own_goals, _number_of_goals(results)),
        (iterations, _below("Simple and medium goals take fewer than 5 iterations", small, "iterations", 5)),
        (True, _below("Simple and medium goals use fewer than 10,000 tokens", small, "tokens", 10_000)),
        (iterations, _below("All other goals take fewer than 15 iterations", large, "iterations", 15)),
        (True, _below("All other goals use fewer than 50,000 tokens", large, "tokens", 50_000)),
        (iterations, _no_runaway(results)),
    ]
    return [criterion for concerned, criterion in criteria if concerned]


def _number_of_goals(results: Results) -> Holds:
    judged = [goal for goal in results.goals if goal.verdict is not None]
    tiers = {goal.goal.tier for goal in judged}
    evidence = f"{plural(len(judged), 'goal')} of {plural(len(tiers), 'tier')} judged"
    return Holds("10 or more goals of different kinds are measured", len(judged) >= 10 and len(tiers) > 1, evidence)


def _below(what: str, pairs: Sequence[tuple[GoalFacts, Attempt]], name: str, bound: int) -> Holds:
    used = [(BUDGETED[name].of(attempt.metrics), goal.id) for goal, attempt in pairs]
    known = [(value, goal_id) for value, goal_id in used if value is not None]
    if not known or len(known) < len(used):
        return Holds(what, None, "not known" if used else "no such goal was judged")
    largest, where = max(known, key=lambda use: use[0])
    return Holds(what, largest < bound, f"at most {largest:,.0f} ({where})")


def _no_runaway(results: Results) -> Holds:
    counted = [(goal, attempt.metrics.iterations) for goal, attempt in results.attempts]
    pairs = [(goal, iterations) for goal, iterations in counted if iterations is not None]
    held = [goal for goal, iterations in pairs if iterations <= goal.max_iterations]
    holds = len(held) == len(pairs) if pairs else None
    evidence = f"held in {len(held):,} of {len(pairs):,}" if pairs else "no iterations were counted"
    return Holds("No goal takes more than its max_iterations", holds, evidence)
