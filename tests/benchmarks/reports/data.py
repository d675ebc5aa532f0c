"""Results made by hand, of few goals or many, of one attempt each or several."""

from collections.abc import Sequence
from typing import Any

from benchmarks.comparing.comparison import Comparison, Row, Side, Word
from benchmarks.judging.verdict import Cause, Criterion, Verdict, VerdictWord
from benchmarks.results.results import Attempt, GoalResults, Results
from benchmarks.suite.facts import GoalFacts
from benchmarks.suite.goals import Tier
from nanoagent.core.performance import IterationCounts, PerformanceMetrics, PhaseCounts
from tests.benchmarks.results_made import facts, provenance

MS = 1_000_000
PASS = Verdict(word=VerdictWord.PASS)
UNREACHABLE = Verdict(word=VerdictWord.ERROR, cause=Cause.MODEL_ERROR)


def failed(text: str = "answer does not hold 8; it holds no number") -> Verdict:
    return Verdict(word=VerdictWord.FAIL, criteria=(Criterion(name="answer", passed=False, text=text),))


def numbers(iterations: int | None = 2, tokens: int | None = 4_000, **fields: Any) -> PerformanceMetrics:
    """The metrics of a run that spent a quarter of its tokens on planning."""
    phases = (
        PhaseCounts(phase="plan", api_calls=1, input_tokens=None if tokens is None else tokens // 4, llm_ns=2 * MS),
        PhaseCounts(phase="execute", api_calls=3, input_tokens=None if tokens is None else tokens - tokens // 4),
    )
    usual: dict[str, Any] = {
        "iterations": iterations,
        "api_calls": 4,
        "input_tokens": tokens,
        "output_tokens": None if tokens is None else 0,
        "unpriced_api_calls": 4,
        "llm_ns": 2 * MS,
        "other_ns": 6 * MS,
        "status": "completed",
        "complete": True,
        "by_phase": phases,
        "by_iteration": tuple(IterationCounts(iteration=n + 1, input_tokens=100) for n in range(iterations or 0)),
    }
    return PerformanceMetrics(**(usual | fields))


def row(goal: GoalFacts | str, *attempts: tuple[Verdict, PerformanceMetrics] | Verdict, **fields: Any) -> GoalResults:
    """A goal with its attempts; where no metrics are given, the usual ones."""
    goal = facts(goal) if isinstance(goal, str) else goal
    pairs = [one if isinstance(one, tuple) else (one, numbers()) for one in attempts]
    made = [
        Attempt(goal_id=goal.id, number=place, verdict=verdict, metrics=metrics, **({"answer": "8"} | fields))
        for place, (verdict, metrics) in enumerate(pairs, 1)
    ]
    return GoalResults(goal=goal, attempts=made)


def results(rows: Sequence[GoalResults], *, source: dict[str, Any] | None = None, **fields: Any) -> Results:
    """Results of these goals; how often they were repeated is read off them."""
    repeat = max((len(one.attempts) for one in rows), default=1) or 1
    facts_of_run: dict[str, Any] = {"repeat": repeat, "settings": {"goal": [], "tier": []}} | (source or {})
    return Results(provenance=provenance(**facts_of_run), goals=rows, **fields)


def many(goals: int, *, attempts: int = 1) -> Results:
    """Goals of all tiers, some with long ids, that need more and more of their budgets; every fifth fails at first."""
    rows = []
    for place in range(goals):
        tier = list(Tier)[place % len(Tier)]
        goal = facts(f"goal-{place}" + "-with-a-very-long-name" * (place % 4 == 3), tier=tier)
        verdicts = [failed() if place % 5 == 4 and number == 0 else PASS for number in range(attempts)]
        metrics = [
            numbers(1 + (place + number) % 6, 900 * (1 + place % 12) + 50 * number) for number in range(attempts)
        ]
        rows.append(row(goal, *zip(verdicts, metrics, strict=True)))
    return results(rows)


def compared_row(
    goal_id: str | None, metric: str, word: Word, before: float | None, now: float | None, **fields: Any
) -> Row:
    """A row of a comparison, of one attempt a side where nothing else is said."""
    n = fields.pop("n", 1)
    usual: dict[str, Any] = {"tier": "simple", "reason": "any difference counts"}
    sides = {"baseline": Side(n=n, value=before), "current": Side(n=n, value=now)}
    return Row(**(usual | {"goal_id": goal_id, "metric": metric, "word": word} | sides | fields))


def compared(*rows: Row, **fields: Any) -> Comparison:
    source = results([]).provenance
    return Comparison(baseline=source, current=source, rows=rows, **fields)
