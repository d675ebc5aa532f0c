"""The analysis of results: sentences that the data bear out, and nothing else."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from benchmarks.formats import count, listed, percent, seconds, shares
from benchmarks.judging.verdict import VerdictWord
from benchmarks.results.results import Attempt, Results
from benchmarks.suite.goals import Goal, Tier
from instrumentation.rendering.quantities import plural
from nanoagent.core.performance import PerformanceMetrics

NEAR_BUDGET = 0.8
"""From this share of a budget on, a recommendation points at it."""
LARGE_PHASE = 0.5
"""From this share of all tokens on, a phase is where saving pays."""


def analysis(results: Results) -> list[str]:
    """What the numbers say, a sentence each."""
    if not results.attempts:
        return ["No goal was judged: there is nothing to analyse."]
    sentences = [_verdicts(results), _tightest(results), _tokens(results), _per_iteration(results), _phases(results)]
    sentences += [_tools(results), _limits(results), _time(results), _cost(results)]
    return [sentence for sentence in sentences if sentence]


def recommendations(results: Results) -> list[str]:
    """What to look at, with the evidence beside it; empty where nothing in the data calls for anything."""
    found = [
        f"Look at {goal.id}: {'; '.join(attempt.verdict.reasons) or attempt.verdict.word}."
        for goal, attempt in results.attempts
        if attempt.verdict.word is not VerdictWord.PASS
    ]
    for goal, attempt in results.attempts:
        for name, used, bound in _budget_uses(goal, attempt):
            if used / bound >= NEAR_BUDGET and used < bound:
                found.append(f"Watch {goal.id}: {used:,} {name} are {percent(used, bound)} of its budget of {bound:,}.")
    phase, share = _largest_phase(results)
    if share >= LARGE_PHASE:
        found.append(f"Save tokens in the {phase} phase first: {100 * share:.0f} % of them are spent there.")
    return found


def success_criteria(results: Results) -> list[tuple[str, bool | None, str]]:
    """The criteria that the project set itself, as far as they concern what was measured.

    Each is what has to hold, whether it does (`None`: not judged), and the evidence.
    """
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


# -- sentences ------------------------------------------------------------------------------------------------------


def _verdicts(results: Results) -> str:
    words = results.verdicts
    parts = [f"{words.count(VerdictWord.PASS)} of {plural(len(results.goals), 'goal')} passed"]
    for word, verb in ((VerdictWord.FAIL, "failed"), (VerdictWord.ERROR, "could not be judged")):
        ids = [goal.goal.id for goal in results.goals if goal.verdict is word]
        if ids:
            parts.append(f"{len(ids)} {verb} ({listed(ids)})")
    left = [goal.goal.id for goal in results.goals if goal.verdict is None]
    if left:
        parts.append(f"{len(left)} did not come to an end")
    return f"{listed(parts)}."


def _tightest(results: Results) -> str:
    """The goals that came nearest to their budgets."""
    parts = []
    uses = [(goal, *use) for goal, attempt in results.attempts for use in _budget_uses(goal, attempt)]
    for name in ("iterations", "tokens"):
        known = [(goal, used, bound) for goal, of, used, bound in uses if of == name]
        if known:
            goal, used, bound = max(known, key=lambda use: use[1] / use[2])
            parts.append(f"of {name} in {goal.id} ({used:,} of <{bound:,}, {percent(used, bound)})")
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
    hit = [(goal, attempt) for goal, attempt in results.attempts if attempt.metrics.failed_tool_calls]
    recovered = [goal.id for goal, attempt in hit if attempt.verdict.word is VerdictWord.PASS]
    return (
        f"{failed} of {plural(calls, 'tool call')} failed; "
        f"{len(recovered)} of the {plural(len(hit), 'goal')} that met a failure passed all the same."
    )


def _limits(results: Results) -> str:
    beyond = [goal.id for goal, iterations in _iterations(results) if iterations > goal.max_iterations]
    if beyond:
        return f"max_iterations did not hold in {listed(beyond)}."
    stopped = [goal.id for goal, attempt in results.attempts if attempt.metrics.stop_reason == "max_iterations"]
    return f"max_iterations held in every goal; {listed(stopped)} stopped there." if stopped else ""


def _time(results: Results) -> str:
    parts = [(name, sum(take(attempt.metrics) for _, attempt in results.attempts)) for name, take in _TIMES]
    total = sum(value for _, value in parts)
    if not total:
        return ""
    of_total = zip(shares([value for _, value in parts]), parts, strict=True)
    split = listed([f"{share} in {name}" for share, (name, _) in of_total])
    return f"The goals took {seconds(total)} taken together: {split}."


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


# -- criteria -------------------------------------------------------------------------------------------------------


def _number_of_goals(results: Results) -> tuple[str, bool | None, str]:
    judged = [goal for goal in results.goals if goal.verdict is not None]
    tiers = {goal.goal.tier for goal in judged}
    evidence = f"{plural(len(judged), 'goal')} of {plural(len(tiers), 'tier')} judged"
    return "10 or more goals of different kinds are measured", len(judged) >= 10 and len(tiers) > 1, evidence


def _below(what: str, pairs: Sequence[tuple[Goal, Attempt]], name: str, bound: int) -> tuple[str, bool | None, str]:
    used = [_used(attempt.metrics, name) for _, attempt in pairs]
    known = [value for value in used if value is not None]
    if not known or len(known) < len(used):
        return what, None, "not known" if used else "no such goal was judged"
    largest = max(known)
    where = next(goal.id for goal, attempt in pairs if _used(attempt.metrics, name) == largest)
    return what, largest < bound, f"at most {largest:,} ({where})"


def _no_runaway(results: Results) -> tuple[str, bool | None, str]:
    pairs = _iterations(results)
    held = [goal for goal, iterations in pairs if iterations <= goal.max_iterations]
    holds = len(held) == len(pairs) if pairs else None
    evidence = f"held in {len(held)} of {len(pairs)}" if pairs else "no iterations were counted"
    return "No goal takes more than its max_iterations", holds, evidence


# -- numbers --------------------------------------------------------------------------------------------------------


def _budget_uses(goal: Goal, attempt: Attempt) -> Iterable[tuple[str, int, int]]:
    """What was used of each budget, as far as it is known: its name, the use, the bound."""
    budget = goal.tier.budget
    if attempt.metrics.iterations is not None:
        yield "iterations", attempt.metrics.iterations, budget.iterations
    if attempt.metrics.tokens_used is not None:
        yield "tokens", attempt.metrics.tokens_used, budget.tokens


def _iterations(results: Results) -> list[tuple[Goal, int]]:
    """The iterations of each attempt that has some."""
    counted = [(goal, attempt.metrics.iterations) for goal, attempt in results.attempts]
    return [(goal, iterations) for goal, iterations in counted if iterations is not None]


def _used(metrics: PerformanceMetrics, name: str) -> int | None:
    return metrics.iterations if name == "iterations" else metrics.tokens_used


def _sum(results: Results, field: str) -> int | None:
    """A sum over all attempts; unknown as soon as one is."""
    values = [getattr(attempt.metrics, field) for _, attempt in results.attempts]
    return None if any(value is None for value in values) else sum(values)


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
