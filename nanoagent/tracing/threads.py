"""Threads: how work that is handed to one stays in its run, and how what it tells comes back to the loop's."""

import asyncio
import functools
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def keep_context(function: Callable[P, T]) -> Callable[P, T]:
    """The function, to be called in another thread as if it were called here and now.

    `asyncio.to_thread` and `create_task` keep the context by themselves. `ThreadPoolExecutor.submit`,
    `loop.run_in_executor` and `threading.Thread` lose it, and what they call is then traced as something of its own.

    Example:
        >>> await loop.run_in_executor(pool, keep_context(look_up), "blue chair")
        >>> pool.map(keep_context(look_up), items)
    """
    context = copy_context()

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        # A copy each: one context cannot be entered by two threads at a time.
        return context.copy().run(function, *args, **kwargs)

    return call


def in_this_loop(function: Callable[P, object]) -> Callable[P, None]:
    """The function, to be called from any thread: in that of the loop that runs now at once, from others soon."""
    loop, home = asyncio.get_running_loop(), threading.get_ident()

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        if threading.get_ident() == home:
            function(*args, **kwargs)
            return
        with suppress(RuntimeError):  # the loop is closed, and nobody is there to be told
            loop.call_soon_threadsafe(functools.partial(function, *args, **kwargs))

    return call
