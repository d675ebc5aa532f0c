"""Calls of gRPC: the process forks between them. In a child that is forked during one, gRPC hangs or aborts."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MOST_WAIT_S: Final = 0.5
"""A call that takes longer, because its receiver hangs, does not keep the process from forking."""


class ForkedDuringCallError(Exception):
    """This process was forked during a call of gRPC, and can make none."""


@contextmanager
def call() -> Iterator[None]:
    """Make a call, which a fork waits for.

    Raises:
        ForkedDuringCallError: None can be made here.
    """
    _CALLS.begin()
    try:
        yield
    finally:
        _CALLS.end()


class _Calls:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._is_forking = self._was_disturbed = False

    def begin(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_forking)
            if self._was_disturbed:
                raise ForkedDuringCallError
            self._under_way += 1

    def end(self) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def before_fork(self) -> None:
        self._changed.acquire()
        self._is_forking = True
        self._changed.wait_for(lambda: not self._under_way, MOST_WAIT_S)

    def after_in_parent(self) -> None:
        self._is_forking = False
        self._changed.notify_all()
        self._changed.release()

    def after_in_child(self) -> None:
        self._was_disturbed = self._was_disturbed or self._under_way > 0
        self._under_way = 0
        self.after_in_parent()


_CALLS: Final = _Calls()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_CALLS.before_fork, after_in_parent=_CALLS.after_in_parent, after_in_child=_CALLS.after_in_child
    )
