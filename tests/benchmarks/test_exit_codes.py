"""The command, end to end: what it prints, what it writes and how it exits."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.suite.goals import GOALS
from tests.commands import ROOT, attempts_in, results_in, run_benchmark, written_in

pytestmark = pytest.mark.slow


def test_all_goals_pass_and_everything_is_written(tmp_path: Path) -> None:
    (tmp_path / "attempts.jsonl").write_text('{"of": "another run"}\n')
    done = run_benchmark(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(GOALS)} of {len(GOALS)} goals passed." in done.stdout
    assert "\x1b" not in done.stdout
    table = done.stdout.split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table] == ["Goal", *(goal.id for goal in GOALS)]
    assert max(map(len, table)) <= 80
    results = results_in(tmp_path)
    assert [goal["id"] for goal in results["goals"]] == [goal.id for goal in GOALS]
    assert (results["schema_version"], results["interrupted"]) == (2, False)
    assert results["provenance"]["token_source"] == "counted"
    assert [row["id"] for row in attempts_in(tmp_path)] == [goal.id for goal in GOALS]
    assert (tmp_path / "RESULTS.md").read_text().startswith("# Benchmark results\n")
    assert written_in(tmp_path) == [
        "RESULTS.md",
        "attempts.jsonl",
        *(f"charts/{name}-{colours}.svg" for name in ("headroom", "phases") for colours in ("dark", "light")),
        "junit.xml",
        "kept-traces.jsonl",
        "report.html",
        "results.json",
    ]


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (
            ["--model", "nosuch:model"],
            {},
            "error: --model must name a model that can be used, got 'nosuch:model': Unknown model: nosuch:model; set "
            "what is missing, or leave --model out for scripted, which needs nothing\n",
        ),
        (["--goal", "adition"], {}, "'adition'; the nearest are addition"),
        (["--tier", "smple"], {}, "'smple'; the nearest are simple"),
        (["--goal", "addition", "--tier", "complex"], {}, "at least one goal must be selected"),
        (
            ["--concurrency", "0"],
            {},
            "--concurrency must be a whole number from 1 to 999,999,999, got '0'; leave it out for 1",
        ),
        (["--concurrency", "-1"], {}, "got '-1'"),
        (["--concurrency", "many"], {}, "got 'many'"),
        (["--concurrency", "9" * 5_000], {}, f"got '{'9' * 100}'... (5,000 characters); leave it out for 1\n"),
        (["--save-baseline", "--goal", "addition"], {}, "--save-baseline without a FILE needs all goals"),
        ([], {"OTEL_EXPORTER": "zipkin"}, "OTEL_EXPORTER must name exporters out of none, console, file, jaeger, otlp"),
        ([], {"OTEL_EXPORTER": "none,file"}, "none"),
        ([], {"NANOAGENT_JAEGER_URL": "localhost"}, "NANOAGENT_JAEGER_URL must start with http"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_results_as_they_were(
    tmp_path: Path, arguments: list[str], env: dict[str, str], said: str
) -> None:
    for name in ("results.json", "attempts.jsonl", "RESULTS.md"):
        (tmp_path / name).write_text("good")
    done = run_benchmark(tmp_path, *arguments, **env)
    assert (done.returncode, done.stdout) == (4, "")
    assert re.fullmatch(r"error: .*\n", done.stderr)
    assert said in done.stderr
    assert {name: (tmp_path / name).read_text() for name in written_in(tmp_path)} == dict.fromkeys(
        ("results.json", "attempts.jsonl", "RESULTS.md"), "good"
    )


def test_an_output_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("good")
    done = run_benchmark(tmp_path / "taken")
    assert (done.returncode, (tmp_path / "taken").read_text()) == (4, "good")
    assert "--output must be a directory that can be written to" in done.stderr


def test_an_unknown_option_is_a_usage_error(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path, "--bogus")
    assert done.returncode == 4
    assert "--bogus" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_list_of_goals_is_refused(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path, program=_driver(tmp_path, "goals = []"))
    assert done.returncode == 4
    assert "at least one goal must be selected" in done.stderr


def test_help_answers_and_the_list_lists(tmp_path: Path) -> None:
    assert run_benchmark(tmp_path, "--help").returncode == 0
    listed = run_benchmark(tmp_path, "--list", "--tier", "simple")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["addition", "weekday", "marathon"]


def test_a_failed_criterion_exits_with_1_and_says_which(tmp_path: Path) -> None:
    goals = "goals = [replace(GOALS[0], id='ends-early', stop_reason=StopReason.NO_PROGRESS)]"
    done = run_benchmark(tmp_path, program=_driver(tmp_path, goals))
    assert done.returncode == 1
    assert "ends-early: status completed, expected incomplete" in done.stdout


def test_a_model_that_cannot_be_reached_exits_with_3(tmp_path: Path) -> None:
    goals = """
from benchmarks.subjects import models
from tests.models import CannedModel
def unreachable(name, goals, **options):
    model = CannedModel([RuntimeError("down")])
    return models.ModelSubject(name="canned", model_for=lambda goal, attempt: model, token_source="provider")
import benchmarks.tested
benchmarks.tested.subject_named = unreachable
goals = [GOALS[0]]
"""
    done = run_benchmark(tmp_path, program=_driver(tmp_path, goals))
    assert done.returncode == 3
    assert "addition: cause model_error" in done.stdout


def test_a_failure_and_an_error_at_once_exit_with_1(tmp_path: Path) -> None:
    goals = """
