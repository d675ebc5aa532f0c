"""A file of lines to which is added while goals run: a line is there whole or not at all."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from benchmarks.results.store import told, write_text

SYNC_S: Final = 1.0
"""So long a line may be safe from the end of the process, and not from the end of the machine."""


class AppendedFile:
    """A file of lines."""

    def __init__(self, path: Path) -> None:
        """Touch nothing yet."""
        self.path: Final = path
        self._synced_s = 0.0

    def begin(self, lines: Iterable[str]) -> None:
        """Start anew with these lines: what is there is another run's.

        Raises:
            Unwritable: It cannot be written; it is as it was.
        """
        with told(self.path):
            write_text(self.path, (f"{line}\n" for line in lines))

    def add(self, line: str) -> None:
        """Add a line; when this returns it is safe whatever happens to the process.

        Raises:
            Unwritable: It cannot be written; the lines before it are as they were.
        """
        with told(self.path):
            left = f"{line}\n".encode()
            with self.path.open("ab", buffering=0) as file:
                end = file.tell()
                try:
                    while left:
                        left = left[file.write(left) :]
                    self._sync(file.fileno())
                except BaseException:
                    file.truncate(end)  # no half of a line
                    raise

    def _sync(self, descriptor: int) -> None:
        now_s = time.monotonic()
        if now_s - self._synced_s >= SYNC_S:
            os.fsync(descriptor)
            self._synced_s = now_s
