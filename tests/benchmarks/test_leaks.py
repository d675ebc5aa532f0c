"""No key stands in a benchmark's results or on its console, wherever the model or the check put it."""

from pathlib import Path

import pytest

from tests.benchmarks.leaking_agents import KEY
from tests.commands import results_in, run_benchmark

OWN_CHECK = """
from dataclasses import replace
from benchmarks.suite.checks import Check
from benchmarks.cli import main
from benchmarks.suite.goals import GOALS
from tests.benchmarks.leaking_agents import KEY
def raising(answer):
    raise LookupError(f"?key={KEY}")
def judging(answer):
    return False, f"is not ?key={KEY}"
main([replace(GOALS[0], id=check.__name__, check=Check(name="own", judge=check)) for check in (raising, judging)])
"""


def everything(output: Path) -> str:
    return "".join(path.read_text() for path in output.iterdir())


@pytest.mark.slow
def test_a_key_in_an_answer_is_masked_before_the_answer_is_shortened(tmp_path: Path) -> None:
    options = ["--agent", "tests.benchmarks.leaking_agents:answering", "--goal", "addition"]
    done = run_benchmark(tmp_path, *options)
    assert (done.returncode, done.stderr) == (0, "")
    answer = results_in(tmp_path)["goals"][0]["attempts"][0]["answer"]
    assert answer.endswith("x https://models.example/v1?key=[redacted: [shortened: 500 of 1,535 characters shown]")
    assert "AIza" not in everything(tmp_path) + done.stdout


@pytest.mark.slow
def test_a_key_in_a_models_error_is_on_no_console_and_in_no_result(tmp_path: Path) -> None:
    options = ["--agent", "tests.benchmarks.leaking_agents:refused", "--goal", "addition"]
    done = run_benchmark(tmp_path, *options)
    assert done.returncode == 3
    assert "ModelHTTPError" in done.stderr
    assert "?key=[redacted: google key]" in done.stderr
    assert KEY not in everything(tmp_path) + done.stdout + done.stderr


@pytest.mark.slow
def test_a_key_in_what_a_check_says_or_raises_is_masked(tmp_path: Path) -> None:
    driver = tmp_path / "driver.py"
    driver.write_text(OWN_CHECK)
    done = run_benchmark(tmp_path / "out", program=str(driver))
    assert done.returncode == 1
    assert "raising could not be judged:\nTraceback" in done.stderr
    assert "LookupError: ?key=[redacted: google key]" in done.stderr
    assert "judging: answer is not ?key=[redacted: google key]" in done.stdout
    assert KEY not in everything(tmp_path / "out") + done.stdout + done.stderr
