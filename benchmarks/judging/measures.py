"""What is measured of each attempt: the table of measures, by the names that the metrics of a run have."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nanoagent.core.performance import PerformanceMetrics

PASS_RATE: Final = "pass_rate"  # noqa: S105 - no password
"""The share of the attempts that passed. It is no measure of one attempt, and is compared all the same."""


class Kind(StrEnum):
    """What a number is about. An attempt may be a measurement of some of these only."""

    SCORE = "score"
    """Whether the goal was passed."""
    COUNTS = "counts"
    """Iterations and calls."""
    TOKENS = "tokens"
    """Tokens, and what they cost."""
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number of an attempt; fewer is better, whichever it is."""

    name: str
    """As the metrics in results.json name it."""
    label: str
    """As people read it."""
    kind: Kind
    of: Callable[[PerformanceMetrics], float | None]
    """Reads it; `None` where it is not known, which is never 0."""


MEASURES: Final = (
    Measure(name="iterations", label="iterations", kind=Kind.COUNTS, of=lambda metrics: metrics.iterations),
    Measure(name="api_calls", label="model calls", kind=Kind.COUNTS, of=lambda metrics: metrics.api_calls),
    Measure(name="tool_calls", label="tool calls", kind=Kind.COUNTS, of=lambda metrics: metrics.tool_calls),
    Measure(
        name="failed_tool_calls",
        label="failed tool calls",
        kind=Kind.COUNTS,
        of=lambda metrics: metrics.failed_tool_calls,
    ),
    Measure(name="input_tokens", label="input tokens", kind=Kind.TOKENS, of=lambda metrics: metrics.input_tokens),
    Measure(name="output_tokens", label="output tokens", kind=Kind.TOKENS, of=lambda metrics: metrics.output_tokens),
    Measure(name="tokens_used", label="tokens", kind=Kind.TOKENS, of=lambda metrics: metrics.tokens_used),
    Measure(
        name="cost_usd",
        label="cost in USD",
        kind=Kind.TOKENS,
        of=lambda metrics: None if metrics.cost_usd is None else float(metrics.cost_usd),
    ),
    Measure(name="duration_seconds", label="seconds", kind=Kind.TIME, of=lambda metrics: metrics.duration_seconds()),
    Measure(name="llm_seconds", label="model seconds", kind=Kind.TIME, of=lambda metrics: metrics.llm_seconds),
)
MEASURE_OF: Final = {measure.name: measure for measure in MEASURES}
LABELS: Final = {PASS_RATE: "pass rate"} | {measure.name: measure.label for measure in MEASURES}
"""What is compared, by its name: how people read it."""


def is_time(metric: str) -> bool:
    """Whether what is compared under this name is a time, in which chance always has a part."""
    return metric in MEASURE_OF and MEASURE_OF[metric].kind is Kind.TIME
