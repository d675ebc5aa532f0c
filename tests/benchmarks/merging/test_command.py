"""Shards of the whole suite, really run, and the merge command: what it writes, says and exits with."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.cli import app
from benchmarks.judging.verdict import Criterion, Verdict, VerdictWord
from benchmarks.merging.files import read_files
from benchmarks.merging.merged import merged
from benchmarks.plan import Plan, resumed
from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.canonical import canonical
from benchmarks.results.reading import read_results
from benchmarks.results.results import results_of
from benchmarks.results.verification import Verification
from benchmarks.suite.goals import GOALS
from instrumentation.exits import Ended, ExitCode
from nanoagent.errors import ConfigurationError
from tests.benchmarks.merging.shards import dealt, shard_of, written
from tests.benchmarks.results_made import attempt, goal, provenance, results
from tests.commands import ROOT, attempts_in, results_in, run_imported, written_in

SHARDS: Final = (1, 2, 3, 8)
NO_GIT: Final = {"PATH": "/nonexistent"}
"""Whoever works on the checkout meanwhile changes nothing here."""
SUITE: Final = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.cli import main

def run(*arguments):
    sys.argv = ["run_benchmarks.py", *arguments]
    try:
        main()
    except SystemExit as error:
        assert error.code == 0, error.code

out = sys.argv[1]
run("--output", f"{{out}}/whole")
for of in {SHARDS}:
    for number in range(1, of + 1):
        run("--shard", f"{{number}}/{{of}}", "--output", f"{{out}}/{{of}}")
"""
"""The whole suite in one process, and then in so many shards."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directories with the results of one run, and with the files of its shards."""
    out = tmp_path_factory.mktemp("suite")
    done = run_imported(SUITE, str(out), env=NO_GIT)
    assert (done.returncode, done.stderr) == (0, "")
    return out


def merge(*arguments: str | Path) -> ExitCode:
    """The exit code of the command."""
    with pytest.raises(Ended) as ended:
        app(["merge", *map(str, arguments)], standalone_mode=False)
    return ended.value.code


def refused(*arguments: str | Path) -> str:
    """What the command says against it."""
    with pytest.raises(ConfigurationError) as error:
        app([*map(str, arguments)], standalone_mode=False)
    return str(error.value)


def form(content: Mapping[str, Any]) -> str:
    return json.dumps(canonical(content))


@pytest.mark.parametrize("of", SHARDS)
def test_the_suite_in_shards_merges_to_what_one_run_measures(suite: Path, of: int) -> None:
    found = merged(read_files([suite / str(of)]))
    assert form(found.to_dict()) == form(results_in(suite / "whole"))


def test_the_order_of_files_makes_no_difference(suite: Path) -> None:
    paths = sorted((suite / "3").glob("attempts.*"))
    made = {json.dumps(merged(read_files(named)).to_dict()) for named in permutations(paths)}
    assert len(made) == 1


