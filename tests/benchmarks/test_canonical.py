"""The canonical form of results: without clock, machine and ids, and with everything else."""

import json
from typing import Any

import pytest

from benchmarks.judging.measures import MEASURES, Kind
from benchmarks.results.canonical import canonical
from benchmarks.results.results import Results, results_of
from nanoagent.core.performance import PhaseCounts
from tests.benchmarks.results_made import attempt, facts, metrics, provenance, results_text

ID = "llm_ns"
"""A goal may be called like a time."""


def made(*, source: dict[str, Any], numbers: dict[str, Any], **fields: Any) -> Results:
    attempts = [attempt(ID, number, metrics=metrics(**numbers), **fields) for number in (1, 2)]
    return results_of(provenance(repeat=2, **source), [facts(ID)], attempts)


def form(*, source: dict[str, Any] | None = None, numbers: dict[str, Any] | None = None, **fields: Any) -> str:
    return json.dumps(canonical(made(source=source or {}, numbers=numbers or {}, **fields).to_dict()))


def test_clocks_ids_and_machines_are_no_part_of_it() -> None:
    source = {
        "session_id": "s2",
        "machine": {"os": "Darwin"},
        "concurrency": 4,
        "engine": "ray",
        "started_at": "2027-01-01T00:00:00+00:00",
        "ended_at": None,
    }
    phases = (PhaseCounts(phase="plan", llm_ns=7),), (PhaseCounts(phase="plan", llm_ns=8, first_chunk_ns=1),)
    times = {"llm_ns": 5, "tool_ns": 6, "parallel_ns": 2, "start_time_unix_ns": 1, "end_time_unix_ns": 12}
    ids = {"run_id": "r", "parent_run_id": "p", "trace_id": "a" * 32}
    assert form(numbers={"by_phase": phases[0]}) == form(
        source=source, numbers={"by_phase": phases[1], **times, **ids}, trace_id="a" * 32, trace_url="http://j/a"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"source": {"model": "other"}},
        {"source": {"settings": {"tier": ["simple"]}}},
        {"source": {"commit": "0" * 40}},
        {"source": {"packages": {"pint": "1"}}},
        {"numbers": {"input_tokens": 6_001}},
        {"numbers": {"by_phase": (PhaseCounts(phase="plan", api_calls=1),)}},
        {"numbers": {"error_type": "ValueError"}},
        {"answer": "9"},
        {"error_type": "ValueError"},
    ],
    ids=str,
)
def test_what_was_measured_is_part_of_it(changed: dict[str, Any]) -> None:
    assert form(**changed) != form()


def test_statistics_are_part_of_it_but_for_times() -> None:
    statistics = canonical(made(source={}, numbers={}).to_dict())["statistics"]
    assert statistics["goals"][ID] == statistics["tiers"]["simple"] == statistics["all"]
    assert statistics["all"]["pass_rate"]["passed"] == 2
    assert list(statistics["all"]["measures"]) == [one.name for one in MEASURES if one.kind is not Kind.TIME]


def test_what_the_file_adds_is_no_part_of_it() -> None:
    results = made(source={}, numbers={}).to_dict()
    written = json.loads(results_text(results, [b"{}"], comparison={"rows": []}))
    assert canonical(written) == canonical(results)


def test_one_attempt_each_has_no_statistics() -> None:
    assert canonical(results_of(provenance(), [facts(ID)], [attempt(ID)]).to_dict())["statistics"] is None
