"""Two results compared, or the reason why they cannot be."""

from collections.abc import Sequence

from benchmarks.comparing.comparability import differences_of_tools, is_deterministic, is_same_subject, subject_text
from benchmarks.comparing.comparison import Comparison
from benchmarks.comparing.judgment import rows_of
from benchmarks.comparing.pairs import pairs_of
from benchmarks.comparing.thresholds import Thresholds
from benchmarks.formats import listed
from benchmarks.results.results import GoalResults, Provenance, Results
from benchmarks.suite.facts import GoalFacts
from nanoagent.texts import plural


def refusal(baseline: Results, current: Provenance, goals: Sequence[GoalFacts]) -> str | None:
    """Why nothing can be compared with a baseline, in words; `None` where something can.

    Args:
        baseline: What is to be compared with.
        current: Of the run that is to be compared.
        goals: Those of the run.
    """
    if baseline.interrupted or not baseline.complete or not baseline.goals:
        made, planned = len(baseline.attempts), baseline.planned_attempts
        interrupted = ", and was interrupted" if baseline.interrupted else ""
        return f"it is not whole: it holds {made:,} of {plural(planned, 'attempt')}{interrupted}"
    if not is_same_subject(baseline.provenance, current):
        return f"it is of {subject_text(baseline.provenance)}, and this run is of {subject_text(current)}"
    if tools := differences_of_tools(baseline.provenance, current):
        return f"its built-in tools are others: {tools}"
    ids = {row.goal.id for row in baseline.goals}
    if not any(goal.id in ids for goal in goals):
        return f"it has none of the goals of this run: {listed([goal.id for goal in goals])}"
    return None


def compare(baseline: Results, current: Results, thresholds: Thresholds) -> Comparison:
    """Compare results with a baseline that `refusal` has nothing against."""
    now = {row.goal.id for row in current.goals}
    before = {row.goal.id for row in baseline.goals}
    # Recordings of two days are two samples of what a model may answer.
    is_same = baseline.provenance.model == current.provenance.model
    deterministic = is_same and is_deterministic(baseline.provenance) and is_deterministic(current.provenance)
    return Comparison(
        baseline=baseline.provenance,
        current=current.provenance,
        rows=rows_of(pairs_of(baseline, current), thresholds, deterministic=deterministic),
        added=[row.goal.id for row in current.goals if row.goal.id not in before],
        missing=[row.goal.id for row in baseline.goals if row.goal.id not in now and _was_asked_for(row, current)],
    )


def _was_asked_for(row: GoalResults, current: Results) -> bool:
    """Whether the selection of the run would have taken this goal, if it were still there."""
    ids, tiers = (current.provenance.settings.get(name) for name in ("goal", "tier"))
    return (not ids or row.goal.id in ids) and (not tiers or row.goal.tier.value in tiers)
