"""Interrupted benchmarks: what is kept, and how they go on; as real processes."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.judging.verdict import Cause, Verdict, VerdictWord
from benchmarks.plan import Plan, resumed
from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.reading import read_attempts
from benchmarks.results.results import head_of, results_of, row_of
from benchmarks.results.traces_file import TracesFile
from benchmarks.sharding import Shard
from benchmarks.suite.goals import Goal
from nanoagent.errors import ConfigurationError
from tests.benchmarks.hanging import SLOW, hanging
from tests.benchmarks.results_made import attempt, goal, provenance, results
from tests.commands import attempts_in, results_in, run_benchmark, written_in


@pytest.fixture(autouse=True)
def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever commits in the checkout between two runs changes nothing here."""
    monkeypatch.setenv("PATH", "/nonexistent")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "slow.py"
    path.write_text(SLOW)
    return path


def ids_in(out: Path) -> list[tuple[str, int]]:
    return [(row["id"], row["attempt"]) for row in attempts_in(out)]


ALL: Final = [(id_, 1) for id_ in ("addition", "weekday", "marathon", "sum-of-squares", "days-to-new-year")]


@pytest.mark.slow
@pytest.mark.parametrize("signals", [1, 2])
def test_after_ctrl_c_the_run_goes_on_with_what_is_missing(program: Path, tmp_path: Path, signals: int) -> None:
    out = tmp_path / "out"
    with hanging(program, out) as process:
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert ids_in(out) == ALL[:-1]
    found = results_in(out)
    assert (found["complete"], found["interrupted"]) == (False, True)
    assert "Interrupted: 4 of 5 goals are judged and kept; go on with:\n" in stdout
    command = stdout.splitlines()[-1].split()
    assert command == ["uv", "run", "python", str(program), "--output", str(out), "--resume"]

    done = run_benchmark(out, "--resume", program=command[3])
    assert done.returncode == 0, done.stderr
    assert ids_in(out) == ALL
    again = results_in(out)
    assert (again["complete"], again["interrupted"]) == (True, False)
    assert again["provenance"]["session_id"] == found["provenance"]["session_id"]
    assert again["goals"][:-1] == found["goals"][:-1]
    assert "5 of 5 goals passed." in done.stdout


