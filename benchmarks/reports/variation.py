"""What repeating goals brought to light, a sentence each; nothing where every goal was attempted once."""

from collections.abc import Iterable

from benchmarks.formats import listed, percent
from benchmarks.judging.statistics import Summary, statistics_of
from benchmarks.reports.repeats import BUDGETED, measured, spread
from benchmarks.results.results import Results
from nanoagent.texts import plural


def variation(results: Results) -> list[str]:
    """What the attempts of the same goals have in common, and what not."""
    if results.provenance.repeat == 1:
        return []
    return [sentence for sentence in (_rate(results), *_numbers(results)) if sentence]


def _rate(results: Results) -> str:
    """How many attempts passed; and pass^k, which is what one can rely on."""
    repeat = results.provenance.repeat
    found = statistics_of([row.attempts for row in results.goals], repeat)
    if found.rate is None:
        return ""
    passed = f"{found.rate.passed:,} of {plural(found.rate.n, 'attempt')} passed ({percent(found.rate.share, 1)})"
    if found.pass_hat_k is None:
        return f"{passed}."
    return f"{passed}; that {repeat:,} attempts of a goal all pass has a chance of {percent(found.pass_hat_k, 1)}."


def _numbers(results: Results) -> Iterable[str]:
    """How far iterations and tokens of the same goal lie apart."""
    repeated = [row for row in results.goals if len(measured(row)) > 1]
    same = []
    for name in BUDGETED:
        spreads = [(row.goal.id, found) for row in repeated if (found := spread(measured(row), name)) is not None]
        apart = [(goal_id, found) for goal_id, found in spreads if found.least < found.greatest]
        if apart:
            yield _apart(name, apart, len(spreads))
        elif spreads:
            same.append(name)
    if same:
        yield f"The attempts of a goal all took the same {listed(same)}."


def _apart(name: str, apart: list[tuple[str, Summary]], of: int) -> str:
    goal_id, most = max(apart, key=lambda one: (one[1].greatest - one[1].least) / one[1].mean)
    return (
        f"The attempts of {len(apart):,} of {plural(of, 'goal')} differ in {name}, "
        f"most in {goal_id}: {most.least:,.0f} to {most.greatest:,.0f}."
    )
