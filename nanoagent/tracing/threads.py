"""Work that is handed to a thread: how it stays in the run that handed it out."""

import functools
from collections.abc import Callable
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
