"""The file of attempts: what was planned, then each attempt as it ends, so that a run can be gone on with."""

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

from benchmarks.results.appended import AppendedFile
from benchmarks.results.sealed import sealed_line
from benchmarks.results.written import json_text
from benchmarks.sharding import Shard

ATTEMPTS: Final = "attempts.jsonl"


class AttemptsFile:
    """attempts.jsonl in a directory of results, or the file of a shard; each line is sealed."""

    def __init__(self, directory: Path, shard: Shard | None = None) -> None:
        """Touch nothing yet."""
        self._file = AppendedFile(directory / (shard.file_name(ATTEMPTS) if shard else ATTEMPTS))

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._file.path

    def begin(self, head: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
        """Start anew with these rows: those that are there are another run's.

        Raises:
            Unwritable: It cannot be written; it is as it was.
        """
        self._file.begin(map(_line, chain([head], rows)))

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; when this returns it is safe whatever happens to the process.

        Raises:
            Unwritable: It cannot be written; the rows before it are as they were.
        """
        self._file.add(_line(row))

    def end(self, end: Mapping[str, Any]) -> None:
        """Say that all attempts of a shard are made.

        Raises:
            Unwritable: It cannot be written; the rows are as they were.
        """
        self._file.add(_line(end))


def _line(row: Mapping[str, Any]) -> str:
    return sealed_line(json_text(row))