def test_merged_results_are_files_as_of_any_run(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base.json"
    assert merge(suite / "8", "--output", tmp_path / "out", "--save-baseline", base) is ExitCode.OK
    assert form(results_in(tmp_path / "out")) == form(results_in(suite / "whole"))
    assert written_in(tmp_path / "out") == written_in(suite / "whole")
    rows = attempts_in(tmp_path / "out")
    assert [(row["id"], row["attempt"]) for row in rows] == [(one.id, 1) for one in GOALS]
    traces = (tmp_path / "out/kept-traces.jsonl").read_bytes()
    assert traces.count(b"\n") == len(GOALS)
    assert read_results(base, "-", "-").trace_lines == traces
    said = capsys.readouterr().out
    assert "26 of 26 goals passed.\n" in said
    assert said.endswith(f"Results: {tmp_path / 'out/results.json'} and RESULTS.md beside it\nBaseline: {base}\n")
    table = said.split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 80

    assert merge(suite / "3", "--output", tmp_path / "more", "--baseline", base) is ExitCode.OK
    rows = results_in(tmp_path / "more")["comparison"]["rows"]
    assert {row["reason"] for row in rows if row["metric"] == "llm_seconds"} == {"the number of shards is 3 and was 8"}
    assert "Nothing is worse" in capsys.readouterr().out


WHOLE: Final = results(goals=4, attempts=2, goals_file="own.json")
"""Of goals that are not the benchmark's own: they are compared with nothing."""


def test_reports_say_which_shards_there_were(tmp_path: Path) -> None:
    dealt(tmp_path, WHOLE, 2)
    assert merge(tmp_path, "--output", tmp_path) is ExitCode.OK
    report = (tmp_path / "RESULTS.md").read_text()
    assert "1 at a time in each of 2 shards; " in report
    assert "| Sessions of the shards | 1/2 s1 and 2/2 s2 |" in report
    assert 'name="Sessions of the shards" value="1/2 s1 and 2/2 s2"' in (tmp_path / "junit.xml").read_text()


MISSING: Final = "**Shard 3 of 3 is missing: 2 of 2 attempts are not there.**"
TORN: Final = "**Shard 2 of 3 came to no end: 2 of 3 attempts are there.**"


def test_shards_that_are_missing_or_torn_are_named_the_last_one_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    written(tmp_path, shard_of(WHOLE, 1, 3))
    second = written(tmp_path, shard_of(WHOLE, 2, 3), ended=False)
    second.write_bytes(second.read_bytes()[:-3])
    out = tmp_path / "out"
    assert merge(tmp_path, "--output", out) is ExitCode.INCONCLUSIVE
    for file in (out / "RESULTS.md", tmp_path / "summary.md"):
        assert f"\n{TORN}\n\n{MISSING}\n" in file.read_text()
        assert "Shard 1" not in file.read_text()
    said = capsys.readouterr().out.splitlines()
    assert "4 of 4 goals passed and 3 of 8 attempts were not made." in said
    assert said[-3:-1] == [TORN.strip("*"), MISSING.strip("*")]
    assert said[-1].startswith("Merge again when every shard has ended, or make what is missing here: ")
    found = results_in(out)
    assert (found["complete"], found["interrupted"], found["provenance"]["ended_at"]) == (False, False, None)


def test_shards_whose_traces_were_not_read_back_are_named_beside_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "Not read back: the traces of shards 2 and 3.\n"
    dealt(tmp_path, WHOLE, 3)
    merge(tmp_path, "--output", tmp_path / "out")
    assert said not in capsys.readouterr().out
    checked = Verification(sources=("file",), runs=3)
    written(tmp_path, replace(shard_of(WHOLE, 1, 3), verification=checked))
    merge(tmp_path, "--output", tmp_path / "out")
    shown = capsys.readouterr().out
    assert said in shown
    assert "Verified: 3 of 3 runs give the same numbers from file\n" in shown
    assert results_in(tmp_path / "out")["verification"]["runs"] == 3
    later = shard_of(WHOLE, 1, 3, session_id="s4", started_at="2027-01-01T00:00:00+00:00")
    merge(written(tmp_path / "later", later), tmp_path, "--output", tmp_path / "out")
    assert said in capsys.readouterr().out


def test_a_shard_that_has_nothing_to_make_is_not_missed(tmp_path: Path) -> None:
    paths = dealt(tmp_path, WHOLE, 9)
    assert merge(*paths[:-1], "--output", tmp_path / "out") is ExitCode.OK
    assert results_in(tmp_path / "out")["complete"] is True


def test_incomplete_results_are_written_and_are_no_baseline(tmp_path: Path) -> None:
    first, _ = dealt(tmp_path, WHOLE, 2)
    out, base = tmp_path / "out", tmp_path / "base.json"
    assert refused("merge", first, "--output", out, "--save-baseline", base) == (
        "--save-baseline needs whole results, got 4 of 8 attempts; the baseline is as it was"
    )
    assert (results_in(out)["complete"], base.exists()) == (False, False)


def test_a_goal_that_failed_in_a_shard_fails_the_whole(tmp_path: Path) -> None:
    wrong = Verdict(word=VerdictWord.FAIL, criteria=(Criterion(name="answer", passed=False, text="it is wrong"),))
    rows = [row.goal for row in WHOLE.goals]
    attempts = [replace(one, verdict=wrong) if one.goal_id == "goal-3" else one for _, one in WHOLE.attempts]
    dealt(tmp_path, results_of(WHOLE.provenance, rows, attempts), 3)
    assert merge(tmp_path, "--output", tmp_path / "out") is ExitCode.FAILED


def test_what_is_worse_than_in_the_baseline_is_found_in_shards(tmp_path: Path) -> None:
    assert merge(*dealt(tmp_path / "a", WHOLE, 2), "--output", tmp_path / "a") is ExitCode.OK
    slower = [
        replace(one, metrics=replace(one.metrics, api_calls=one.metrics.api_calls + 1)) for _, one in WHOLE.attempts
    ]
    dealt(tmp_path / "b", results_of(WHOLE.provenance, [row.goal for row in WHOLE.goals], slower), 3)
    code = merge(tmp_path / "b", "--output", tmp_path / "out", "--baseline", tmp_path / "a/results.json")
    assert code is ExitCode.REGRESSION


def test_what_is_missing_of_merged_results_can_be_made(tmp_path: Path) -> None:
    first, _ = dealt(tmp_path, WHOLE, 2)
    merge(first, "--output", tmp_path / "out")
    asked = Plan(provenance=provenance(repeat=2), goals=[goal(id=f"goal-{number}") for number in range(4)])
    going_on = resumed(asked, tmp_path / "out", retry_errors=False)
    left = [(one.id, number) for one, number in going_on.work]
    assert left == [(f"goal-{number}", 2) for number in range(4)]
    made = going_on.results([attempt(*key) for key in left], interrupted=False)
    assert (made.complete, made.goals) == (True, WHOLE.goals)
    assert [str(part.shard) for part in made.provenance.parts] == ["1/2"]


def test_what_cannot_be_merged_leaves_results_as_they_were(tmp_path: Path) -> None:
    first, second = dealt(tmp_path, WHOLE, 2)
    assert merge(first, second, "--output", tmp_path / "out") is ExitCode.OK
    before = {name: (tmp_path / "out" / name).read_bytes() for name in written_in(tmp_path / "out")}
    for named in ((), (first, first), (first, tmp_path / "out"), (tmp_path / "nosuch",)):
        refused("merge", *named, "--output", tmp_path / "out")
        refused("merge", *named, "--output", tmp_path / "new")
    refused("merge", first, second, "--output", tmp_path / "new", "--baseline", tmp_path / "nosuch.json")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in written_in(tmp_path / "out")} == before
    assert not (tmp_path / "new").exists()


