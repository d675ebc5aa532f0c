"""The file of attempts: each row is there when its attempt has ended, so that a run can be gone on with."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.results.sealed import CHECKSUM, checksum_of
from benchmarks.results.store import told, write_text
from benchmarks.results.written import json_text

ATTEMPTS: Final = "attempts.jsonl"
SYNC_S: Final = 1.0
"""So long a row may be safe from the end of the process, and not from the end of the machine."""


class AttemptsFile:
    """attempts.jsonl in a directory of results: what was planned, then a row for each attempt that has ended."""

    def __init__(self, directory: Path) -> None:
        """Touch nothing yet."""
        self.path: Final = directory / ATTEMPTS
        self._synced_s = 0.0

    def begin(self, head: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> None:
        """Start anew with these rows: those that are there are another run's.

        Raises:
            Unwritable: It cannot be written; it is as it was.
        """
        with told(self.path):
            write_text(self.path, "".join(map(_line, (head, *rows))))

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; when this returns it is safe whatever happens to the process.

        Raises:
            Unwritable: It cannot be written; the rows before it are as they were.
        """
        with told(self.path):
            left = _line(row).encode()
            with self.path.open("ab", buffering=0) as file:
                end = file.tell()
                try:
                    while left:
                        left = left[file.write(left) :]
                    self._sync(file.fileno())
                except BaseException:
                    file.truncate(end)  # no half of a row
                    raise

    def _sync(self, descriptor: int) -> None:
        now_s = time.monotonic()
        if now_s - self._synced_s >= SYNC_S:
            os.fsync(descriptor)
            self._synced_s = now_s


def _line(row: Mapping[str, Any]) -> str:
    content = json.loads(json_text(row))  # made printable: the checksum is of what is written
    return json_text({**content, CHECKSUM: checksum_of(content)}) + "\n"
