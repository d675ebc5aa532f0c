"""The cost of looking: how it is worked out, when it is too much, and how the command says so."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.measuring import reading as overhead_reading
from benchmarks.measuring.budget import Budget
from benchmarks.measuring.measured import Report
from benchmarks.measuring.ratios import (
    Bound,
    Finding,
    Question,
    Round,
    added,
    added_ratio,
    found,
    interval,
    medians,
    quotient,
)
from benchmarks.measuring.reading import reading_rounds
from benchmarks.measuring.report import as_data, table
from benchmarks.measuring.step import SPANS, Step, by_hand, provider, with_wrappers
from benchmarks.measuring.traces import copies, exported_lines
from nanoagent.tracing import names
from tests.commands import run_python

SCRIPT = "benchmarks/overhead.py"
ROUNDS: list[Round] = [
    {"bare": 100.0, "by_hand": 110.0, "ours": 114.0},
    {"bare": 200.0, "by_hand": 212.0, "ours": 212.0},
    {"bare": 300.0, "by_hand": 309.0, "ours": 399.0},
]


MOST = Bound(1.4)
LEAST = Bound(1.4, "least")


def finding(*, low: float, value: float = 1.5, high: float = 2.0, bound: Bound | None = MOST) -> Finding:
    return Finding(id="x", what="x", unit="ratio", value=value, low=low, high=high, bound=bound, rounds=3)


MEDIANS_US = {"step.bare": 1234.5678, "reading.json": 10.0, "reading.metrics": 8.0}


def report(*findings: Finding) -> Report:
    return Report(findings=findings, medians_us=MEDIANS_US, peaks_bytes={"small": 1 << 20}, quick=False)


def test_what_is_added_is_compared_within_each_round_and_the_median_of_the_rounds_counts() -> None:
    assert added("ours", base="bare")(ROUNDS) == 14.0
    assert added("ours", base="bare", parts=4)(ROUNDS) == 3.5
    assert added_ratio("ours", over="by_hand", base="bare")(ROUNDS) == 1.4
    assert quotient("ours", over="bare")(ROUNDS) == pytest.approx(1.14)
    assert medians(ROUNDS) == {"bare": 200.0, "by_hand": 212.0, "ours": 212.0}


def test_beside_nothing_any_cost_is_beyond_measure() -> None:
    ratio = added_ratio("ours", over="bare", base="bare")
    assert ratio(ROUNDS) == math.inf
    question = Question(id="x", what="x", unit="ratio", statistic=ratio, bound=MOST)
    (data,) = as_data(report(found(question, ROUNDS)))["findings"]
    assert (data["value"], data["low"], data["past"]) == (None, None, True)


def test_an_interval_is_the_same_each_time_and_holds_the_middle_of_the_rounds() -> None:
    rounds: list[Round] = [{"cost": float(cost)} for cost in range(101)]
    middle: Callable[[Any], float] = lambda drawn: medians(drawn)["cost"]  # noqa: E731
    low, high = interval(middle, rounds)
    assert (low, high) == interval(middle, rounds)
    assert 25 < low < 50 < high < 75


def test_rounds_that_agree_leave_no_doubt() -> None:
    assert interval(added("ours", base="bare"), ROUNDS[:1]) == (14.0, 14.0)


@pytest.mark.parametrize(
    ("low", "high", "bound", "past"),
    [
        (1.41, 2.0, MOST, True),
        (1.4, 2.0, MOST, False),
        (1.3, 1.3, MOST, False),
        (1.3, 1.39, LEAST, True),
        (1.3, 1.4, LEAST, False),
        (2.0, 2.0, LEAST, False),
        (9.9, 9.9, None, False),
    ],
)
def test_only_an_interval_that_is_all_on_the_wrong_side_is_past_its_bound(
    low: float, high: float, bound: Bound | None, past: bool
) -> None:
    assert finding(low=low, high=high, bound=bound).past is past
    assert report(finding(low=0.1), finding(low=low, high=high, bound=bound)).ok is not past


def test_the_table_fits_80_columns_and_says_what_is_past_its_bound() -> None:
    findings = [
        finding(low=1.41),
        finding(low=1.3),
        finding(low=1.3, high=1.39, bound=LEAST),
        finding(low=1.3, bound=None),
    ]
    shown = table(report(*findings)).splitlines()
    assert max(map(len, shown)) <= 80
    assert shown[1].split() == ["x", "1.500", "1.410", "to", "2.000", "<1.40", "past"]
    assert shown[2].split() == ["x", "1.500", "1.300", "to", "2.000", "<1.40", "ok"]
    assert shown[3].split() == ["x", "1.500", "1.300", "to", "1.390", ">1.40", "past"]
    assert shown[4].split() == ["x", "1.500", "1.300", "to", "2.000", "-"]
    assert shown[-3:] == [
        "json.loads alone: 100,000 spans a second",
        "OTLP JSON to metrics: 125,000 spans a second",
        "memory at the most, small: 1.0 MiB",
    ]


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
    keys = ["confidence", "findings", "machine", "medians_us", "ok", "peaks_bytes", "quick", "schema_version"]
    assert sorted(data) == keys
    bounds = {row["id"]: row["bound"] and (row["bound"]["side"], row["bound"]["limit"]) for row in data["findings"]}
    assert bounds == {
        "wrappers": ("most", 1.4),
        "tracing": ("most", 2.3),
        "pydantic_ai": None,
        "off": ("most", 1.05),
        "outside": ("most", 1.05),
        "aggregator": ("most", 5.0),
        "aggregator_asked": None,
        "metrics": None,
        "aggregator_in_situ": None,
        "nanoagent": ("most", 1.05),
        "attempts": ("least", 0.9),
        "attempts_wall": None,
        "reading": ("least", 1.3),
        "reading_dropped": None,
        "large": ("most", 1.2),
    }
    assert data["ok"] is not any(row["past"] for row in data["findings"])
    assert all(cost > 0 for cost in data["medians_us"].values())


def test_copies_of_exported_lines_are_other_traces_of_the_same_shape() -> None:
    line = b'{"traceId":"%032x","spanId":"%016x","parentSpanId":"%016x"},{"traceId":"%032x","spanId":"%016x"}'
    first, second, third = copies([line % (1, 2, 3, 1, 3)], spans=5)
    ids = [re.findall(rb'"([0-9a-f]{16,32})"', one) for one in (first, second, third)]
    assert all(trace == again and parent == other for trace, _, parent, again, other in ids)
    assert len({one for line_ids in ids for one in line_ids}) == 9
    assert [list(map(len, line_ids)) for line_ids in ids] == [[32, 16, 16, 32, 16]] * 3


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_reader_says_what_a_span_costs_and_what_memory_it_takes(tmp_path: Path) -> None:
    lines = await exported_lines(tmp_path)
    (first, second) = reading_rounds(lines, tmp_path, Budget(rounds=2, seconds=60.0), spans=2_000)
    assert first.keys() == second.keys() == {"json", "json_dropped", "metrics"}
    assert min(*first.values(), *second.values()) > 0
    assert 10 << 20 < overhead_reading.peak_bytes(tmp_path / "runs.jsonl") < 200 << 20


def test_help_answers() -> None:
    done = run_python(SCRIPT, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--json" in done.stdout


@pytest.mark.parametrize("arguments", [["--bogus"], ["--json=yes"], ["extra"]], ids=str)
def test_a_usage_error_exits_with_4(arguments: list[str]) -> None:
    done = run_python(SCRIPT, *arguments)
    assert (done.returncode, done.stdout) == (4, "")
    assert "Traceback" not in done.stderr
