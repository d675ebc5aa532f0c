"""The file of the traces that are kept with results: OTLP JSON, a line a trace."""

import json
import re
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Final

from benchmarks.results.appended import AppendedFile
from benchmarks.sharding import Shard

TRACES: Final = "kept-traces.jsonl"
_TRACE_ID: Final = re.compile(rb'"traceId": ?"([0-9a-f]{32})"')


class TracesFile:
    """kept-traces.jsonl in a directory of results, or the file of a shard."""

    def __init__(self, directory: Path, shard: Shard | None = None) -> None:
        """Touch nothing yet."""
        self._file = AppendedFile(directory / (shard.file_name(TRACES) if shard else TRACES))

    def begin(self, trace_ids: Container[str]) -> dict[str, bytes]:
        """Start anew with those of these traces that are there.

        Returns:
            Their lines, by their ids.

        Raises:
            Unwritable: It cannot be written; it is as it was.
        """
        kept = kept_lines(self._file.path, trace_ids)
        self.replace(kept.values())
        return kept

    def replace(self, lines: Iterable[bytes]) -> None:
        """Start anew with these traces.

        Raises:
            Unwritable: It cannot be written; it is as it was.
        """
        self._file.begin(line.decode() for line in lines)

    def add(self, line: bytes) -> None:
        """Add a trace.

        Raises:
            Unwritable: It cannot be written; the lines before it are as they were.
        """
        self._file.add(line.decode())


def kept_lines(path: Path, trace_ids: Container[str]) -> dict[str, bytes]:
    """The lines of a file that are whole and of one of these traces, by its id; none where nothing can be read."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return {}
    found = [(_TRACE_ID.search(line), line) for line in lines if line.isascii()]
    return {id_[1].decode(): line for id_, line in found if id_ and id_[1].decode() in trace_ids and _is_json(line)}


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
