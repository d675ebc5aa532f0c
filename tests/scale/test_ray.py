"""Attempts that Ray makes on this machine: the same results as those of one process, and nothing is left of Ray."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import attempts_in, results_in, run_benchmark, written_in
from tests.scale.ray_command import by_ray, measured, run_by_ray, until

pytestmark = pytest.mark.slow
DEADLY = """
import sys
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.function import FunctionModel


def answer(messages, info):
    if "Leave" in str(messages):
        sys.exit(7)
    return ModelResponse(parts=[TextPart("It is 8.")])


agent = Agent(FunctionModel(answer, model_name="deadly"))
"""


def goals_in(directory: Path, **texts: str) -> Path:
    """A file of goals, whose answer is 8."""
    goals = [{"id": id_, "tier": "simple", "goal": text, "check": {"number": 8}} for id_, text in texts.items()]
    (directory / "goals.json").write_text(json.dumps({"goals": goals}))
    return directory / "goals.json"


def roots_in(path: Path) -> dict[str, dict[str, Any]]:
    """The attributes of the spans without a parent in a file of traces, by the ids of their traces."""
    found: dict[str, dict[str, Any]] = {}
    for line in path.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
                if not span.get("parentSpanId"):
                    assert span["traceId"] not in found
                    assert span["name"] == "benchmark goal"
                    found[span["traceId"]] = {one["key"]: one["value"] for one in span["attributes"]}
    return found


def test_results_are_those_of_one_process_and_each_attempt_is_a_trace_of_its_own(tmp_path: Path) -> None:
    some = ("--tier", "simple", "--tier", "iterative", "--concurrency", "4")
    alone = run_benchmark(tmp_path / "alone", *some)
    assert alone.returncode == 0, alone.stderr
    done = run_by_ray(
        tmp_path / "ray",
        *some,
        env={"OTEL_EXPORTER": "file", "OTEL_EXPORTER_FILE_PATH": str(tmp_path / "traces.jsonl")},
    )
    assert done.returncode == 0, done.stderr
    [doors] = done.stderr.splitlines()
    assert doors.startswith("Ray listens on every interface of this machine (")
    assert "answers nobody without this run's token" in doors

    found = results_in(tmp_path / "ray")
    assert measured(found) == measured(results_in(tmp_path / "alone"))
    assert found["provenance"]["engine"] == "ray"
    roots = roots_in(tmp_path / "traces.jsonl")
    assert {row["trace_id"]: row["id"] for row in attempts_in(tmp_path / "ray")} == {
        trace_id: root["nanoagent.benchmark.goal_id"]["stringValue"] for trace_id, root in roots.items()
    }
    sessions = {root["nanoagent.benchmark.session_id"]["stringValue"] for root in roots.values()}
    assert sessions == {found["provenance"]["session_id"]}
    kept = (tmp_path / "ray" / "kept-traces.jsonl").read_text().splitlines()
    assert len(kept) == len(roots)


def test_an_attempt_that_ends_its_process_each_time_is_an_error_and_all_others_are_judged(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    goals = goals_in(tmp_path, one="What is 5 + 3?", two="Leave the process", three="What is 4 + 4?")
    done = run_by_ray(
        *(tmp_path / "out", "--agent", "deadly:agent", "--goals", str(goals), "--concurrency", "3"),
        directory=tmp_path,
    )
    assert done.returncode == 3, done.stderr
    rows = {row["id"]: (row["verdict"], row["cause"], row["error_type"]) for row in attempts_in(tmp_path / "out")}
    assert rows == {
        "one": ("pass", None, None),
        "two": ("error", "harness", "WorkerLost"),
        "three": ("pass", None, None),
    }
    said = done.stderr.splitlines()[1:]
    lost = [line for line in said if line.startswith("a worker on ")]
    assert len(lost) == 3
    given_up, logs = [line for line in said if line not in lost]
    assert given_up == (
        "two: attempt 1 lost its worker 3 times, the last time with nothing else at work there, and is given up; what "
        "it runs may end the process, or need more memory than there is"
    )
    assert logs.startswith("what Ray says of workers that are lost is in ")


def test_after_ctrl_c_what_is_done_is_kept_and_nothing_is_left_of_ray(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with by_ray(out, "--concurrency", "3", "--repeat", "1000") as command:
        command.wait_for_rows(5)
        command.interrupt()
        command.interrupt()
        ended = command.ended()
        assert ended.returncode == 130, ended.stderr
        until(lambda: not command.left())
        assert command.files == []
    assert len(ended.stderr.splitlines()) == 1
    found = results_in(out)
    assert (found["complete"], found["interrupted"]) == (False, True)
    made = [(row["id"], row["attempt"]) for row in attempts_in(out)]
    assert len(set(made)) == len(made) >= 5
    assert f"Interrupted: {len(made):,} of 26,000 attempts are judged and kept; go on with:\n" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith(
        "  uv run --extra ray python benchmarks/run_benchmarks.py --engine ray "
    )


def test_a_command_that_is_ended_while_ray_starts_is_interrupted_and_leaves_nothing_of_ray(tmp_path: Path) -> None:
    with by_ray(tmp_path / "out", "--concurrency", "3") as command:
        command.wait_for_start_of_ray()
        command.terminate()
        ended = command.ended()
        assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n")
        until(lambda: not command.left())
        assert command.files == []
    assert written_in(tmp_path / "out") == []
