"""Turns: one thing after another, in whichever thread it comes up."""

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any


class Turns:
    """A lock for what is changed in turns: what comes up within a turn, in its own thread, is done at its end.

    Wherever Python collects garbage, a finalizer can end a span, and a clock or an attribute can be code of others that
    does. A plain lock would then be waited for for ever; a reentrant one would let what is half changed be changed.
    """

    __slots__ = ("__weakref__", "_depth", "_due", "_lock")

    def __init__(self) -> None:
        """Nothing is to be done."""
        self.renew()

    def renew(self) -> None:
        """Begin anew, in a forked child: the threads that were at it are the parent's."""
        self._due: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._lock = threading.RLock()
        self._depth = 0

    def take(self, work: Callable[..., object], *args: Any) -> None:
        """Do this in a turn of its own: now, or at the end of the turn that this thread is in."""
        self._due.append((work, args))
        with self:
            pass

    @property
    def is_inside(self) -> bool:
        """Whether the turn has begun within another one, which has something half changed."""
        return self._depth > 1

    def __enter__(self) -> None:
        """Wait for the turn of this thread."""
        self._lock.acquire()
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the turn, with what has come up meanwhile."""
        try:
            while self._due and self._depth == 1:
                work, args = self._due.popleft()
                work(*args)
        finally:
            self._depth -= 1
            self._lock.release()
