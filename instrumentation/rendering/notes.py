"""Notes: what a run's numbers do not say of themselves, in sentences."""

from collections.abc import Iterator
from typing import Final

from instrumentation.rendering.quantities import money_text
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.runs import CountedRun
from nanoagent.texts import plural

MAX_PARENTS: Final = 4
"""Missing parents that are named; the others are counted."""


def completeness(run: CountedRun) -> str:
    """Whether every span of the run was found, in words: `yes`, or `no` or `unknown` with the reason."""
    if run.metrics.complete:
        return f"yes: {plural(run.spans, 'span')}"
    if run.metrics.complete is None:
        return f"unknown: {plural(run.spans, 'span')} found, and the run does not say how many it has"
    return f"no: {loss(run)}"


def loss(run: CountedRun) -> str:
    """Why a run is not complete: how many of its spans were found, and which parents were not."""
    expected = run.expected_spans
    of = "" if expected is None else f" of {expected:,}"
    reasons = [f"{run.spans:,}{of} {'span' if (expected or run.spans) == 1 else 'spans'} found"]
    if run.missing_parents:
        named = ", ".join(run.missing_parents[:MAX_PARENTS])
        further = len(run.missing_parents) - MAX_PARENTS
        reasons.append(f"missing parents: {named}" + (f" and {further:,} more" if further > 0 else ""))
    elif expected == run.spans:
        reasons.append("but the run's own counts are others")
    return ", ".join(reasons)


def notes(metrics: PerformanceMetrics) -> Iterator[str]:
    """What the numbers alone do not say of themselves, a sentence each."""
    answered = metrics.api_calls - metrics.failed_api_calls - metrics.cancelled_api_calls
    if metrics.unmeasured_api_calls:
        yield f"{metrics.unmeasured_api_calls:,} of {plural(answered, 'call')} without token counts: ≥ is a lower bound"
    if metrics.unpriced_api_calls:
        known = f"; the others cost {money_text(metrics.cost_usd_known)}" if metrics.cost_usd_known else ""
        yield f"{metrics.unpriced_api_calls:,} of {plural(answered, 'call')} unpriced{known}"
    if metrics.untracked_api_calls:
        calls, tokens = plural(metrics.untracked_api_calls, "call"), f"{metrics.untracked_tokens:,}"
        yield f"untracked: {calls} with {tokens} tokens that others traced inside the run; in no other number"
    if metrics.remote_usage:
        yield f"remote agents: {metrics.remote_usage:,} tokens, by calls that are not in the trace; in no other number"


def failures(metrics: PerformanceMetrics) -> Iterator[str]:
    """Which calls failed or were cancelled, in one sentence, if any."""
    said = [
        f"{plural(count, what)} {how}"
        for count, what, how in (
            (metrics.failed_api_calls, "model call", "failed"),
            (metrics.cancelled_api_calls, "model call", "cancelled"),
            (metrics.failed_tool_calls, "tool call", "failed"),
        )
        if count
    ]
    if said:
        yield ", ".join(said)