@pytest.mark.slow
def test_after_kill_9_what_is_done_can_be_read_and_the_run_goes_on(program: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with hanging(program, out) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert written_in(out) == ["attempts.jsonl", "kept-traces.jsonl"]
    found = results_of(*read_attempts(out / "attempts.jsonl", "the rows", "-"))
    assert (len(found.attempts), found.complete) == (4, False)
    with (out / "attempts.jsonl").open("a") as file:
        file.write('{"id": "days-to-new-ye')  # what a full pipe to the disk leaves

    done = run_benchmark(out, "--resume", program=str(program))
    assert done.returncode == 0, done.stderr
    assert ids_in(out) == ALL
    assert results_in(out)["complete"] is True


@pytest.mark.slow
def test_a_second_benchmark_in_the_same_directory_is_refused(program: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with hanging(program, out):
        before = (out / "attempts.jsonl").read_bytes()
        done = run_benchmark(out, "--goal", "addition")
        assert (done.returncode, done.stderr) == (
            4,
            f"error: --output must be a directory that no other benchmark is at work in, got {str(out)!r}; wait for "
            "that one to end, or choose another directory\n",
        )
        assert (out / "attempts.jsonl").read_bytes() == before


def interrupted(tmp_path: Path, *, attempts: int = 1, **source: Any) -> Path:
    """A directory in which a benchmark of one goal has made these attempts."""
    made = results(attempts=attempts, **source)
    head = head_of(made.provenance, [row.goal for row in made.goals])
    AttemptsFile(tmp_path).begin(head, [row_of(one) for _, one in made.attempts])
    return tmp_path


def plan(*, goals: Sequence[Goal] | None = None, **source: Any) -> Plan:
    return Plan(provenance=provenance(**source), goals=goals or [goal(id="goal-0")])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (plan(goals=[goal(id="goal-0", text="What is 5 + 4?")]), "the goal of goal-0 'What is 5 + 4?' where"),
        (plan(goals=[goal(id="goal-0", max_iterations=7)]), "the limits of goal-0 \"{'max_iterations': 7,"),
        (plan(goals=[goal(id="other")]), "the goals 'other' where"),
        (plan(model="openai:gpt-5-mini"), "the model 'openai:gpt-5-mini' where"),
        (plan(token_source="provider"), "the token source 'provider' where"),
        (plan(commit="0" * 40), f"the commit '{'0' * 40}' where"),
        (plan(changes="ab12"), "the changes 'ab12' where"),
        (plan(concurrency=2), "the concurrency '2' where"),
        (plan(agent="my:agent"), "the agent 'my:agent' where"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_run_of_something_else_does_not_go_on(tmp_path: Path, asked: Plan, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        resumed(asked, interrupted(tmp_path), retry_errors=False)
    message = str(refused.value)
    assert message.startswith(f"--resume goes on with the same benchmark only, got {said}")
    assert message.endswith("; ask for the same as before, or leave --resume out to start anew")


def test_more_repeats_go_on_and_fewer_are_refused(tmp_path: Path) -> None:
    directory = interrupted(tmp_path, attempts=2)
    going_on = resumed(plan(repeat=4), directory, retry_errors=False)
    assert [(one.id, number) for one, number in going_on.work] == [("goal-0", 3), ("goal-0", 4)]
    with pytest.raises(ConfigurationError) as refused:
        resumed(plan(repeat=1), directory, retry_errors=False)
    assert str(refused.value) == (
        f"--resume cannot take attempts away: '{tmp_path}/attempts.jsonl' has 2 of a goal, got --repeat 1; ask for "
        "--repeat 2 or more"
    )


def test_a_run_that_goes_on_on_another_kind_of_machine_says_so_once(tmp_path: Path) -> None:
    directory = interrupted(tmp_path, machine={"os": "Linux", "cpu_count": 2})
    alike: dict[str, Any] = {"machine": {"os": "Linux", "cpu_count": 2, "python": "3.12"}}
    assert resumed(plan(**alike), directory, retry_errors=False).provenance.parts == ()
    other: dict[str, Any] = {"machine": {"os": "Linux", "cpu_count": 8}, "started_at": "2026-11-26T10:00:00+00:00"}
    going_on = resumed(plan(**other), directory, retry_errors=False)
    found = going_on.results([], interrupted=False).provenance
    assert [(part.machine["cpu_count"], part.started_at, part.session_id) for part in found.parts] == [
        (2, "2026-11-25T10:00:00+00:00", "s1"),
        (8, "2026-11-26T10:00:00+00:00", "s1"),
    ]
    assert None not in [part.ended_at for part in found.parts]
    AttemptsFile(directory).begin(head_of(going_on.provenance, going_on.facts), [])
    assert resumed(plan(**other), directory, retry_errors=False).provenance == going_on.provenance


def test_what_says_nothing_of_its_goal_is_made_again_when_that_is_asked_for(tmp_path: Path) -> None:
    made = results(attempts=2)
    broken = attempt(number=1, verdict=Verdict(word=VerdictWord.ERROR, cause=Cause.MODEL_ERROR))
    head = head_of(made.provenance, [row.goal for row in made.goals])
    AttemptsFile(tmp_path).begin(head, [row_of(broken), row_of(made.attempts[1][1])])
    for retry_errors, left in ((False, []), (True, [("goal-0", 1)])):
        going_on = resumed(plan(repeat=2), tmp_path, retry_errors=retry_errors)
        assert [(one.id, number) for one, number in going_on.work] == left
        assert going_on.provenance.session_id == "s1"


def test_of_traces_that_were_kept_those_of_attempts_that_are_kept_stay(tmp_path: Path) -> None:
    lines = [f'{{"traceId":"{digit * 32}"}}'.encode() for digit in "abc"]
    before = TracesFile(tmp_path)
    assert before.begin(()) == {}
    for line in lines:
        before.add(line)
    with (tmp_path / "kept-traces.jsonl").open("ab") as file:
        file.write(b"".join(b'{"traceId":"%s"\n' % (digit * 32) for digit in (b"e", b"d"))[:-1])  # what crashes leave
    kept = TracesFile(tmp_path).begin({digit * 32 for digit in "acde"})
    assert kept == {"a" * 32: lines[0], "c" * 32: lines[2]}
    assert (tmp_path / "kept-traces.jsonl").read_bytes() == b"%s\n%s\n" % (lines[0], lines[2])


def test_a_shard_whose_file_cannot_be_read_now_is_not_started_anew(tmp_path: Path) -> None:
    (tmp_path / "attempts.1-of-2.jsonl").mkdir()
    with pytest.raises(ConfigurationError, match=r"got '.*attempts\.1-of-2\.jsonl': Is a directory; leave it out"):
        resumed(plan(shard=Shard(number=1, of=2)), tmp_path, retry_errors=False)


def test_there_must_be_something_to_go_on_with(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path, "--resume")
    assert (done.returncode, done.stderr) == (
        4,
        f"error: --resume needs the attempts of a run, got '{tmp_path}/attempts.jsonl': No such file or directory; "
        "leave it out to start anew\n",
    )


def test_errors_are_made_again_only_when_asked_for_in_a_run_that_goes_on(tmp_path: Path) -> None:
    done = run_benchmark(tmp_path, "--retry-errors")
    assert (done.returncode, done.stderr) == (
        4,
        "error: --retry-errors is for a run that goes on; use it with --resume\n",
    )
