"""The store of results: files that are whole or not there."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.formats import first_line, printable
from nanoagent.errors import ConfigurationError

ATTEMPTS: Final = "attempts.jsonl"
RESULTS: Final = "results.json"
REPORT: Final = "RESULTS.md"
BASELINE: Final = "baseline.json"


class Unwritable(ConfigurationError):  # noqa: N818 - reads as what it says of the file
    """A file of results cannot be written."""


class Store:
    """A directory of results.

    Raises:
        ConfigurationError: The directory cannot be made or written to; nothing in it has changed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        probe = directory / f".probe.{os.getpid()}.tmp"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigurationError(
                f"--output must be a directory that can be written to, got {str(directory)!r}: "
                f"{error.strerror or type(error).__name__}; choose another one"
            ) from error

    def begin_attempts(self) -> None:
        """Start attempts.jsonl anew: the rows of an earlier run are another run's.

        Raises:
            Unwritable: It cannot be written.
        """
        with _told(self.directory / ATTEMPTS):
            write_text(self.directory / ATTEMPTS, "")

    def add_attempt(self, row: Mapping[str, Any]) -> None:
        """Add a row to attempts.jsonl; it is on disk when this returns.

        Raises:
            Unwritable: It cannot be written; the rows before it are as they were.
        """
        path = self.directory / ATTEMPTS
        with _told(path):
            left = (_json(row) + "\n").encode()
            with path.open("ab", buffering=0) as file:
                end = file.tell()
                try:
                    while left:
                        left = left[file.write(left) :]
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(end)  # no half of a row
                    raise

    def write_results(self, results: Mapping[str, Any], report: str) -> None:
        """Write results.json and RESULTS.md.

        Raises:
            Unwritable: One of them cannot be written.
        """
        for name, text in ((RESULTS, _json(results, indent=2) + "\n"), (REPORT, report)):
            with _told(self.directory / name):
                write_text(self.directory / name, text)


def write_baseline(directory: Path, results: Mapping[str, Any], report: str) -> None:
    """Write what is committed: baseline.json and RESULTS.md."""
    write_text(directory / BASELINE, _json(results, indent=2) + "\n")
    write_text(directory / REPORT, report)


def write_text(path: Path, text: str) -> None:
    """Put a file in place in one go: whoever reads it sees all of the old one or all of the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or first_line(error)
        raise Unwritable(
            f"--output must be a directory with room for the results, got {str(path.parent)!r}: "
            f"{path.name} cannot be written ({reason}); make room, or choose another one"
        ) from error


def _json(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    # Strict: NaN and Infinity are no JSON, and many parsers refuse the whole file for one of them.
    return printable(json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent))
