"""The file of the traces that are kept with results: OTLP JSON, a line a trace."""

import re
from collections.abc import Container
from pathlib import Path
from typing import Final

from benchmarks.results.appended import AppendedFile

TRACES: Final = "kept-traces.jsonl"
_TRACE_ID: Final = re.compile(rb'"traceId": ?"([0-9a-f]{32})"')


class TracesFile:
    """kept-traces.jsonl in a directory of results."""

    def __init__(self, directory: Path) -> None:
        """Touch nothing yet."""
        self._file = AppendedFile(directory / TRACES)

    def begin(self, trace_ids: Container[str]) -> dict[str, bytes]:
        """Start anew with those of these traces that are there.

        Returns:
            Their lines, by their ids.

        Raises:
            Unwritable: It cannot be written; it is as it was.
        """
        kept = {id_: line for id_, line in self._lines().items() if id_ in trace_ids}
        self._file.begin(line.decode() for line in kept.values())
        return kept

    def add(self, line: bytes) -> None:
        """Add a trace.

        Raises:
            Unwritable: It cannot be written; the lines before it are as they were.
        """
        self._file.add(line.decode())

    def _lines(self) -> dict[str, bytes]:
        """The lines that are whole, by the ids of their traces; none where nothing can be read."""
        try:
            lines = self._file.path.read_bytes().split(b"\n")[:-1]
        except OSError:
            return {}
        found = [(_TRACE_ID.search(line), line) for line in lines if line.isascii()]
        return {id_[1].decode(): line for id_, line in found if id_}
