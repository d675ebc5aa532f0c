"""What repeating goals brought to light, a sentence each; nothing where every goal was attempted once."""

from collections.abc import Iterable

from benchmarks.formats import listed, percent
from benchmarks.judging.verdict import VerdictWord
from benchmarks.reports.repeats import BUDGETED, Spread, measured, spread
from benchmarks.results.results import Results
from instrumentation.rendering.quantities import plural


def variation(results: Results) -> list[str]:
    """What the attempts of the same goals have in common, and what not."""
    if results.provenance.repeat == 1:
        return []
    return [sentence for sentence in (_rate(results), *_numbers(results)) if sentence]


def _rate(results: Results) -> str:
    """The share of attempts that passed; and of goals that passed every time, which is what one can rely on."""
    rows = [measured(row) for row in results.goals]
    words = [attempt.verdict.word for attempts in rows for attempt in attempts]
    if not words:
        return ""
    passed = words.count(VerdictWord.PASS)
    left_out = len(results.attempts) - len(words)
    apart = f"; {plural(left_out, 'attempt')} that could not be judged {'is' if left_out == 1 else 'are'} left out"
    return (
        f"{passed:,} of {plural(len(words), 'attempt')} passed ({percent(passed, len(words))})"
        f"{apart if left_out else ''}."
    )


def _numbers(results: Results) -> Iterable[str]:
    """How far iterations and tokens of the same goal lie apart."""
    repeated = [row for row in results.goals if len(measured(row)) > 1]
    same = []
    for name in BUDGETED:
        spreads = [(row.goal.id, found) for row in repeated if (found := spread(measured(row), name)) is not None]
        apart = [(goal_id, found) for goal_id, found in spreads if found.low < found.high]
        if apart:
            yield _apart(name, apart, len(spreads))
        elif spreads:
            same.append(name)
    if same:
        yield f"The attempts of a goal all took the same {listed(same)}."


def _apart(name: str, apart: list[tuple[str, Spread]], of: int) -> str:
    goal_id, most = max(apart, key=lambda one: (one[1].high - one[1].low) / one[1].mean)
    return (
        f"The attempts of {len(apart):,} of {plural(of, 'goal')} differ in {name}, "
        f"most in {goal_id}: {most.low:,} to {most.high:,}."
    )
