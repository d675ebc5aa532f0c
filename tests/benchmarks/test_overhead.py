"""The cost of looking: how it is worked out, when it is too much, and how the command says so."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.overhead_measured import Report
from benchmarks.overhead_ratios import Finding, Question, Round, added, added_ratio, found, interval, medians, quotient
from benchmarks.overhead_report import as_data, table
from benchmarks.overhead_rounds import Budget
from benchmarks.overhead_step import SPANS, Step, by_hand, provider, with_wrappers
from nanoagent.tracing import names
from tests.commands import run_python

SCRIPT = "benchmarks/overhead.py"
ROUNDS: list[Round] = [
    {"bare": 100.0, "by_hand": 110.0, "ours": 114.0},
    {"bare": 200.0, "by_hand": 212.0, "ours": 212.0},
    {"bare": 300.0, "by_hand": 309.0, "ours": 399.0},
]


def finding(*, low: float, value: float = 1.5, high: float = 2.0, bound: float | None = 1.4) -> Finding:
    return Finding(id="x", what="x", unit="ratio", value=value, low=low, high=high, bound=bound, rounds=3)


def report(*findings: Finding) -> Report:
    return Report(findings=findings, medians_us={"step.bare": 1234.5678}, quick=False)


def test_what_is_added_is_compared_within_each_round_and_the_median_of_the_rounds_counts() -> None:
    assert added("ours", base="bare")(ROUNDS) == 14.0
    assert added("ours", base="bare", parts=4)(ROUNDS) == 3.5
    assert added_ratio("ours", over="by_hand", base="bare")(ROUNDS) == 1.4
    assert quotient("ours", over="bare")(ROUNDS) == pytest.approx(1.14)
    assert medians(ROUNDS) == {"bare": 200.0, "by_hand": 212.0, "ours": 212.0}


def test_beside_nothing_any_cost_is_beyond_measure() -> None:
    ratio = added_ratio("ours", over="bare", base="bare")
    assert ratio(ROUNDS) == math.inf
    question = Question(id="x", what="x", unit="ratio", statistic=ratio, bound=1.4)
    (data,) = as_data(report(found(question, ROUNDS)))["findings"]
    assert (data["value"], data["low"], data["over"]) == (None, None, True)


def test_an_interval_is_the_same_each_time_and_holds_the_middle_of_the_rounds() -> None:
    rounds: list[Round] = [{"cost": float(cost)} for cost in range(101)]
    middle: Callable[[Any], float] = lambda drawn: medians(drawn)["cost"]  # noqa: E731
    low, high = interval(middle, rounds)
    assert (low, high) == interval(middle, rounds)
    assert 25 < low < 50 < high < 75


def test_rounds_that_agree_leave_no_doubt() -> None:
    assert interval(added("ours", base="bare"), ROUNDS[:1]) == (14.0, 14.0)


@pytest.mark.parametrize(
    ("low", "bound", "over"), [(1.41, 1.4, True), (1.4, 1.4, False), (1.39, 1.4, False), (9.9, None, False)]
)
def test_only_the_lower_end_of_an_interval_is_over_a_bound(low: float, bound: float | None, over: bool) -> None:
    assert finding(low=low, bound=bound).over is over
    assert report(finding(low=0.1), finding(low=low, bound=bound)).ok is not over


def test_the_table_fits_80_columns_and_says_what_is_over() -> None:
    shown = table(report(finding(low=1.41), finding(low=1.3), finding(low=1.3, bound=None))).splitlines()
    assert max(map(len, shown)) <= 80
    assert shown[1].split() == ["x", "1.500", "1.410", "to", "2.000", "1.40", "over"]
    assert shown[2].split() == ["x", "1.500", "1.300", "to", "2.000", "1.40", "ok"]
    assert shown[3].split() == ["x", "1.500", "1.300", "to", "2.000", "-"]


@pytest.mark.parametrize(("rounds", "seconds", "made"), [(5, 60.0, 5), (5, 0.0, 2), (1, 60.0, 1)])
def test_rounds_end_when_there_are_enough_or_the_time_is_up(rounds: int, seconds: float, made: int) -> None:
    assert list(Budget(rounds=rounds, seconds=seconds)) == list(range(made))


@pytest.mark.anyio
async def test_spans_made_by_hand_are_those_that_the_wrappers_make() -> None:
    hand, ours = await spans_of(by_hand), await spans_of(with_wrappers)
    assert len(hand) == SPANS
    assert hand == ours


async def spans_of(way: Callable[[TracerProvider], Step]) -> list[tuple[Any, ...]]:
    """Name, kind, parent's name and attributes of each span, in the order in which they ended."""
    exporter = InMemorySpanExporter()
    await way(provider(SimpleSpanProcessor(exporter)))()
    spans = exporter.get_finished_spans()
    by_id = {span.context.span_id: span.name for span in spans if span.context}
    return [
        (
            span.name,
            span.kind,
            by_id.get(span.parent.span_id) if span.parent else None,
            dict(span.attributes or {}) | {names.RUN_ID: "any"},
        )
        for span in spans
    ]


@pytest.mark.slow
def test_the_command_measures_and_exits_by_what_it_found() -> None:
    done = run_python(SCRIPT, "--quick", "--json")
    data = json.loads(done.stdout)
    assert done.returncode == (0 if data["ok"] else 1)
    assert "the agent step" in done.stderr
    assert sorted(data) == ["confidence", "findings", "machine", "medians_us", "ok", "quick", "schema_version"]
    bounds = {row["id"]: row["bound"] for row in data["findings"]}
    assert bounds == {
        "wrappers": 1.4,
        "tracing": 2.3,
        "pydantic_ai": None,
        "off": 1.05,
        "outside": 1.05,
        "aggregator": 5.0,
        "aggregator_asked": None,
        "aggregator_in_situ": None,
        "nanoagent": 1.05,
    }
    assert data["ok"] is not any(row["over"] for row in data["findings"])
    assert all(row["over"] is (row["bound"] is not None and row["low"] > row["bound"]) for row in data["findings"])
    assert all(cost > 0 for cost in data["medians_us"].values())


def test_help_answers() -> None:
    done = run_python(SCRIPT, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--json" in done.stdout


@pytest.mark.parametrize("arguments", [["--bogus"], ["--json=yes"], ["extra"]], ids=str)
def test_a_usage_error_exits_with_4(arguments: list[str]) -> None:
    done = run_python(SCRIPT, *arguments)
    assert (done.returncode, done.stdout) == (4, "")
    assert "Traceback" not in done.stderr
