"""The baseline through the command line: what a changed agent, another model or a spoilt file comes to."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results.reading import read_results
from benchmarks.results.sealed import sealed
from tests.commands import ROOT, results_in, run_benchmark

SOME = ("--goal", "addition", "--goal", "squares")
CHANGED = """
import sys
sys.path.insert(0, {root!r})
from benchmarks.cli import main
{change}
main()
"""
CALLED_TWICE = """
from benchmarks.scripted import behaviour
from tests.benchmarks.comparing.worse import calling_twice
behaviour.answer = calling_twice(behaviour.answer)
"""
LONGER_PROMPT = """
from nanoagent.core import executor
executor.INSTRUCTIONS += "- Be polite.\\n"
"""


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("baseline")
    done = run_benchmark(directory, *SOME, "--save-baseline", str(directory / "kept" / "base.json"))
    assert (done.returncode, done.stderr) == (0, "")
    said = [line for line in done.stdout.splitlines() if line.startswith("Baseline: ")]
    assert said == [f"Baseline: {directory}/kept/base.json"]  # and nothing of the one that it may replace
    return directory / "kept" / "base.json"


def changed(tmp_path: Path, change: str) -> str:
    path = tmp_path / "changed.py"
    path.write_text(CHANGED.format(root=str(ROOT), change=change))
    return str(path)


def said_of_baseline(stdout: str) -> list[str]:
    lines = stdout.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Baseline: "))
    end = next(place for place, line in enumerate(lines) if line.startswith("Results: "))
    return lines[start:end]


def test_a_baseline_holds_numbers_provenance_and_traces_and_the_same_again_is_not_worse(
    baseline: Path, tmp_path: Path
) -> None:
    recorded = read_results(baseline, "", "")
    assert [row.goal.id for row in recorded.results.goals] == ["addition", "squares"]
    assert len(recorded.trace_lines.splitlines()) == 2
    summary = tmp_path / "summary.md"
    done = run_benchmark(tmp_path, *SOME, "--baseline", str(baseline), GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0
    assert summary.read_text().startswith("\n## Benchmark results\n\n**2 of 2 goals passed.**\n\n**Nothing is worse; ")
    assert said_of_baseline(done.stdout)[0].startswith("Baseline: Nothing is worse; ")
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (CALLED_TWICE, "iteration 1: baseline called `calculate` once, this run twice; "),
        (LONGER_PROMPT, "input tokens"),
    ],
    ids=["a tool called twice", "a longer prompt"],
)
def test_a_worse_agent_exits_with_2_and_it_is_said_where_it_parts(
    baseline: Path, tmp_path: Path, change: str, why: str
) -> None:
    program = changed(tmp_path, change)
    done = run_benchmark(tmp_path / "out", *SOME, "--baseline", str(baseline), program=program)
    assert done.returncode == 2
    lines = said_of_baseline(done.stdout)
    assert lines[0].startswith("Baseline: Worse in ")
    assert any(line.startswith("  addition: ") and why in line for line in lines), lines
    assert why in (tmp_path / "out" / "RESULTS.md").read_text().replace("\\", "")


def edited(path: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> str:
    data = json.loads(path.read_text())
    change(data)
    other = tmp_path / "other.json"
    other.write_text(
        json.dumps(sealed({key: value for key, value in data.items() if key not in ("traces", "checksum")}))
    )
    return str(other)


def of_another_kind(data: dict[str, Any]) -> None:
    data["provenance"].update(model="local", token_source="provider")


def with_one_attempt_missing(data: dict[str, Any]) -> None:
    data["goals"][1]["attempts"] = []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            of_another_kind,
            "it is of model 'local' with token source provider, and this run is of model 'scripted' with token source "
            "counted",
        ),
        (with_one_attempt_missing, "it is not whole: it holds 1 of 2 attempts"),
    ],
    ids=["another kind", "not whole"],
)
def test_a_baseline_that_nothing_can_be_compared_with_is_refused_before_any_goal_runs(
    baseline: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = edited(baseline, tmp_path, change)
    done = run_benchmark(tmp_path / "out", *SOME, "--baseline", path)
    assert (done.returncode, done.stdout, done.stderr) == (
        4,
        "",
        f"error: --baseline must be of the same, got {path!r}: {said}; name another one\n",
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_where_the_committed_baseline_should_be_compared_and_cannot_that_is_no_pass(tmp_path: Path) -> None:
    other_tools = "import benchmarks.plan\nbenchmarks.plan._builtin_tools = lambda: ('calculate',)"
    done = run_benchmark(tmp_path / "out", "--goal", "addition", program=changed(tmp_path, other_tools))
    assert done.returncode == 3
    assert "1 of 1 goal passed." in done.stdout
    assert said_of_baseline(done.stdout)[0].startswith(
        "Baseline: not compared, its built-in tools are others: it alone has add_days, "
    )


def test_a_mistyped_baseline_is_refused_before_any_goal_runs(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path / "out", "--baseline", "nosuch.json")
    assert (done.returncode, done.stdout, done.stderr) == (
        4,
        "",
        "error: --baseline must be a file of results, got 'nosuch.json': No such file or directory; name another one, "
        "or save a new one with --save-baseline\n",
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_goal_that_says_nothing_does_not_switch_off_the_others(baseline: Path, tmp_path: Path) -> None:
    broken = """
