"""The store of results: files that are whole or not there, and one benchmark at a time in a directory."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from benchmarks.formats import first_line, reason_of
from benchmarks.results.sealed import sealed
from benchmarks.results.written import ATTEMPT_DEPTH, laid_out, printable_value
from benchmarks.sharding import Shard
from nanoagent.errors import ConfigurationError

RESULTS: Final = "results.json"
CHARTS: Final = "charts/*.svg"
COMPARISON: Final = "comparison"
_LOCK: Final = ".lock"


class Unwritable(ConfigurationError):  # noqa: N818 - reads as what it says of the file
    """A file of results cannot be written."""


class Store:
    """A directory of results, for one benchmark, or one of each shard, at a time.

    Until it is closed, or the process ends, it keeps others out.

    Raises:
        ConfigurationError: The directory cannot be made or written to, or another benchmark is at work in it; nothing
            in it has changed.
    """

    def __init__(self, directory: Path, shard: Shard | None = None) -> None:
        self.directory = directory
        self._lock = FileLock(directory / (shard.file_name(_LOCK) if shard else _LOCK))
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            who = f"no other {shard.text}" if shard else "no other benchmark"
            raise ConfigurationError(
                f"--output must be a directory that {who} is at work in, got {str(directory)!r}; "
                "wait for that one to end, or choose another directory"
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"--output must be a directory that can be written to, got {str(directory)!r}: "
                f"{reason_of(error)}; choose another one"
            ) from error

    def close(self) -> None:
        """Let others in."""
        self._lock.release()

    def write(self, files: Mapping[str, str | Iterable[str]]) -> None:
        """Write files, in one piece or many, by their names, which may lie in directories below.

        Raises:
            Unwritable: One of them cannot be written; it is as it was.
        """
        for name, text in files.items():
            with told(self.directory / name):
                write_text(self.directory / name, text)
        with told(self.directory / CHARTS):
            remove_others(self.directory, files, CHARTS)


@contextmanager
def opened(directory: Path, shard: Shard | None = None) -> Iterator[Store]:
    """The store of a directory until the block has ended.

    Raises:
        ConfigurationError: As a store's.
    """
    files = Store(directory, shard)
    try:
        yield files
    finally:
        files.close()


def results_pieces(
    results: Mapping[str, Any], trace_lines: Iterable[bytes] = (), *, comparison: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """The text of results.json, in pieces.

    Args:
        results: JSON-ready.
        trace_lines: Traces of its attempts, OTLP JSON, a line each.
        comparison: What became of a baseline; JSON-ready.

    Raises:
        ValueError: There is a NaN in it, or an infinity.
    """
    # Made printable first: what is written is what the checksum is of.
    content = printable_value({**results, COMPARISON: comparison}, ATTEMPT_DEPTH)
    yield from laid_out(sealed(content, trace_lines), ATTEMPT_DEPTH + 1)
    yield "\n"


def remove_others(directory: Path, kept: Iterable[str], pattern: str) -> None:
    """Remove the files of an earlier run: those below the directory that match and are none of these."""
    names = {directory / name for name in kept}
    for path in directory.glob(pattern):
        if path not in names:
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str | Iterable[str]) -> None:
    """Put a file in place in one go, whole or in pieces: whoever reads it sees all of the old one or of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines([text] if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Make one clear error of whatever keeps a file of results from being written."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or first_line(error)
        raise Unwritable(
            f"--output must be a directory with room for the results, got {str(path.parent)!r}: "
            f"{path.name} cannot be written ({reason}); make room, or choose another one"
        ) from error
