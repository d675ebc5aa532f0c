"""Quiet forks: none happens while metrics are collected."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

MOST_WAIT_S: Final = 3.0
"""A collection that takes longer, because it waits for what it observes, does not keep the process from forking."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let the process fork before this or after it; one at a time.

    The SDK has locks while it collects. A child that is forked meanwhile would have them without the thread that opens
    them.
    """
    _keep_forks_quiet()
    with _TURN.lock:
        yield


def was_forked_quietly() -> bool:
    """Whether nobody was collecting when this process was forked."""
    return _TURN.is_quiet


class _Turn:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_quiet = True


_TURN: Final = _Turn()


@cache
def _keep_forks_quiet() -> None:
    def before() -> None:
        _TURN.is_quiet = _TURN.lock.acquire(timeout=MOST_WAIT_S)

    def after_in_parent() -> None:
        if _TURN.is_quiet:
            _TURN.lock.release()

    def after_in_child() -> None:
        _TURN.lock = threading.Lock()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=after_in_parent, after_in_child=after_in_child)