from benchmarks.subjects import orchestrator_run
call = orchestrator_run.OrchestratorRun.__call__
async def broken(self):
    if self._goal.id == "addition":
        raise RuntimeError("the harness broke")
    return await call(self)
orchestrator_run.OrchestratorRun.__call__ = broken
"""
    program = changed(tmp_path, broken + LONGER_PROMPT)
    done = run_benchmark(tmp_path / "out", *SOME, "--baseline", str(baseline), program=program)
    assert done.returncode == 2
    rows = results_in(tmp_path / "out")["comparison"]["rows"]
    words = {(row["goal_id"], row["metric"]): row["word"] for row in rows}
    assert words["squares", "input_tokens"] == "worse"
    assert {word for (goal, _), word in words.items() if goal == "addition"} == {"inconclusive"}


def test_a_baseline_where_none_can_be_written_is_refused_before_any_goal_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("good")
    target = tmp_path / "file" / "base.json"
    done = run_benchmark(tmp_path / "out", "--goal", "addition", "--save-baseline", str(target))
    assert done.returncode == 4
    assert done.stderr == (
        f"error: --save-baseline must name a file that can be written, got {str(target)!r}: Not a directory; name "
        "another one\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["print('precious')\n", '{"other": "json"}'])
def test_a_file_of_something_else_is_never_replaced_by_a_baseline(tmp_path: Path, content: str) -> None:
    (tmp_path / "precious").write_text(content)
    target = str(tmp_path / "precious")
    done = run_benchmark(tmp_path / "out", "--goal", "addition", "--save-baseline", target)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        f"error: --save-baseline replaces baselines only, got {target!r}, which is none; name another file\n"
    )
    assert (tmp_path / "precious").read_text() == content


def test_a_baseline_of_a_resumed_run_has_the_traces_of_what_was_done_before(tmp_path: Path) -> None:
    out, base = tmp_path / "out", tmp_path / "base.json"
    run_benchmark(out, "--goal", "addition")
    before = (out / "kept-traces.jsonl").read_bytes()
    goes_on = ("--goal", "addition", "--repeat", "2", "--resume", "--save-baseline", str(base))
    assert run_benchmark(out, *goes_on).stdout.endswith(f"Baseline: {base}\n")
    lines = read_results(base, "", "").trace_lines
    assert lines == (out / "kept-traces.jsonl").read_bytes()
    assert lines.startswith(before)
    assert lines.count(b"\n") == 2


def test_a_baseline_that_lacks_traces_says_so(tmp_path: Path) -> None:
    out, base = tmp_path / "out", tmp_path / "base.json"
    run_benchmark(out, "--goal", "addition")
    (out / "kept-traces.jsonl").write_text('{"torn')
    done = run_benchmark(out, "--goal", "addition", "--resume", "--save-baseline", str(base))
    assert done.stdout.endswith(f"Baseline: {base}, without the traces of 1 attempt, which were not kept\n")
