"""Results made by hand: goals that were each attempted so often, all with the same numbers."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.judging.verdict import Verdict, judge
from benchmarks.reports.document import markdown_of
from benchmarks.reports.report import document
from benchmarks.results.results import Attempt, Provenance, Results, results_of
from benchmarks.results.store import results_pieces
from benchmarks.subjects.subject import Outcome
from benchmarks.suite import checks
from benchmarks.suite.facts import GoalFacts, facts_of
from benchmarks.suite.goals import GOALS, Goal
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import RunResult, StopReason

S = 1_000_000_000


def goal(**options: Any) -> Goal:
    """A simple goal whose answer is 8."""
    usual: dict[str, Any] = {"id": "own", "check": checks.number(8)}
    return dataclasses.replace(GOALS[0], **(usual | options))


def facts(goal_id: str, **fields: Any) -> GoalFacts:
    """The facts of such a goal, some of them other ones."""
    return dataclasses.replace(facts_of(goal(id=goal_id)), **fields)


def metrics(**fields: Any) -> PerformanceMetrics:
    """The numbers of a run of three iterations."""
    usual: dict[str, Any] = {
        "iterations": 3,
        "api_calls": 4,
        "input_tokens": 6_000,
        "output_tokens": 120,
        "tool_calls": 2,
        "llm_ns": S,
        "other_ns": S,
        "unpriced_api_calls": 4,
        "status": "completed",
        "complete": True,
    }
    return PerformanceMetrics(**(usual | fields))


def judged(numbers: PerformanceMetrics, *, output: str = "8", reason: StopReason = StopReason.GOAL_REACHED) -> Verdict:
    """The verdict on a run with these numbers."""
    result = RunResult(output=output, status=reason.status, stop_reason=reason, metrics=numbers)
    return judge(goal(), Outcome.of(result))


def attempt(goal_id: str = "goal-0", number: int = 1, **options: Any) -> Attempt:
    """An attempt that passes."""
    numbers = options.pop("metrics", None) or metrics()
    verdict = options.pop("verdict", None) or judged(numbers)
    return Attempt(goal_id=goal_id, number=number, verdict=verdict, metrics=numbers, **options)


def provenance(**fields: Any) -> Provenance:
    """Of a run on the scripted model."""
    usual: dict[str, Any] = {
        "session_id": "s1",
        "model": "scripted",
        "token_source": "counted",
        "concurrency": 1,
        "repeat": 1,
        "settings": {"tier": []},
        "commit": None,
        "dirty": None,
        "packages": {"pint": None},
        "machine": {"os": "Linux"},
        "started_at": "2026-11-25T10:00:00+00:00",
        "ended_at": "2026-11-25T10:00:01+00:00",
    }
    return Provenance(**(usual | fields))


def results(*, goals: int = 1, attempts: int = 1, **source: Any) -> Results:
    """Results of so many goals, each attempted so often, and each time with a pass."""
    rows = [facts(f"goal-{number}") for number in range(goals)]
    made = [attempt(one.id, number) for number in range(1, attempts + 1) for one in rows]
    return results_of(provenance(**({"repeat": attempts} | source)), rows, made)


def markdown(made: Results) -> str:
    """The report of such results, without pictures."""
    return markdown_of(document(made))


def results_text(content: Mapping[str, Any], trace_lines: Iterable[bytes] = (), **options: Any) -> str:
    """The text of results.json."""
    return "".join(results_pieces(content, trace_lines, **options))
