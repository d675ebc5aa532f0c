"""Quiet forks: none happens while metrics are recorded or collected."""

import os
import threading
import time
import weakref
from functools import cache
from typing import Final

from instrumentation.courier import left_s

MOST_WAIT_S: Final = 3.0
"""Whoever takes longer, because of what it waits for itself, does not keep the process from forking."""


class QuietLock:
    """A lock that a fork waits for, so that nobody has it in the child.

    The SDK has locks while it records and while it collects. A child that is forked meanwhile would have them without
    the thread that opens them, and whoever measures anything there would wait for ever.
    """

    def __init__(self) -> None:
        """Open."""
        self._lock = threading.Lock()
        self.was_quiet = True
        """Whether nobody had it when this process was forked."""
        _LOCKS[self] = None
        _keep_forks_quiet()

    def __enter__(self) -> None:
        """Wait for one's turn."""
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._lock.release()

    def close(self, timeout_s: float) -> bool:
        """For a fork: wait, so long at most, until nobody has it, and keep everybody away; whether it came to that."""
        self.was_quiet = self._lock.acquire(timeout=timeout_s)
        return self.was_quiet

    def open(self) -> None:
        """Let everybody in again, also who waits for it in the child already."""
        self._lock.release()

    def renew(self) -> None:
        """In a child, forget who has it: that is a thread of the parent's."""
        self._lock = threading.Lock()


def undisturbed() -> QuietLock:
    """Let the process fork before a collection of metrics or after it; one at a time."""
    return _COLLECTING


def was_forked_quietly() -> bool:
    """Whether nobody was collecting when this process was forked."""
    return _COLLECTING.was_quiet


_LOCKS: Final[weakref.WeakKeyDictionary[QuietLock, None]] = weakref.WeakKeyDictionary()
"""In the order in which they were made."""


@cache
def _keep_forks_quiet() -> None:
    forking = threading.local()

    def before() -> None:
        until_s = time.monotonic() + MOST_WAIT_S
        forking.closed = [(lock, lock.close(left_s(until_s))) for lock in list(_LOCKS)]

    def after_in_parent() -> None:
        for lock, is_closed in forking.closed:
            if is_closed:
                lock.open()

    def after_in_child() -> None:
        for lock, is_closed in forking.closed:
            if is_closed:
                lock.open()
            else:
                lock.renew()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=after_in_parent, after_in_child=after_in_child)


# The first: whoever collects waits for those who record, which must go on until it is done.
_COLLECTING: Final = QuietLock()
