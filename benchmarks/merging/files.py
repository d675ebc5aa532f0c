"""The files of shards that are to be merged: found, and read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.formats import quoted
from benchmarks.results.attempts_file import ATTEMPTS
from benchmarks.results.reading import ShardFile, read_shard
from benchmarks.results.traces_file import TRACES
from benchmarks.sharding import Shard
from nanoagent.errors import ConfigurationError

_RULE: Final = "merge needs files of shards"
_WAY_OUT: Final = "leave it out, or make the shard with --shard"
_PATTERN: Final = "{}.*-of-*.jsonl".format(ATTEMPTS.partition(".")[0])


def read_files(named: Sequence[Path]) -> list[ShardFile]:
    """Read the files of shards.

    Args:
        named: Files, and directories, each of which stands for the files of shards in it.

    Raises:
        ConfigurationError: There is none, one of them is none, or one is given twice.
    """
    paths = [path for one in named for path in _paths(one)]
    if not paths:
        example = Shard(number=1, of=8).file_name(ATTEMPTS)
        raise ConfigurationError(f"{_RULE}, such as {example}, got none; name them")
    files: dict[tuple[str, str], ShardFile] = {}
    for path in paths:
        file = read_shard(path, _RULE, _WAY_OUT)
        before = files.setdefault((str(file.shard), file.attempts.provenance.session_id), file)
        if before is not file:
            raise ConfigurationError(
                f"{_RULE}, each once, got {file.shard.text} as {quoted(str(before.path))} and as {quoted(str(path))}; "
                "leave one of them out"
            )
    return list(files.values())


def traces_beside(file: ShardFile) -> Path:
    """Where the traces are that were kept of the attempts in a file."""
    return file.path.with_name(file.shard.file_name(TRACES))


def _paths(named: Path) -> Iterator[Path]:
    if not named.is_dir():
        yield named
        return
    found = sorted(named.glob(_PATTERN))
    if not found:
        raise ConfigurationError(f"{_RULE}, got the directory {quoted(str(named))}, which has none; {_WAY_OUT}")
    yield from found
