"""What metrics must add up to: the sums of the outermost runs' own numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from instrumentation.metrics.instruments import ITERATIONS, TOKENS
from instrumentation.testing import MetricPoint
from nanoagent import PerformanceMetrics
from nanoagent.core.records import CANCELLED_ERROR_TYPE

ANY = "any"
"""Stands for every value of a label that is there."""
Part = Literal["value", "count", "sum"]
PROMETHEUS_NAMES = {
    "gen_ai.client.operation.duration": "gen_ai_client_operation_duration_seconds",
    "gen_ai.client.token.usage": "gen_ai_client_token_usage",
    "gen_ai.execute_tool.duration": "gen_ai_execute_tool_duration_seconds",
    "nanoagent.cost": "nanoagent_cost_usd_total",
    "nanoagent.unmeasured_api_calls": "nanoagent_unmeasured_api_calls_total",
    "nanoagent.unpriced_api_calls": "nanoagent_unpriced_api_calls_total",
    "nanoagent.runs": "nanoagent_runs_total",
    "nanoagent.run.duration": "nanoagent_run_duration_seconds",
    "nanoagent.run.iterations": "nanoagent_run_iterations",
    "nanoagent.run.tokens": "nanoagent_run_tokens",
    "nanoagent.run.api_calls": "nanoagent_run_api_calls",
    "nanoagent.run.tool_calls": "nanoagent_run_tool_calls",
    "nanoagent.run.cost": "nanoagent_run_cost_usd",
    "nanoagent.run.time": "nanoagent_run_time_seconds_total",
    "nanoagent.phase.time": "nanoagent_phase_time_seconds_total",
}


@dataclass(frozen=True)
class Total:
    """One number that can be had from metrics, and what it must be."""

    name: str
    part: Part
    expected: float
    labels: Mapping[str, str] = field(default_factory=dict)

    def of_points(self, points: Iterable[MetricPoint]) -> float:
        """What these points say of it."""
        return sum(
            getattr(point, self.part) or 0
            for point in points
            if point.name == self.name
            and all(
                key in point.attributes and value in (ANY, point.attributes[key]) for key, value in self.labels.items()
            )
        )

    @property
    def query(self) -> str:
        """PromQL that asks for it."""
        suffix = "" if self.part == "value" else f"_{self.part}"
        matchers = ",".join(
            f'{key.replace(".", "_")}!=""' if value == ANY else f'{key.replace(".", "_")}="{value}"'
            for key, value in self.labels.items()
        )
        return f"sum({PROMETHEUS_NAMES[self.name]}{suffix}{{{matchers}}})"

    def __str__(self) -> str:
        return self.query


def totals_of(runs: Sequence[PerformanceMetrics]) -> list[Total]:
    """Every total, for the numbers of some outermost runs."""

    def total(of: Callable[[PerformanceMetrics], float | None]) -> float:
        return sum(of(run) or 0 for run in runs)

    def known(of: Callable[[PerformanceMetrics], object]) -> int:
        return sum(of(run) is not None for run in runs)

    totals = [
        Total("nanoagent.runs", "value", len(runs)),
        Total("nanoagent.run.duration", "count", len(runs)),
        Total("nanoagent.run.duration", "sum", total(lambda run: run.duration_seconds())),
        Total("nanoagent.run.iterations", "count", known(lambda run: run.iterations)),
        Total("nanoagent.run.iterations", "sum", total(lambda run: run.iterations)),
        Total("nanoagent.run.tokens", "count", known(lambda run: run.tokens_used)),
        Total("nanoagent.run.tokens", "sum", total(lambda run: run.tokens_used)),
        Total("nanoagent.run.api_calls", "count", len(runs)),
        Total("nanoagent.run.api_calls", "sum", total(lambda run: run.api_calls)),
        Total("nanoagent.run.tool_calls", "count", len(runs)),
        Total("nanoagent.run.tool_calls", "sum", total(lambda run: run.tool_calls)),
        Total("nanoagent.run.cost", "count", known(lambda run: run.cost_usd)),
        Total("nanoagent.run.cost", "sum", total(lambda run: None if run.cost_usd is None else float(run.cost_usd))),
        Total("nanoagent.cost", "value", total(lambda run: float(run.cost_usd_known))),
        Total("nanoagent.unmeasured_api_calls", "value", total(lambda run: run.unmeasured_api_calls)),
        Total("nanoagent.unpriced_api_calls", "value", total(lambda run: run.unpriced_api_calls)),
        Total("gen_ai.client.operation.duration", "count", total(lambda run: run.api_calls)),
        Total(
            "gen_ai.client.operation.duration",
            "count",
            total(lambda run: run.failed_api_calls + run.cancelled_api_calls),
            {"error.type": ANY},
        ),
        Total(
            "gen_ai.client.operation.duration",
            "count",
            total(lambda run: run.cancelled_api_calls),
            {"error.type": CANCELLED_ERROR_TYPE},
        ),
        Total("gen_ai.client.token.usage", "sum", total(lambda run: run.input_tokens), {"gen_ai.token.type": "input"}),
        Total(
            "gen_ai.client.token.usage", "sum", total(lambda run: run.output_tokens), {"gen_ai.token.type": "output"}
        ),
        Total("gen_ai.execute_tool.duration", "count", total(lambda run: run.tool_calls)),
        Total("gen_ai.execute_tool.duration", "count", total(lambda run: run.failed_tool_calls), {"error.type": ANY}),
        Total("nanoagent.run.time", "value", total(lambda run: run.llm_seconds), {"nanoagent.time": "llm"}),
        Total("nanoagent.run.time", "value", total(lambda run: run.tool_seconds), {"nanoagent.time": "tool"}),
        Total("nanoagent.run.time", "value", total(lambda run: run.other_seconds), {"nanoagent.time": "other"}),
    ]
    for status, reason in sorted({(run.status, run.stop_reason) for run in runs}, key=str):
        labels = {"nanoagent.status": status} | ({"nanoagent.stop_reason": reason} if reason else {})
        count = sum((run.status, run.stop_reason) == (status, reason) for run in runs)
        if reason:
            totals.append(Total("nanoagent.runs", "value", count, labels))
    return [*totals, *_of_phases(runs)]


def _of_phases(runs: Sequence[PerformanceMetrics]) -> Iterable[Total]:
    for name in sorted({phase.phase for run in runs for phase in run.by_phase}):
        rows = [phase for run in runs for phase in run.by_phase if phase.phase == name]
        labels = {"nanoagent.phase": name}
        yield Total("gen_ai.client.operation.duration", "count", sum(row.api_calls for row in rows), labels)
        yield Total("nanoagent.cost", "value", sum(float(row.cost_usd_known) for row in rows), labels)
        yield Total("nanoagent.unmeasured_api_calls", "value", sum(row.unmeasured_api_calls for row in rows), labels)
        yield Total("nanoagent.unpriced_api_calls", "value", sum(row.unpriced_api_calls for row in rows), labels)
        tokens = (("input", [row.input_tokens for row in rows]), ("output", [row.output_tokens for row in rows]))
        for kind, counts in tokens:
            expected = sum(count or 0 for count in counts)
            yield Total("gen_ai.client.token.usage", "sum", expected, labels | {"gen_ai.token.type": kind})
        times = (
            ("llm", [row.llm_seconds for row in rows]),
            ("tool", [row.tool_seconds for row in rows]),
            ("other", [row.other_seconds for row in rows]),
        )
        for time, seconds in times:
            yield Total("nanoagent.phase.time", "value", sum(seconds), labels | {"nanoagent.time": time})


def bucket_counts(points: Iterable[MetricPoint], name: str) -> tuple[int, ...]:
    """Of a histogram of whole numbers, over all its labels, how many values are in each bucket."""
    rows = [point.bucket_counts or () for point in points if point.name == name]
    return tuple(map(sum, zip(*rows, strict=True)))


def bucket_of(value: float, bounds: Sequence[float]) -> int:
    """Which bucket of a histogram a value falls into: the first one whose bound it does not pass."""
    return next((number for number, bound in enumerate(bounds) if value <= bound), len(bounds))


def buckets_of(runs: Sequence[PerformanceMetrics]) -> dict[str, tuple[int, ...]]:
    """For the histograms whose values are whole numbers of runs, how many of them are in each bucket."""
    wanted = {
        "nanoagent.run.iterations": ([run.iterations for run in runs], ITERATIONS),
        "nanoagent.run.tokens": ([run.tokens_used for run in runs], TOKENS),
    }
    counted = {}
    for name, (values, bounds) in wanted.items():
        counts = [0] * (len(bounds) + 1)
        for value in values:
            if value is not None:
                counts[bucket_of(value, bounds)] += 1
        counted[name] = tuple(counts) if any(counts) else ()
    return counted
