"""Files of shards, made by hand from results that one process might have measured."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.reading import ShardFile, read_shard
from benchmarks.results.results import Attempt, Results, end_of, head_of, results_of, row_of
from benchmarks.sharding import Shard, keys_of


def shard_of(whole: Results, number: int, of: int, **source: Any) -> Results:
    """What a shard of it has measured, in a session of its own.

    Args:
        whole: What all shards measure.
        number: Which one.
        of: How many there are.
        source: Of the provenance.
    """
    shard = Shard(number=number, of=of)
    goals = [row.goal for row in whole.goals]
    dealt = set(keys_of(goals, whole.provenance.repeat, shard))
    attempts = [one for goal, one in whole.attempts if (goal.id, one.number) in dealt]
    own: dict[str, Any] = {"session_id": f"s{number}", "shard": shard} | source
    return results_of(replace(whole.provenance, **own), goals, attempts)


def written(directory: Path, made: Results, *, ended: bool = True, attempts: Sequence[Attempt] | None = None) -> Path:
    """Its file.

    Args:
        directory: Where it goes.
        made: What a shard has measured.
        ended: Whether it came to its end.
        attempts: Others than those that it has.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = AttemptsFile(directory, made.provenance.shard)
    rows = [one for _, one in made.attempts] if attempts is None else attempts
    head = replace(made.provenance, ended_at=None)
    file.begin(head_of(head, [row.goal for row in made.goals]), map(row_of, rows))
    if ended:
        file.end(end_of(made))
    return file.path


def dealt(directory: Path, whole: Results, of: int, **source: Any) -> list[Path]:
    """The files of so many shards that have all ended."""
    return [written(directory, shard_of(whole, number, of, **source)) for number in range(1, of + 1)]


def read(path: Path) -> ShardFile:
    """A file of a shard."""
    return read_shard(path, "a shard", "-")
