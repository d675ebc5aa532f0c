"""Traces of other producers: the numbers read from them are those of the ledger that the producer's provider kept."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.prices import Prices
from instrumentation.reading.problems import Problems
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.runs import CountedRun

FOREIGN = Path(__file__).parents[2] / "foreign"
FILES: list[dict[str, Any]] = json.loads((FOREIGN / "manifest.json").read_text())["files"]
COUNTS = {
    "model_calls": "api_calls",
    "failed_calls": "failed_api_calls",
    "cancelled_calls": "cancelled_api_calls",
    "calls_with_unknown_usage": "unmeasured_api_calls",
    "tool_calls": "tool_calls",
    "failed_tool_calls": "failed_tool_calls",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cached_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
    "reasoning_tokens": "reasoning_tokens",
}
"""Names of the manifest, and the metrics that they are."""


def read(file: str) -> tuple[list[CountedRun], Problems]:
    problems = Problems()
    return list(counted_runs(read_file(str(FOREIGN / file), problems), problems)), problems


def only_run(file: str) -> PerformanceMetrics:
    [run], _ = read(file)
    return run.metrics


def entries(*kinds: str) -> list[Any]:
    return [
        pytest.param(entry, id=entry["file"].removesuffix(".jsonl"))
        for entry in FILES
        if any(kind in entry or kind in entry.get("totals", ()) for kind in kinds)
    ]


def total(runs: list[CountedRun], metric: str) -> int | None:
    known = [value for run in runs if (value := getattr(run.metrics, metric)) is not None]
    return sum(known) if known else None


def counts_of(totals: dict[str, Any]) -> dict[str, int]:
    """The manifest's counts, in which 0 stands for what no call said as well, by the names of the metrics."""
    counts = {metric: totals[name] or 0 for name, metric in COUNTS.items()}
    unmeasured = totals["calls_with_unknown_usage"] - totals["failed_calls"] - totals["cancelled_calls"]
    return {**counts, "unmeasured_api_calls": unmeasured}


def test_every_trace_file_is_in_the_manifest() -> None:
    assert {path.name for path in FOREIGN.glob("*.jsonl")} == {entry["file"] for entry in FILES}


@pytest.mark.parametrize("entry", entries("totals"))
def test_the_totals_are_those_of_the_ledger(entry: dict[str, Any]) -> None:
    truth = entry["totals"]
    readable = {**truth, **entry.get("readable_from_file", {})}

    runs, problems = read(entry["file"])

    counts = {metric: total(runs, metric) or 0 for metric in counts_of(truth)}
    assert counts == counts_of(truth) or counts == counts_of(readable)
    assert not problems.kept


@pytest.mark.parametrize("entry", entries("totals"))
def test_what_no_call_said_is_unknown(entry: dict[str, Any]) -> None:
    readable = {**entry["totals"], **entry.get("readable_from_file", {})}

    runs, _ = read(entry["file"])

    for name in ("input_tokens", "output_tokens"):
        if readable[name] is None:
            assert [getattr(run.metrics, name) for run in runs] == [None]


@pytest.mark.parametrize("entry", entries("runs"))
def test_a_nested_agent_is_no_run_of_its_own(entry: dict[str, Any]) -> None:
    runs, _ = read(entry["file"])

    assert len(runs) == entry["runs"]
    assert {run.metrics.trace_id for run in runs} == set(entry["trace_ids"])


@pytest.mark.parametrize("entry", entries("totals"))
def test_no_parent_is_missed_in_a_whole_trace(entry: dict[str, Any]) -> None:
    runs, _ = read(entry["file"])

    assert [run.missing_parents for run in runs] == [()] * len(runs)
    assert [run.metrics.complete for run in runs] == [None] * len(runs)


@pytest.mark.parametrize("entry", entries("cost_usd_known_part"))
def test_the_cost_that_the_spans_carry_adds_up(entry: dict[str, Any]) -> None:
    runs, _ = read(entry["file"])

    assert sum(run.metrics.cost_usd_known for run in runs) == Decimal(entry["totals"]["cost_usd_known_part"])
    if entry["totals"]["cost_usd"] is None:
        assert [run.metrics.cost_usd for run in runs] == [None] * len(runs)


@pytest.mark.parametrize("entry", entries("remote_agent_usage"))
def test_what_a_remote_agent_used_is_shown_apart(entry: dict[str, Any]) -> None:
    runs, _ = read(entry["file"])

    assert total(runs, "remote_usage") == sum(entry["remote_agent_usage"].values())
    assert total(runs, "input_tokens") in (None, 0)


@pytest.mark.parametrize("entry", entries("must"))
def test_a_rule_that_must_hold_holds(entry: dict[str, Any]) -> None:
    metrics = only_run(entry["file"])

    for name, value in entry["must"].items():
        if name == "cost" or name == "no_crash" or isinstance(value, str):
            continue  # said of more than one number: tested one by one below
        assert getattr(metrics, COUNTS.get(name, name)) == value


@pytest.mark.parametrize("value", ["nan", "string"])
def test_a_count_that_is_none_is_unknown_and_told(value: str) -> None:
    file = f"sdk_odd_values.usage_input_{value}.jsonl"

    [run], problems = read(file)

    assert (run.metrics.input_tokens, run.metrics.unmeasured_api_calls) == (10, 1)
    assert len(problems.kept) == 1


def test_no_call_costs_less_than_nothing() -> None:
    problems = Problems()
    batches = read_file(str(FOREIGN / "sdk_odd_values.cache_read_larger_than_input.jsonl"), problems)

    [run] = counted_runs(batches, problems, price=Prices())

    assert (run.metrics.input_tokens, run.metrics.cost_usd_known >= 0) == (10, True)
