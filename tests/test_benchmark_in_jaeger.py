"""The main job, end to end: the benchmark runs, a real Jaeger holds every trace, and the numbers agree."""

import json
from pathlib import Path
from typing import Any

import pytest

from nanoagent.tracing import names
from tests.commands import run_benchmark
from tests.jaeger.client import Span
from tests.jaeger.plugin import Jaeger

pytestmark = pytest.mark.jaeger


def test_every_goals_trace_is_in_jaeger_with_the_numbers_of_the_results(jaeger: Jaeger, tmp_path: Path) -> None:
    done = run_benchmark(
        tmp_path,
        OTEL_EXPORTER="jaeger,file",
        OTEL_EXPORTER_FILE_PATH=str(tmp_path / "traces.jsonl"),
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_http_endpoint,
        NANOAGENT_JAEGER_URL=jaeger.ui_url,
    )
    assert (done.returncode, done.stderr) == (0, "")
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results["goals"]) >= 12
    written = _spans_in(tmp_path / "traces.jsonl")
    for goal in results["goals"]:
        (attempt,) = goal["attempts"]
        expected = written[attempt["trace_id"]]
        spans = jaeger.client.get_trace(attempt["trace_id"], spans=len(expected))
        assert {_identity(span) for span in spans} == expected
        assert len(spans) == len(expected)
        _assert_same(goal, attempt, spans)
        assert attempt["trace_url"] == f"{jaeger.ui_url}/trace/{attempt['trace_id']}"
        assert attempt["trace_url"] in done.stdout
    session = {names.BENCHMARK_SESSION_ID: results["provenance"]["session_id"]}
    found = jaeger.client.find_traces("nanoagent-bench", session)
    assert set(found) == {goal["attempts"][0]["trace_id"] for goal in results["goals"]}


Identity = tuple[str, str, str, int, int]
"""Id, parent's id, name, start and end of a span."""


def _identity(span: Any) -> Identity:
    times = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    return span["spanId"], span.get("parentSpanId", ""), span["name"], *times


def _spans_in(path: Path) -> dict[str, set[Identity]]:
    """What the file exporter wrote, by trace id: every span that was emitted."""
    traces: dict[str, set[Identity]] = {}
    for line in path.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    traces.setdefault(span["traceId"], set()).add(_identity(span))
    return traces


def _assert_same(goal: dict[str, Any], attempt: dict[str, Any], spans: list[Span]) -> None:
    metrics = attempt["metrics"]
    by_operation: dict[str | None, list[Span]] = {}
    for span in spans:
        by_operation.setdefault(span["attributes"].get(names.OPERATION_NAME), []).append(span)
    (root,) = [span for span in spans if not span["parentSpanId"]]
    assert root["name"] == "benchmark goal"
    assert root["resource"]["service.name"] == "nanoagent-bench"
    assert root["attributes"] == {
        names.BENCHMARK_SESSION_ID: root["attributes"][names.BENCHMARK_SESSION_ID],
        names.BENCHMARK_GOAL_ID: goal["id"],
        names.BENCHMARK_TIER: goal["tier"],
        names.BENCHMARK_ATTEMPT: 1,
        names.BENCHMARK_MODEL: "scripted",
        names.BENCHMARK_VERDICT: attempt["verdict"],
        names.STATUS: metrics["status"],
        names.STOP_REASON: metrics["stop_reason"],
        names.RUN_ITERATIONS: metrics["iterations"],
        names.RUN_INPUT_TOKENS: metrics["input_tokens"],
        names.RUN_OUTPUT_TOKENS: metrics["output_tokens"],
    }
    iterations = [span["attributes"][names.ITERATION] for span in spans if span["name"] == names.ITERATION_SPAN]
    assert sorted(iterations) == list(range(1, metrics["iterations"] + 1))
    chats = by_operation[names.OP_CHAT]
    assert len(chats) == metrics["api_calls"]
    assert sum(span["attributes"][names.INPUT_TOKENS] for span in chats) == metrics["input_tokens"]
    assert sum(span["attributes"][names.OUTPUT_TOKENS] for span in chats) == metrics["output_tokens"]
    assert len(by_operation.get(names.OP_TOOL, [])) == metrics["tool_calls"]
    (run,) = by_operation[names.OP_WORKFLOW]
    assert run["parentSpanId"] == root["spanId"]
    assert (run["startTimeUnixNano"], run["endTimeUnixNano"]) == (
        metrics["start_time_unix_ns"],
        metrics["end_time_unix_ns"],
    )
    _assert_whole_tree(spans, run)


def _assert_whole_tree(spans: list[Span], run: Span) -> None:
    ids = {span["spanId"] for span in spans}
    assert all(span["parentSpanId"] in ids for span in spans if span["parentSpanId"])
    assert {span["attributes"][names.RUN_ID] for span in spans if span["name"] != "benchmark goal"} == {
        run["attributes"][names.RUN_ID]
    }
    assert run["attributes"][names.RUN_API_CALLS] == sum(span["kind"] == "CLIENT" for span in spans)


def test_nothing_listening_is_said_at_the_start_and_the_end_and_changes_no_number(tmp_path: Path) -> None:
    goals = ("--goal", "addition", "--goal", "squares")
    dead = run_benchmark(
        tmp_path / "dead", *goals, OTEL_EXPORTER="jaeger", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1"
    )
    bare = run_benchmark(tmp_path / "bare", *goals)
    assert (dead.returncode, bare.returncode) == (0, 0)
    first, *_, last = dead.stderr.splitlines()
    assert "nothing listens at http://127.0.0.1:1" in first
    assert "docker compose up" in first
    assert "did not arrive" in last
    assert _numbers(tmp_path / "dead") == _numbers(tmp_path / "bare")


def _numbers(output: Path) -> list[Any]:
    goals = json.loads((output / "results.json").read_text())["goals"]
    counted = ("iterations", "api_calls", "input_tokens", "output_tokens", "tool_calls", "status", "complete")
    return [[goal["id"], *(goal["attempts"][0]["metrics"][key] for key in counted)] for goal in goals]
