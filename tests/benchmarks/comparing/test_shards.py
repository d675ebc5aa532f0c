"""Merged results compared: everything as of one run, but for times, which depend on where shards were."""

from typing import Any

import pytest

from benchmarks.comparing.comparison import Word
from benchmarks.results.results import Part
from benchmarks.sharding import Shard
from tests.benchmarks.comparing.sides import compared, side, words
from tests.benchmarks.results_made import metrics

LINUX: dict[str, Any] = {"os": "Linux", "cpu_count": 2}
LARGE: dict[str, Any] = {"os": "Linux", "cpu_count": 8}
DARWIN: dict[str, Any] = {"os": "Darwin", "cpu_count": 8}


def parts(*machines: dict[str, Any], shards: bool = True) -> tuple[Part, ...]:
    return tuple(
        Part(
            shard=Shard(number=number, of=len(machines)) if shards else None,
            session_id=f"s{number}",
            machine=machine,
            started_at="2026-11-25T10:00:00+00:00",
            ended_at="2026-11-25T10:00:01+00:00",
        )
        for number, machine in enumerate(machines, 1)
    )


def rows(before: tuple[Part, ...], now: tuple[Part, ...]) -> tuple[Word, Word, str]:
    """What becomes of the tokens and of the seconds, and why of the latter."""
    numbers = {"a": [metrics()] * 2}
    found = compared(side(numbers, machine=LINUX, parts=before), side(numbers, machine=LINUX, parts=now))
    (seconds,) = [row for row in found.rows if row.metric == "duration_seconds"]
    return words(found, "a")["tokens_used"], words(found, "a")["duration_seconds"], seconds.reason


def test_seconds_of_as_many_shards_on_machines_alike_are_compared() -> None:
    same, seconds, _ = rows(parts(LINUX, LINUX), parts(LINUX, LINUX | {"python": "3.12"}))
    assert (same, seconds) == (Word.SAME, Word.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (parts(LINUX, LINUX), (), "the number of shards is 1 and was 2"),
        ((), parts(LARGE), "the machine's number of processors is 8 and was 2"),
        (
            (),
            parts(LINUX, LARGE),
            "this run was measured on machines whose number of processors is 2 and 8",
        ),
        (
            parts(LINUX, DARWIN),
            parts(LINUX, DARWIN),
            "the baseline was measured on machines whose system is 'Linux' and 'Darwin'; "
            "the baseline was measured on machines whose number of processors is 2 and 8; "
            "this run was measured on machines whose system is 'Linux' and 'Darwin'; "
            "this run was measured on machines whose number of processors is 2 and 8",
        ),
        (
            parts(LINUX, LARGE, shards=False),
            (),
            "the baseline was measured on machines whose number of processors is 2 and 8",
        ),
    ],
    ids=["shards", "other", "mixed", "alike mixed", "went on elsewhere"],
)
def test_other_seconds_are_not_and_everything_else_is(
    before: tuple[Part, ...], now: tuple[Part, ...], reason: str
) -> None:
    assert rows(before, now) == (Word.SAME, Word.NOT_COMPARABLE, reason)
