"""A clock that ticks when it is read."""


class TickingClock:
    """A run's clock that moves by one step each time it is read."""

    def __init__(self, start_ns: int = 1_700_000_000_000_000_000, step_ns: int = 1_000_000) -> None:
        self._now_ns = start_ns
        self._step_ns = step_ns

    def now_ns(self) -> int:
        """The next tick, in Unix nanoseconds."""
        self._now_ns += self._step_ns
        return self._now_ns
