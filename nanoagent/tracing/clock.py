"""The clock of a run."""

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Whatever tells Unix time in nanoseconds."""

    def now_ns(self) -> int:
        """Unix time in nanoseconds; never less than before."""


class RunClock:
    """Wall time when it was made plus the monotonic time since: a wall clock that is set back does not move it."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._offset_ns = wall_ns() - monotonic_ns()

    def now_ns(self) -> int:
        """Unix time in nanoseconds; never less than before."""
        return self._offset_ns + self._monotonic_ns()
