"""Shards at work, as real processes: interrupted, killed, kept out of each other's way, and gone on with."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Final

import pytest

from benchmarks.merging.files import read_files
from benchmarks.merging.merged import merged
from benchmarks.results.canonical import canonical
from tests.benchmarks.hanging import GOALS, SLOW, hanging
from tests.commands import ROOT, results_in, run_imported

pytestmark = pytest.mark.slow
NO_GIT: Final = {"PATH": "/nonexistent"}
"""Whoever works on the checkout meanwhile changes nothing here."""
QUICK: Final = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.cli import main
from benchmarks.suite.goals import GOALS
main(GOALS[:{GOALS}])
"""
"""The same goals, without the one in which it hangs."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "slow.py"
    path.write_text(SLOW)
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_imported(QUICK, *map(str, arguments), env=NO_GIT, name="quick.py")


def rows_in(path: Path) -> list[str]:
    return [json.loads(line).get("id", "end") for line in path.read_text().splitlines()[1:]]


def test_a_shard_that_is_killed_costs_the_attempt_at_work_and_is_made_up_for_in_two_ways(
    program: Path, tmp_path: Path
) -> None:
    out, torn = tmp_path / "out", tmp_path / "torn"
    second = out / "attempts.2-of-2.jsonl"
    with hanging(program, out, "--shard", "2/2", **NO_GIT) as process:
        beside = run("--shard", "1/2", "--output", out)
        assert (beside.returncode, beside.stderr) == (0, "")
        assert f"\nAttempts: 3 of 3 in {out / 'attempts.1-of-2.jsonl'}\n" in beside.stdout
        again = run("--shard", "2/2", "--output", out)
        assert (again.returncode, again.stderr) == (
            4,
            f"error: --output must be a directory that no other shard 2 of 2 is at work in, got {str(out)!r}; wait for "
            "that one to end, or choose another directory\n",
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert rows_in(second) == ["marathon"]
    with second.open("a") as file:
        file.write('{"id": "days-to-new-ye')  # what a full pipe to the disk leaves

    done = run("merge", out, "--output", torn)
    assert (done.returncode, done.stderr) == (3, "")
    assert "Shard 2 of 2 came to no end: 1 of 2 attempts is there.\n" in done.stdout
    assert run("--output", torn, "--resume").returncode == 0

    assert run("--shard", "2/2", "--output", out, "--resume").returncode == 0
    assert rows_in(second) == ["marathon", "days-to-new-year", "end"]
    assert canonical(results_in(torn)) == canonical(merged(read_files([out])).to_dict())
    assert results_in(torn)["complete"] is True


def test_ctrl_c_ends_a_shard_without_an_end_and_the_same_command_goes_on(program: Path, tmp_path: Path) -> None:
    with hanging(program, tmp_path / "out", "--shard", "2/2", **NO_GIT) as process:
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert rows_in(tmp_path / "out/attempts.2-of-2.jsonl") == ["marathon"]
    said = "Interrupted: 1 of 2 attempts are judged and kept; go on with:\n"
    command = f"  uv run python {program} --output {tmp_path / 'out'} --shard 2/2 --resume\n"
    assert stdout.endswith(said + command)


def test_a_shard_that_goes_on_without_having_begun_begins(tmp_path: Path) -> None:
    path = tmp_path / "attempts.5-of-5.jsonl"
    path.write_text('{"schema_ver')  # killed in its first line
    for _ in range(2):
        assert run("--shard", "5/5", "--output", tmp_path, "--resume").returncode == 0
        assert rows_in(path) == ["sum-of-squares", "end"]


def test_a_shard_without_attempts_says_so_and_is_well(tmp_path: Path) -> None:
    done = run("--shard", "6/6", "--output", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"Attempts: 0 of 0 in {tmp_path / 'attempts.6-of-6.jsonl'}"
    assert rows_in(tmp_path / "attempts.6-of-6.jsonl") == ["end"]


def test_another_repeat_deals_otherwise_and_does_not_go_on(tmp_path: Path) -> None:
    run("--shard", "6/6", "--output", tmp_path)
    done = run("--shard", "6/6", "--output", tmp_path, "--resume", "--repeat", "2")
    assert done.returncode == 4
    assert done.stderr.startswith("error: --resume goes on with the same benchmark only, got the repeat '2' where ")