def twice() -> str:
    return ""
goals = [replace(GOALS[0], id="broken", tools=(twice, twice)), replace(GOALS[0], id="wrong", text="no rule for this")]
"""
    done = run_benchmark(tmp_path, program=_driver(tmp_path, goals))
    assert done.returncode == 1
    broken = results_in(tmp_path)["goals"][0]
    assert (broken["verdict"], broken["attempts"][0]["cause"]) == ("error", "harness")
    assert broken["attempts"][0]["metrics"]["cost_usd"] is None


def test_a_row_that_cannot_be_written_ends_the_run_in_one_line_and_shows_what_is_judged(tmp_path: Path) -> None:
    out = tmp_path / "out"
    goals = """
import atexit, resource
import benchmarks.running.traces
benchmarks.running.traces.MAX_ATTEMPTS = 0  # the rows fill the disk, not the traces
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, most))
# What measures coverage writes at the end.
atexit.register(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
goals = GOALS[:5]
"""
    done = run_benchmark(out, program=_driver(tmp_path, goals))
    assert (done.returncode, done.stderr) == (
        4,
        f"error: --output must be a directory with room for the results, got {str(out)!r}: attempts.jsonl cannot be "
        "written (File too large); make room, or choose another one\n",
    )
    kept = [row["id"] for row in attempts_in(out)]
    judged = [line.split()[0] for line in done.stdout.splitlines() if "  pass  " in line]
    assert 0 < len(kept) < 5
    assert judged[: len(kept)] == kept
    assert len(judged) == len(kept) + 1
    assert "results.json" not in done.stdout


def test_results_that_cannot_be_written_are_shown_and_said_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    goals = """
import benchmarks.results.store
def full(*_):
    raise OSError(28, "No space left on device")
write = benchmarks.results.store.write_text
benchmarks.results.store.write_text = lambda path, text: (full() if path.name == "results.json" else write)(path, text)
goals = GOALS[:1]
"""
    done = run_benchmark(out, program=_driver(tmp_path, goals))
    assert (done.returncode, done.stderr) == (
        4,
        f"error: --output must be a directory with room for the results, got {str(out)!r}: results.json cannot be "
        "written (No space left on device); make room, or choose another one\n",
    )
    assert "1 of 1 goal passed." in done.stdout
    assert len(attempts_in(out)) == 1


def test_a_check_that_raises_is_an_error_with_its_traceback_and_stops_no_other_goal(tmp_path: Path) -> None:
    goals = """
from benchmarks.suite.checks import Check
def judge(answer):
    raise LookupError("no such answer")
goals = [replace(GOALS[0], id="unjudged", check=Check(name="own", judge=judge)), GOALS[1]]
"""
    done = run_benchmark(tmp_path, program=_driver(tmp_path, goals))
    assert done.returncode == 3
    assert done.stderr.startswith("unjudged could not be judged:\nTraceback")
    assert "LookupError: no such answer" in done.stderr
    assert "unjudged: cause check; answer not judged: its check raised LookupError" in done.stdout
    (unjudged, weekday) = results_in(tmp_path)["goals"]
    assert (unjudged["attempts"][0]["cause"], unjudged["attempts"][0]["metrics"]["api_calls"]) == ("check", 4)
    assert weekday["verdict"] == "pass"


def test_an_answer_that_no_encoding_can_write_is_kept_with_replacements(tmp_path: Path) -> None:
    options = ["--agent", "tests.benchmarks.own_agents:surrogate", "--goal", "addition"]
    done = run_benchmark(tmp_path, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert results_in(tmp_path)["goals"][0]["attempts"][0]["answer"] == "It is 8 \ufffd."
    assert "It is 8 \ufffd." in (tmp_path / "RESULTS.md").read_text()


def test_ctrl_c_keeps_what_is_done_and_exits_with_130(tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    goals = f"""
import asyncio, pathlib
async def stock_level(item: str) -> str:
    pathlib.Path({str(reached)!r}).touch()
    await asyncio.Event().wait()
    return ""
warehouse = next(goal for goal in GOALS if goal.id == "silent-warehouse")
goals = [GOALS[0], replace(warehouse, tools=(stock_level,)), GOALS[1]]
"""
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, _driver(tmp_path, goals), "--output", str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not reached.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, "")
    assert "Interrupted: 1 of 3 goals are judged and kept; go on with:\n" in stdout
    results = results_in(out)
    assert results["interrupted"] is True
    assert [goal["verdict"] for goal in results["goals"]] == ["pass", None, None]
    assert len(attempts_in(out)) == 1


def test_a_disabled_sdk_is_said_and_changes_no_number(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path, "--goal", "addition", OTEL_SDK_DISABLED="true")
    assert done.returncode == 0
    assert "Traces: not traced" in done.stdout
    (goal,) = results_in(tmp_path)["goals"]
    assert (goal["attempts"][0]["trace_id"], goal["attempts"][0]["metrics"]["api_calls"]) == (None, 4)


def _driver(folder: Path, goals: str) -> str:
    """A program that runs the command on goals of the test's own."""
    script = folder / "driver.py"
    script.write_text(
        "from dataclasses import replace\n"
        "from benchmarks.cli import main\n"
        "from benchmarks.suite.goals import GOALS\n"
        "from nanoagent.core.result import StopReason\n"
        f"{goals}\n"
        "main(goals)\n"
    )
    return str(script)
