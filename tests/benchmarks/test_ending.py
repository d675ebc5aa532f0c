"""The end of a benchmark, or of a shard, on stdout: no more of why goals are worse than one can read."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.against import Compared
from benchmarks.comparing.comparison import Why
from benchmarks.concluding import printed
from benchmarks.ending import MOST_FINDINGS, MOST_GOALS, print_end, print_shard
from benchmarks.results.verification import Finding, Kind, Verification
from benchmarks.sharding import Shard
from tests.benchmarks.results_made import results


def said(compared: Compared, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_end(results(), Path("out"), [], compared, written=False)
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if line.startswith(("  ", "Baseline"))]


def test_of_many_goals_that_are_worse_some_are_told_and_the_others_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = [f"finding {number}" for number in range(MOST_FINDINGS + 1)]
    why = {(f"goal {number}", "tokens_used"): Why(found) for number in range(MOST_GOALS + 2)}
    told = [f"  goal {goal}: finding {number}" for goal in range(MOST_GOALS) for number in range(MOST_FINDINGS)]
    compared = Compared(why=why, line="Baseline: worse")
    assert said(compared, capsys) == ["Baseline: worse", *told, "  2 more goals: see RESULTS.md"]


def test_what_is_found_for_several_numbers_of_a_goal_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    why = {("a", "input_tokens"): Why(["the same"]), ("a", "tokens_used"): Why(["the same"])}
    compared = Compared(why=why, line="Baseline: worse")
    assert said(compared, capsys) == ["Baseline: worse", "  a: the same"]


def test_nothing_is_said_where_nothing_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(Compared(), capsys) == []


def test_without_a_stdout_nothing_is_said_and_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert printed(lambda: print_end(results(), Path("out"), [], Compared(), written=True)) is None


def test_a_reader_that_has_gone_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert printed(lambda: print_end(results(), Path("out"), [], Compared(), written=True)) is None


def test_a_shard_says_which_numbers_came_back_as_other_ones(capsys: pytest.CaptureFixture[str]) -> None:
    found = Finding(goal_id="goal-0", attempt=1, source="file", kind=Kind.DIFFERENT, text="file: tokens are others")
    checked = Verification(sources=("file",), runs=1, findings=(found,))
    shard = replace(results(shard=Shard(number=1, of=1)), verification=checked)
    print_shard(shard, Path("out/attempts.1-of-1.jsonl"), [])
    assert f"\n{checked.summary}\n  goal-0: file: tokens are others\n" in capsys.readouterr().out
