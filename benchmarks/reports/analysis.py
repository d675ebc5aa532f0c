"""The analysis of results: sentences that the data bear out, and nothing else."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from benchmarks.formats import count, listed, percent, seconds, shares
from benchmarks.judging.statistics import scores
from benchmarks.judging.verdict import VerdictWord
from benchmarks.reports.breakdown import sum_of
from benchmarks.reports.naming import named
from benchmarks.reports.outcomes import left_out
from benchmarks.reports.repeats import BUDGETED, bound_of, spread
from benchmarks.reports.variation import variation
from benchmarks.results.results import GoalResults, Results
from benchmarks.suite.facts import GoalFacts
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.texts import plural

NEAR_BUDGET = 0.8
"""From this share of a budget on, a recommendation points at it."""
LARGE_PHASE = 0.5
"""From this share of all tokens on, a phase is where saving pays."""
MOST_NAMED = 10
"""Goals in one sentence; the tables name all."""


def headline(results: Results) -> str:
    """What the results come to, in a sentence: the first one of the analysis."""
    return _verdicts(results) if results.attempts else "No goal was judged: there is nothing to analyse."


def analysis(results: Results) -> list[str]:
    """What the numbers say, a sentence each."""
    if not results.attempts:
        return [headline(results)]
    sentences = [
        headline(results),
        *variation(results),
        *left_out(results),
        _tightest(results),
        _tokens(results),
        _per_iteration(results),
        _phases(results),
    ]
    sentences += [_tools(results), _limits(results), _time(results), _cost(results)]
    return [sentence for sentence in sentences if sentence]


def recommendations(results: Results) -> list[str]:
    """What to look at, with the evidence beside it; empty where nothing in the data calls for anything."""
    found = [
        f"Look at {row.goal.id}: {_evidence(row)}."
        for row in results.goals
        if row.attempts and row.verdict is not VerdictWord.PASS
    ]
    for row in results.goals:
        for name, used, bound in _largest_uses(row):
            if used / bound >= NEAR_BUDGET and used < bound:
                found.append(
                    f"Watch {row.goal.id}: {used:,} {name} are {percent(used, bound)} of its budget of {bound:,}."
                )
    phase, share = _largest_phase(results)
    if share >= LARGE_PHASE:
        found.append(f"Save tokens in the {phase} phase first: {100 * share:.0f} % of them are spent there.")
    return found


def _evidence(row: GoalResults) -> str:
    """Why the goal did not pass: of several attempts, what most of them say."""
    against = [attempt for attempt in row.attempts if attempt.verdict.word is not VerdictWord.PASS]
    said = Counter("; ".join(attempt.verdict.reasons) or attempt.verdict.word for attempt in against)
    reason, times = said.most_common(1)[0]
    if len(row.attempts) == 1:
        return reason
    of_those = "" if times == len(against) else f", {times:,} of them"
    return f"{len(against):,} of {len(row.attempts):,} attempts did not pass{of_those} for this: {reason}"


# -- sentences ------------------------------------------------------------------------------------------------------


def _verdicts(results: Results) -> str:
    words, times = results.verdicts, results.provenance.repeat
    missing = len(set(results.planned) - results.made)
    every_time = "" if times == 1 or missing else f" in each of {times:,} attempts"
    parts = [f"{words.count(VerdictWord.PASS)} of {plural(len(results.goals), 'goal')} passed{every_time}"]
    for word, verb in ((VerdictWord.FAIL, "failed"), (VerdictWord.ERROR, "could not be judged")):
        ids = [_with_rate(goal) for goal in results.goals if goal.verdict is word]
        if ids:
            parts.append(f"{len(ids)} {verb} ({named(ids, MOST_NAMED)})")
    left = [goal.goal.id for goal in results.goals if goal.verdict is None]
    if left:
        parts.append(f"{len(left)} did not come to an end")
    if missing and times > 1:
        verb = "was" if missing == 1 else "were"
        parts.append(f"{missing:,} of {plural(results.planned_attempts, 'attempt')} {verb} not made")
    return f"{listed(parts)}."


def _with_rate(row: GoalResults) -> str:
    passed = scores(row.attempts)
    return row.goal.id if len(row.attempts) == 1 else f"{row.goal.id} passed {sum(passed):,} of {len(passed):,}"


def _tightest(results: Results) -> str:
    """The goals that came nearest to their budgets."""
    parts = []
    uses = [(row.goal.id, *use) for row in results.goals for use in _largest_uses(row)]
    for name in BUDGETED:
        known = [(goal_id, used, bound) for goal_id, of, used, bound in uses if of == name]
        if known:
            goal_id, used, bound = max(known, key=lambda use: use[1] / use[2])
            parts.append(f"of {name} in {goal_id} ({used:,} of <{bound:,}, {percent(used, bound)})")
    return f"Least headroom is left {listed(parts)}." if parts else ""


def _tokens(results: Results) -> str:
    input_tokens, output_tokens = _sum(results, "input_tokens"), _sum(results, "output_tokens")
    if input_tokens is None or output_tokens is None:
        return "How many tokens were used is not known for every goal."
    total = input_tokens + output_tokens
    calls = _sum(results, "api_calls")
    return (
        f"{count(total)} tokens were used in {plural(calls or 0, 'model call')}; "
        f"{percent(input_tokens, total)} of them are input."
    )


def _per_iteration(results: Results) -> str:
    rows = [row.tokens_used for _, attempt in results.attempts for row in attempt.metrics.by_iteration]
    known = [tokens for tokens in rows if tokens is not None]
    if not known:
        return ""
    return (
        f"An iteration takes {count(round(median(known)))} tokens in the median of {len(known):,}, "
        f"from {count(min(known))} to {count(max(known))}."
    )


def _phases(results: Results) -> str:
    phase, share = _largest_phase(results)
    return f"Most tokens are spent in the {phase} phase: {100 * share:.0f} %." if phase else ""


def _tools(results: Results) -> str:
    calls, failed = _sum(results, "tool_calls") or 0, _sum(results, "failed_tool_calls") or 0
    if not failed:
        made = f"{plural(calls, 'tool call')} {'was' if calls == 1 else 'were'} made"
        return f"{made}, and none failed." if calls else "No tool was called."
    hit = [attempt for _, attempt in results.attempts if attempt.metrics.failed_tool_calls]
    recovered = [attempt for attempt in hit if attempt.verdict.word is VerdictWord.PASS]
    what = "goal" if results.provenance.repeat == 1 else "attempt"
    return (
        f"{failed:,} of {plural(calls, 'tool call')} failed; "
        f"{len(recovered):,} of the {plural(len(hit), what)} that met a failure passed all the same."
    )


def _limits(results: Results) -> str:
    beyond = _ids(results, lambda goal, metrics: (metrics.iterations or 0) > goal.max_iterations)
    if beyond:
        return f"max_iterations did not hold in {named(beyond, MOST_NAMED)}."
    stopped = _ids(results, lambda _, metrics: metrics.stop_reason == "max_iterations")
    return f"max_iterations held in every goal; {named(stopped, MOST_NAMED)} stopped there." if stopped else ""


def _ids(results: Results, holds: Callable[[GoalFacts, PerformanceMetrics], bool]) -> list[str]:
    """The goals that have an attempt of which this holds."""
    return [row.goal.id for row in results.goals if any(holds(row.goal, one.metrics) for one in row.attempts)]


def _time(results: Results) -> str:
    parts = [(name, sum(take(attempt.metrics) for _, attempt in results.attempts)) for name, take in _TIMES]
    total = sum(value for _, value in parts)
    if not total:
        return ""
    of_total = zip(shares([value for _, value in parts]), parts, strict=True)
    split = listed([f"{share} in {name}" for share, (name, _) in of_total])
    what = "goals" if results.provenance.repeat == 1 else "attempts"
    return f"The {what} took {seconds(total)} taken together: {split}."


_TIMES: Sequence[tuple[str, Callable[[PerformanceMetrics], float]]] = (
    ("model calls", lambda metrics: metrics.llm_seconds),
    ("tools", lambda metrics: metrics.tool_seconds),
    ("the rest", lambda metrics: metrics.other_seconds),
)


def _cost(results: Results) -> str:
    unpriced, calls = _sum(results, "unpriced_api_calls") or 0, _sum(results, "api_calls") or 0
    if not calls:
        return ""
    known = sum(attempt.metrics.cost_usd_known for _, attempt in results.attempts)
    if unpriced == calls:
        return "No model call has a price, so the cost is not known."
    return f"The priced calls cost ${known:.4f}" + (f"; {unpriced} of {calls} have no price." if unpriced else ".")


# -- numbers --------------------------------------------------------------------------------------------------------


def _largest_uses(row: GoalResults) -> Iterable[tuple[str, int, int]]:
    """What an attempt used at most of each budget, as far as it is known: its name, the use, the bound."""
    for name in BUDGETED:
        found = spread(row.attempts, name)
        if found is not None:
            yield name, round(found.greatest), bound_of(row, name)


def _sum(results: Results, field: str) -> int | None:
    """A sum over all attempts."""
    return sum_of([attempt.metrics for _, attempt in results.attempts], field)


def _largest_phase(results: Results) -> tuple[str, float]:
    """The phase that spent most tokens, with its share of them; nothing while any part is unknown."""
    spent: dict[str, int] = {}
    for _, attempt in results.attempts:
        for row in attempt.metrics.by_phase:
            if row.tokens_used is None:
                return "", 0.0
            spent[row.phase] = spent.get(row.phase, 0) + row.tokens_used
    phase = max(spent, key=lambda name: spent[name], default="")
    return phase, spent[phase] / sum(spent.values()) if phase and spent[phase] else 0.0
