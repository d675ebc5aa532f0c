"""A watch: whether those are there without whom what is awaited would never come."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

EVERY_S: Final = 5.0
"""So often it is looked."""
MOST_MISSED: Final = 6
"""Who is not there so often, one time after the other, is gone."""

T = TypeVar("T")


class Watch:
    """Breaks work off when somebody is gone; as much work as there is has one watch.

    Args:
        is_there: Looks, in a thread of its own.
        gone: Makes the error that is raised when nobody is.
    """

    def __init__(self, is_there: Callable[[], bool], gone: Callable[[], Exception]) -> None:
        self._is_there, self._gone = is_there, gone
        self._task: asyncio.Task[None] | None = None

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of the work.

        Raises:
            Exception: Somebody is gone before it ends.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise self._gone()
        finally:
            task.cancel()

    async def _look(self) -> None:
        """Ends when somebody is gone."""
        missed = 0
        while missed < MOST_MISSED:
            await asyncio.sleep(EVERY_S)
            missed = 0 if await asyncio.to_thread(self._is_there) else missed + 1
