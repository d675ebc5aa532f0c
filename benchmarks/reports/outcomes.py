"""What attempts say nothing of their goal, whose doing that is, and what is made of them: apart from every score."""

from collections import Counter
from typing import Final

from benchmarks.formats import listed
from benchmarks.judging.measures import Kind
from benchmarks.judging.outcomes import MEANINGS, CauseKind, Ending, ending_of
from benchmarks.reports.markdown import escaped, table
from benchmarks.reports.naming import named
from benchmarks.results.results import GoalResults, Results
from instrumentation.rendering.quantities import UNKNOWN
from nanoagent.texts import plural

_WHOSE: Final = {
    CauseKind.AGENT: "the agent",
    CauseKind.PROVIDER: "the model provider",
    CauseKind.HARNESS: "the harness",
    CauseKind.BUDGET: "a limit of the run",
    CauseKind.CANCELLED: "an interruption",
}
MOST_NAMED: Final = 5
"""Goals in a line of the table."""


def outcome_lines(results: Results) -> list[list[str]]:
    """The section: how attempts ended; none where each of them says something of its goal."""
    if not left_out(results):
        return []
    by_ending: dict[Ending, Counter[str]] = {ending: Counter() for ending in Ending}
    for row in results.goals:
        for ending in _endings(row, results.provenance.repeat):
            by_ending[ending][row.goal.id] += 1
    header = ["Ending", "Whose doing", "Attempts", "Counts for the score", "Made again by --retry-errors", "Goals"]
    rows = [_cells(ending, goals) for ending, goals in by_ending.items() if goals]
    return [table(header, rows)]


def left_out(results: Results) -> list[str]:
    """A sentence on the attempts that count for no score; none where all do."""
    found: Counter[str] = Counter()
    for row in results.goals:
        for ending in _endings(row, results.provenance.repeat):
            meaning = MEANINGS[ending]
            if Kind.SCORE not in meaning.measures and meaning.kind is not None:
                found[_WHOSE[meaning.kind]] += 1
    if not found:
        return []
    causes = listed([f"{times:,} because of {whose}" for whose, times in found.most_common()])
    one = found.total() == 1
    says = "says nothing of its goal and counts" if one else "say nothing of their goals and count"
    return [f"{plural(found.total(), 'attempt')} {says} for no score: {causes}."]


def _endings(row: GoalResults, repeat: int) -> list[Ending]:
    """How each planned attempt of the goal ended."""
    there = [ending_of(attempt) for attempt in row.attempts]
    return [*there, *[ending_of(None)] * (repeat - len(there))]


def _cells(ending: Ending, goals: Counter[str]) -> list[str]:
    meaning = MEANINGS[ending]
    return [
        ending.replace("_", " "),
        meaning.kind.value if meaning.kind else UNKNOWN,
        f"{goals.total():,}",
        "yes" if Kind.SCORE in meaning.measures else "no",
        "yes" if meaning.is_retried else "no",
        escaped(named([*goals], MOST_NAMED)) if ending is not Ending.PASSED else UNKNOWN,
    ]