def test_a_file_of_a_shard_is_never_taken_for_a_baseline_to_replace(tmp_path: Path) -> None:
    first, second = dealt(tmp_path, WHOLE, 2)
    before = first.read_bytes()
    assert refused("merge", "--save-baseline", first, tmp_path, "--output", tmp_path / "out") == (
        f"--save-baseline replaces baselines only, got {str(first)!r}, which is none; name another file"
    )
    assert (first.read_bytes(), second.exists()) == (before, True)


def test_the_committed_baseline_is_for_all_of_the_own_goals(tmp_path: Path) -> None:
    from benchmarks.request import COMMITTED

    for source, said in (
        ({"settings": {"goal": [], "tier": ["simple"]}}, "needs all goals"),
        ({"agent": "my:agent"}, "got --agent 'my:agent'"),
        ({"goals_file": "goals.json"}, "got --goals 'goals.json'"),
    ):
        paths = dealt(tmp_path, results(**source), 1)
        assert said in refused("merge", *paths, "--output", tmp_path / "out", "--save-baseline", COMMITTED)


@pytest.mark.parametrize("option", ["--baseline", "--save-baseline"])
def test_a_shard_is_neither_a_baseline_nor_compared_with_one(option: str, tmp_path: Path) -> None:
    assert refused("--shard", "1/2", option, "b.json", "--output", tmp_path / "out") == (
        f"{option} is for whole results, got it with --shard; leave it out, and say it to merge, which puts the shards "
        "together"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("named", ["0/4", "5/4", "a/b"])
def test_what_names_no_shard_is_refused_before_anything_is_made(named: str, tmp_path: Path) -> None:
    assert f"got {named!r}; leave it out for all attempts" in refused("--shard", named, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_that_would_record_in_one_file_are_refused(tmp_path: Path) -> None:
    recorded = ("--record", tmp_path / "recordings", "--output", tmp_path / "out", "--shard", "1/2")
    assert refused(*recorded, "--repeat", "2") == (
        "--record keeps all attempts at a goal in one file, got it with --shard and --repeat 2: several shards "
        "would write it; record each goal once, or without --shard"
    )
    assert refused(*recorded).startswith("--record is for models that answer of themselves, got --model 'scripted'")


def test_options_before_merge_are_refused(tmp_path: Path) -> None:
    assert refused("--output", tmp_path, "merge", tmp_path) == (
        "merge takes its options after its name, got --output before it; see merge --help"
    )


def test_the_file_of_a_shard_holds_nothing_of_how_it_is_merged(tmp_path: Path) -> None:
    path = written(tmp_path, shard_of(WHOLE, 2, 3))
    assert path == AttemptsFile(tmp_path, shard_of(WHOLE, 2, 3).provenance.shard).path
    head, *rows, end = map(json.loads, path.read_text().splitlines())
    assert (head["schema_version"], head["provenance"]["shard"]) == (2, {"number": 2, "of": 3})
    assert [row["id"] for row in rows] == ["goal-0", "goal-2", "goal-3"]
    assert {key: end[key] for key in ("type", "attempts", "verification")} == {
        "type": "end",
        "attempts": 3,
        "verification": None,
    }
