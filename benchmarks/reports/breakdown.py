"""The breakdown of a benchmark run: what each phase and each iteration took, with its time split, as tables."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Self

from benchmarks.formats import count, seconds, shares
from benchmarks.reports.markdown import table
from benchmarks.results.results import Results
from instrumentation.rendering.quantities import UNKNOWN
from nanoagent.core.counting import PHASES
from nanoagent.core.performance import NS_PER_S, Counts, IterationCounts

TIME_COLUMNS: Final = ("Time", "Model", "Tools", "Rest")
"""The head of the cells of a time split."""
_BETWEEN: Final = "between them"
"""Time of the runs that is of no phase."""


class TimeSplit(NamedTuple):
    """A time, as the three parts that it adds up from; as in `Counts`."""

    llm_ns: int
    tool_ns: int
    other_ns: int

    @classmethod
    def of(cls, parts: Iterable[Counts]) -> Self:
        """The times of these added up."""
        rows = list(parts)
        return cls(*(sum(getattr(row, name) for row in rows) for name in cls._fields))

    def without(self, other: "TimeSplit") -> "TimeSplit":
        """What is left of it; a part that would be below 0 is 0."""
        return TimeSplit(*(max(0, mine - theirs) for mine, theirs in zip(self, other, strict=True)))

    def cells(self, runs: int = 1) -> list[str]:
        """Under `TIME_COLUMNS`: the mean time of so many runs, and its parts in percent, which add up to 100."""
        return [seconds(sum(self) / runs / NS_PER_S) if any(self) else UNKNOWN, *shares(self)]


def phase_table(results: Results) -> list[str]:
    """All goals added up, phase by phase, with what lies between the phases, and the whole."""
    runs = [attempt.metrics for _, attempt in results.attempts]
    phases = {phase: [row for run in runs for row in run.by_phase if row.phase == phase] for phase in PHASES}
    rows = [[phase, *_counts(parts), *TimeSplit.of(parts).cells()] for phase, parts in phases.items() if parts]
    whole = TimeSplit.of(runs)
    between = whole.without(TimeSplit.of(row for parts in phases.values() for row in parts))
    rows.append([_BETWEEN, *[""] * 4, *between.cells()])
    rows.append(["all", *_counts(runs), *whole.cells()])
    return table(["Phase", "Model calls", "Input", "Output", "Tool calls", *TIME_COLUMNS], rows, numbers_from=1)


def iteration_table(results: Results) -> list[str]:
    """Iteration by iteration, the mean of the runs that came so far; no line at all where no run has iterations."""
    by_number: defaultdict[int, list[IterationCounts]] = defaultdict(list)
    for _, attempt in results.attempts:
        for row in attempt.metrics.by_iteration:
            by_number[row.iteration].append(row)
    if not by_number:
        return []
    rows = [
        [str(number), count(len(parts)), *_means(parts), *TimeSplit.of(parts).cells(runs=len(parts))]
        for number, parts in sorted(by_number.items())
    ]
    return table(["Iteration", "Runs", "Model calls", "Tokens", "Tool calls", *TIME_COLUMNS], rows, numbers_from=1)


def _counts(parts: Sequence[Counts]) -> list[str]:
    return [count(sum_of(parts, name)) for name in ("api_calls", "input_tokens", "output_tokens", "tool_calls")]


def _means(parts: Sequence[Counts]) -> list[str]:
    calls, tokens, tools = (sum_of(parts, name) for name in ("api_calls", "tokens_used", "tool_calls"))
    return [_mean(calls, len(parts), ".1f"), _mean(tokens, len(parts), ",.0f"), _mean(tools, len(parts), ".1f")]


def _mean(total: int | None, number: int, form: str) -> str:
    return UNKNOWN if total is None else format(total / number, form)


def sum_of(parts: Sequence[Counts], name: str) -> int | None:
    """The sum of a field; unknown as soon as a part of it is."""
    values = [getattr(part, name) for part in parts]
    return None if any(value is None for value in values) else sum(values)
