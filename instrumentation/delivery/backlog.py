"""The backlog: what is on its way to the disk, and how long whoever adds to it has to wait."""

import time
from collections.abc import Callable
from typing import Final

MAX_PAUSE_S: Final = 0.02
"""The wait when the backlog is full; the less of its second half is there, the shorter."""
STUCK_S: Final = 2.0
"""A disk that takes nothing for so long is not waited for."""


class Backlog:
    """Counts spans and bytes. Whose it is guards it with a lock.

    Threads that end spans share the interpreter with the one that writes them, and many of them would leave it no time.
    """

    def __init__(self, *, max_spans: int, max_bytes: int, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Have nothing on its way; it is full with so many spans, or with about so many bytes."""
        self.spans = 0
        self.bytes = 0
        self._max_spans = max_spans
        self._max_bytes = max_bytes
        self._monotonic_s = monotonic_s
        self._progress_s = 0.0
        """When the disk last took something, or was given something to do."""

    def add(self, spans: int, size: int) -> None:
        """So much is to be written, too."""
        if not self.spans:
            self._progress_s = self._monotonic_s()
        self.spans += spans
        self.bytes += size

    def remove(self, spans: int, size: int) -> None:
        """So much was written, or cannot be."""
        self.spans -= spans
        self.bytes -= size
        self._progress_s = self._monotonic_s()

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be added."""
        return self._share > 1

    @property
    def pause_s(self) -> float:
        """How long whoever ends a span waits, so that what many threads end together gets to the disk."""
        over_half = 2 * self._share - 1
        if over_half <= 0 or self._monotonic_s() - self._progress_s > STUCK_S:
            return 0.0
        return MAX_PAUSE_S * min(1.0, over_half)

    @property
    def _share(self) -> float:
        return max(self.spans / self._max_spans, self.bytes / self._max_bytes)
