"""Shards put together: the same as one run, however they were dealt and named, or one clear reason why not."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.judging.verdict import Cause, Verdict, VerdictWord
from benchmarks.merging.files import read_files
from benchmarks.merging.merged import merged
from benchmarks.merging.traces import kept_traces
from benchmarks.reports.shards import MOST_NAMED, lacking
from benchmarks.results.canonical import canonical
from benchmarks.results.forms import EndForm
from benchmarks.results.reading import Attempts, ShardFile, read_attempts
from benchmarks.results.results import Attempt, Part, Results, end_of, results_of
from benchmarks.results.traces_file import TracesFile
from benchmarks.results.verification import Finding, Kind, Verification
from benchmarks.running.traces import MAX_ATTEMPTS
from benchmarks.sharding import Shard
from benchmarks.suite.goals import Budget, Tier
from nanoagent.core.performance import PhaseCounts
from nanoagent.errors import ConfigurationError
from tests.benchmarks.merging.shards import dealt, read, shard_of, written
from tests.benchmarks.results_made import attempt, facts, metrics, provenance, results

FAILED = Verdict(word=VerdictWord.FAIL)
BROKEN = Verdict(word=VerdictWord.ERROR, cause=Cause.HARNESS)
NOW = "2026-11-25T10:00:01+00:00"


def form(made: Results) -> str:
    return json.dumps(canonical(made.to_dict()))


# -- what it comes to -----------------------------------------------------------------------------------------------


@st.composite
def measured(draw: st.DrawFn) -> Results:
    """Results of a few goals, each attempted a few times, with numbers of all kinds."""
    repeat = draw(st.integers(1, 3))
    goals = [facts(f"goal-{number}", tier=tier) for number, tier in enumerate(draw(_TIERS))]
    attempts = [draw(_attempts(goal.id, number)) for goal in goals for number in range(1, repeat + 1)]
    return results_of(provenance(repeat=repeat), goals, attempts)


_TIERS = st.lists(st.sampled_from(Tier), min_size=1, max_size=5)


@st.composite
def _attempts(draw: st.DrawFn, goal_id: str, number: int) -> Attempt:
    numbers = metrics(
        input_tokens=draw(st.none() | st.integers(0, 9_999)),
        iterations=draw(st.none() | st.integers(0, 20)),
        llm_ns=draw(st.integers(0, 10**12)),
        by_phase=(PhaseCounts(phase="plan", llm_ns=draw(st.integers(0, 9)), api_calls=draw(st.integers(0, 9))),),
    )
    word = draw(st.sampled_from([None, FAILED, BROKEN]))
    return attempt(goal_id, number, metrics=numbers, verdict=word, answer=draw(st.none() | st.text(max_size=3)))


def file_of(made: Results, *, ended: bool = True) -> ShardFile:
    """As it is read back."""
    shard = made.provenance.shard
    assert shard is not None
    held = Attempts(made.provenance, [row.goal for row in made.goals], [one for _, one in made.attempts])
    end = EndForm.model_validate_json(json.dumps({**end_of(made), "ended_at": NOW, "checksum": ""})) if ended else None
    return ShardFile(Path(f"attempts.{shard.number}.{made.provenance.session_id}"), held, shard, end)


def again(made: Results, part: float, luck: random.Random) -> ShardFile:
    """The same shard made once more, and later, but only a part of it: other times and ids, and no end."""
    kept = [one for _, one in made.attempts if luck.random() < part]
    attempts = [replace(one, trace_id="a" * 32, metrics=replace(one.metrics, llm_ns=1, run_id="r")) for one in kept]
    source = replace(made.provenance, session_id="again", started_at="2027-01-01T00:00:00+00:00")
    return file_of(results_of(source, [row.goal for row in made.goals], attempts), ended=False)


@settings(max_examples=60, deadline=None)
@given(whole=measured(), of=st.integers(1, 9), luck=st.randoms(use_true_random=False), part=st.floats(0, 1))
def test_whatever_is_dealt_merges_to_what_one_run_measures(
    whole: Results, of: int, luck: random.Random, part: float
) -> None:
    shards = [shard_of(whole, number, of) for number in range(1, of + 1)]
    files = [*map(file_of, shards), again(luck.choice(shards), part, luck)]
    luck.shuffle(files)
    found = merged(files)
    assert form(found) == form(whole)
    assert found.goals == whole.goals  # of what was made twice, the first
    luck.shuffle(files)
    assert merged(files) == found


def test_merged_results_name_their_shards_and_when_and_where_each_was_made() -> None:
    whole = results(goals=3)
    machines: list[dict[str, str | int | None]] = [{"os": "Linux", "cpu_count": cpus} for cpus in (2, 8)]
    times = "2026-11-25T10:00:05+00:00", "2026-11-25T10:00:00+00:00"
    files = [
        file_of(shard_of(whole, number, 2, machine=machine, started_at=time))
        for number, machine, time in zip((1, 2), machines, times, strict=True)
    ]
    source = merged(files).provenance
    assert source.parts == tuple(
        Part(shard=Shard(number=number, of=2), session_id=f"s{number}", machine=machine, started_at=time, ended_at=NOW)
        for number, machine, time in zip((1, 2), machines, times, strict=True)
    )
    assert (source.shard, source.started_at, source.ended_at) == (None, times[1], NOW)
    assert source.session_id == sha256(b"s1 s2").hexdigest()[:12]
    assert replace(source, session_id="s", shard=None, parts=(), ended_at=None) == replace(
        whole.provenance, session_id="s", machine=machines[0], started_at=times[1], ended_at=None
    )


def test_a_shard_that_came_to_no_end_leaves_the_whole_incomplete_whatever_it_has() -> None:
    whole = results(goals=3)
    first, second = (shard_of(whole, number, 2) for number in (1, 2))
    found = merged([file_of(first), file_of(second, ended=False)])
    assert (found.complete, len(found.attempts), found.planned_attempts) == (False, 3, 3)
    assert (found.provenance.ended_at, [part.ended_at for part in found.provenance.parts]) == (None, [NOW, None])
    other = replace(second, provenance=replace(second.provenance, session_id="s3"))
    assert merged([file_of(first), file_of(second, ended=False), file_of(other)]).complete
    found = merged([file_of(first), *(file_of(one, ended=False) for one in (second, other))])
    assert [part.session_id for part in found.provenance.parts] == ["s1", "s2", "s3"]


@pytest.mark.parametrize("first_ended", [True, False])
def test_of_a_shard_that_was_made_twice_one_file_counts_and_it_is_one_that_ended(first_ended: bool) -> None:
    checked = Verification(sources=("file",), runs=4)

    def made(session: str, started_at: str) -> Results:
        source = provenance(session_id=session, started_at=started_at, shard=Shard(number=1, of=1))
        goals = [facts(f"goal-{number}") for number in range(4)]
        rows = results_of(source, goals, [attempt(one.id, trace_id=session * 32) for one in goals])
        return replace(rows, verification=checked)

    before, after = made("b", "2026-11-25T10:00:00+00:00"), made("a", "2026-11-25T10:00:05+00:00")
    found = merged([file_of(after), file_of(before, ended=first_ended)])
    counted = "b" if first_ended else "a"
    assert [part.session_id for part in found.provenance.parts] == [counted]
    assert set(found.trace_ids) == {counted * 32}
    assert (found.complete, found.provenance.ended_at, found.verification) == (True, NOW, checked)


def test_of_many_shards_that_are_missing_some_are_named_and_the_others_counted() -> None:
    whole = results(goals=MOST_NAMED + 3)
    found = lacking(merged([file_of(shard_of(whole, 1, MOST_NAMED + 3))]))
    assert found[0] == "Shard 2 of 13 is missing: 1 of 1 attempt is not there."
    assert (len(found), found[-1]) == (MOST_NAMED + 1, "And 2 more shards.")
    assert lacking(merged([file_of(shard_of(whole, number, 2)) for number in (1, 2)])) == []


def test_what_was_read_back_from_traces_adds_up() -> None:
    whole = results(goals=4)
    found = [
        Finding(goal_id=f"goal-{number}", attempt=1, source="file", kind=Kind.LACKING, text="no trace")
        for number in range(4)
    ]
    files = []
    for number, wrong in ((1, [found[2], found[0]]), (2, [found[1]])):
        made = shard_of(whole, number, 2)
        checked = Verification(sources=("file",), runs=2, findings=wrong)
        files.append(file_of(replace(made, verification=checked)))
    assert merged(files).verification == Verification(sources=("file",), runs=4, findings=tuple(found[:3]))


# -- what is refused ------------------------------------------------------------------------------------------------

WHOLE = results(goals=4, attempts=2)
OTHER: dict[str, dict[str, Any]] = {
    "the model": {"model": "other"},
    "the tools": {"tools": ("calculate",)},
    "the agent": {"agent": "my:agent"},
    "the token source": {"token_source": "provider"},
    "the concurrency": {"concurrency": 2},
    "the engine": {"engine": "ray"},
    "the commit": {"commit": "0" * 40},
    "the changes": {"changes": "ab12"},
    "the settings": {"settings": {"tier": ["simple"]}},
    "the version of pint": {"packages": {"pint": "1.0"}},
}


def refused(paths: Sequence[Path]) -> str:
    with pytest.raises(ConfigurationError) as error:
        merged(read_files(paths))
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("what", OTHER)
def test_shards_of_something_else_are_named(tmp_path: Path, what: str) -> None:
    first = written(tmp_path, shard_of(WHOLE, 1, 2))
    second = written(tmp_path, shard_of(WHOLE, 2, 2, **OTHER[what]))
    said = refused([second, first])
    assert said.startswith(f"merge needs shards of one benchmark, got {what} ")
    assert f" in {str(second)!r} where {str(first)!r} has " in said
    assert said.endswith("; merge each benchmark alone")


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (results(goals=5, attempts=2), "the goals 'goal-0, goal-1, goal-2, goal-3, goal-4'"),
        (results(goals=4, attempts=3), "the repeat '3'"),
        (
            replace(WHOLE, goals=[replace(row, goal=replace(row.goal, text="Add up.")) for row in WHOLE.goals]),
            "the goal of goal-0 'Add up.'",
        ),
        (
            replace(
                WHOLE,
                goals=[
                    replace(row, goal=replace(row.goal, budget=Budget(iterations=1, tokens=1))) for row in WHOLE.goals
                ],
            ),
            "the budget of goal-0 ",
        ),
    ],
    ids=["goals", "repeat", "text", "budget"],
)
def test_shards_of_other_goals_are_named(tmp_path: Path, other: Results, what: str) -> None:
    paths = [written(tmp_path, shard_of(WHOLE, 1, 2)), written(tmp_path, shard_of(other, 2, 2))]
    assert refused(paths).startswith(f"merge needs shards of one benchmark, got {what}")


def test_shards_of_other_deals_are_named(tmp_path: Path) -> None:
    paths = [written(tmp_path, shard_of(WHOLE, 1, 2)), written(tmp_path, shard_of(WHOLE, 2, 3))]
    assert refused(paths).startswith("merge needs shards of one benchmark, got the number of shards '3' in ")


def test_shards_that_disagree_are_named_with_what_they_disagree_on(tmp_path: Path) -> None:
    first, second = (shard_of(WHOLE, 1, 1, session_id=session) for session in ("a", "b"))
    wrong = [
        replace(one, answer="9" if (one.goal_id, one.number) == ("goal-1", 2) else None) for _, one in second.attempts
    ]
    paths = [written(tmp_path / "a", first), written(tmp_path / "b", second, attempts=wrong)]
    for named in (paths, paths[::-1]):
        assert refused(named) == (
            f"merge needs shards that agree, got attempt 2 of goal-1 in {str(paths[0])!r} and another one in "
            f"{str(paths[1])!r}; leave one of them out"
        )


def test_a_shard_given_twice_is_named(tmp_path: Path) -> None:
    first, second = dealt(tmp_path, WHOLE, 2)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(first.read_bytes())
    for named, where in (([tmp_path, first], first), ([first, second, copy], copy)):
        assert refused(named) == (
            f"merge needs files of shards, each once, got shard 1 of 2 as {str(first)!r} and as {str(where)!r}; leave "
            "one of them out"
        )


def test_a_file_with_attempts_of_another_shard_is_named(tmp_path: Path) -> None:
    others = [one for _, one in shard_of(WHOLE, 2, 2).attempts]
    path = written(tmp_path, shard_of(WHOLE, 1, 2), attempts=others)
    assert refused([path]) == (
        f"merge needs shards of one benchmark, got attempt 2 of goal-0 in {str(path)!r}, which shard 1 of 2 does not "
        "make; make the shard again"
    )


def test_a_file_that_lost_a_line_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, shard_of(WHOLE, 1, 2))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:1] + lines[2:]))
    assert refused([path]) == (
        f"merge needs shards of one benchmark, got {str(path)!r} with 3 attempts, and its end says that 4 are made; "
        "make the shard again, or go on with it with --resume"
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: "", "its first line is not whole"),
        (lambda text: text[:50], "its first line is not whole"),
        (lambda text: "nonsense\n", "it is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (lambda text: '{"of": "another program"}\n', "it holds no results of a benchmark"),
        (lambda text: '{"type": "end"}\n', "schema_version: Field required"),
        (lambda text: text.replace('"goal-0"', '"goal-9"'), "it is not as it was written"),
        (lambda text: text.replace('"attempts": 4', '"attempts": 3'), "line 6: it is not as it was written"),
        (lambda text: text + text.splitlines(keepends=True)[1], "line 7: it stands after the end"),
        (
            lambda text: text.replace('"of": 2', '"of": 100001'),
            "provenance.shard.of: Input should be less than or equal",
        ),
        (
            lambda text: text.replace('"schema_version": 2', '"schema_version": 1'),
            "it was written by an older nanoagent",
        ),
        (
            lambda text: text.replace('"schema_version": 2', '"schema_version": 3'),
            "it was written by a newer nanoagent",
        ),
    ],
    ids=["empty", "torn", "text", "json", "end", "head", "count", "after", "of", "older", "newer"],
)
def test_what_is_no_file_of_a_shard_is_told(tmp_path: Path, spoil: Callable[[str], str], said: str) -> None:
    path = written(tmp_path, shard_of(WHOLE, 1, 2))
    path.write_text(spoil(path.read_text()))
    message = refused([path])
    assert message.startswith(f"merge needs files of shards, got {str(path)!r}: {said}")
    assert message.endswith("; leave it out, or make the shard with --shard")


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    whole = written(tmp_path, WHOLE, ended=False)
    assert f"{str(whole)!r}: it is of no shard; " in refused([whole])
    assert f"{str(tmp_path / 'x.jsonl')!r}: No such file or directory; " in refused([tmp_path / "x.jsonl"])
    assert "'/dev/zero': it is a device; " in refused([Path("/dev/zero")])
    assert refused([]) == "merge needs files of shards, such as attempts.1-of-8.jsonl, got none; name them"
    assert refused([tmp_path]).startswith(
        f"merge needs files of shards, got the directory {str(tmp_path)!r}, which has none"
    )


def test_the_traces_of_first_attempts_are_found_beside_the_files_whatever_those_are_called(tmp_path: Path) -> None:
    made = results(goals=1, attempts=MAX_ATTEMPTS + 1)
    rows = [replace(one, trace_id=f"{number:032x}") for number, (_, one) in enumerate(made.attempts)]
    made = results_of(made.provenance, [row.goal for row in made.goals], rows)
    paths = dealt(tmp_path, made, 2)
    lines = [json.dumps({"resourceSpans": [{"traceId": one.trace_id}]}).encode() for one in rows]
    for number, own in ((1, (lines[0], lines[2])), (2, (lines[1][:-1], lines[3]))):
        TracesFile(tmp_path, Shard(number=number, of=2)).replace(own)
    files = [read(paths[0].rename(tmp_path / "first.jsonl")), read(paths[1])]
    assert kept_traces(files, merged(files)).lines(made.trace_ids) == [lines[0], lines[2]]


def test_of_a_file_that_was_torn_what_is_whole_counts(tmp_path: Path) -> None:
    first, second = dealt(tmp_path, WHOLE, 2)
    text = second.read_text()
    for kept, attempts in ((len(text) - 1, 8), (text.index('{"type"') + 3, 8), (text.index('{"type"') - 3, 7)):
        second.write_text(text[:kept])
        found = merged([read(first), read(second)])
        assert (len(found.attempts), found.complete) == (attempts, False)


def test_the_file_of_a_shard_that_ended_is_one_of_attempts_all_the_same(tmp_path: Path) -> None:
    made = shard_of(WHOLE, 1, 2)
    found = read_attempts(written(tmp_path, made), "a run", "-")
    assert results_of(*found) == replace(made, provenance=replace(made.provenance, ended_at=None))
