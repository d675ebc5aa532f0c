"""The amounts by which two runs differ, in words: tokens by phase and iteration, time by what it was spent in."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from benchmarks.formats import listed, seconds
from benchmarks.reports.naming import named
from instrumentation.comparing.comparison import Comparison, Pair
from instrumentation.comparing.recorded import RecordedRun
from instrumentation.comparing.steps import Step, StepKind
from nanoagent.core.performance import NS_PER_S

MOST_NAMED: Final = 3
"""Iterations and tools in a sentence: those with the largest difference."""


def of_tokens(found: Comparison) -> list[str]:
    """How many more tokens the second run took in each phase, and how much longer its prompts were."""
    phases = [
        f"{row.phase} {change:+,} {kind}"
        for row in found.tokens_by_phase
        for kind, pair in (("input", row.input_tokens), ("output", row.output_tokens))
        if (change := _more(pair))
    ]
    grown = [(change, row.where) for row in found.prompt_growth if (change := _more(row.last))]
    prompts = [f"{where} {change:+,}" for change, where in sorted(grown, key=lambda one: -one[0])]
    return [
        *([f"tokens by phase: {listed(phases)}"] if phases else []),
        *([f"input tokens of the last call: {named(prompts, MOST_NAMED)}"] if prompts else []),
    ]


def of_time(found: Comparison) -> list[str]:
    """How much longer the second run took in model calls, tools and the rest, and in which tools."""
    one, other = found.one.metrics, found.other.metrics
    parts = [f"{name} {_change(getattr(one, field), getattr(other, field))}" for name, field in _PARTS]
    before, now = _by_tool(found.one), _by_tool(found.other)
    slower = sorted((name for name in now if now[name] > before[name]), key=lambda name: before[name] - now[name])
    tools = [f"`{name}` {_change(before[name], now[name])}" for name in slower[:MOST_NAMED]]
    return [f"time: {listed(parts)}", *([f"slower tools: {listed(tools)}"] if tools else [])]


_PARTS: Final = (("model calls", "llm_ns"), ("tools", "tool_ns"), ("the rest", "other_ns"))


def _by_tool(run: RecordedRun) -> Counter[str]:
    """Nanoseconds in each tool, all its calls added up."""
    spent: Counter[str] = Counter()
    for step in _all(run.steps) if run.steps else ():
        if step.kind is StepKind.TOOL:
            spent[step.name] += step.end_ns - step.start_ns
    return spent


def _all(step: Step) -> Iterator[Step]:
    left = [step]
    while left:
        one = left.pop()
        yield one
        left += [inner for moment in one.inside for inner in moment]


def _change(before_ns: int, now_ns: int) -> str:
    sign = "+" if now_ns >= before_ns else "-"
    return f"{sign}{seconds(abs(now_ns - before_ns) / NS_PER_S)}"


def _more(pair: Pair) -> int | None:
    one, other = pair
    return None if one is None or other is None else other - one
