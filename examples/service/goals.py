"""The goals that are worked on: so many at a time, each until it is answered or nobody waits for it any more."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from nanoagent import Orchestrator, RunResult

CANCEL_S: Final = 1.0
"""A run that is cancelled takes no time; one with a tool that goes on all the same is not waited for any longer."""
NobodyWaits = Callable[[], Coroutine[Any, Any, object]]
"""Comes to its end when nobody waits for an answer any more."""


class Busy(Exception):  # noqa: N818 - an answer, not an error
    """As many goals are worked on as there may be."""


class Goals:
    """Works on goals in tasks of their own."""

    def __init__(self, *, max_goals: int, grace_s: float, cancel_s: float = CANCEL_S) -> None:
        """Work on at most `max_goals` at a time, and `grace_s` longer once it is told to close."""
        self._max_goals, self._grace_s, self._cancel_s = max_goals, grace_s, cancel_s
        self._runs: set[asyncio.Task[RunResult]] = set()
        self._no_more_time = asyncio.Event()
        self._end: asyncio.Task[None] | None = None

    @property
    def is_closing(self) -> bool:
        """Whether no further goal is taken."""
        return self._end is not None

    async def work_on(self, orchestrator: Orchestrator, nobody_waits: NobodyWaits) -> RunResult | None:
        """Run it; `None` where the run was cancelled, since nobody waits for it or there was no more time.

        A run that is cancelled and goes on all the same is one of those that there may be until it ends.

        Raises:
            Busy: There are too many goals.
        """
        if len(self._runs) >= self._max_goals:
            raise Busy
        run = asyncio.create_task(orchestrator.run())
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        ends = [asyncio.create_task(nobody_waits()), asyncio.create_task(self._no_more_time.wait())]
        try:
            await asyncio.wait({run, *ends}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*ends, run):
                task.cancel()  # one that is done stays as it is
        await asyncio.wait({run}, timeout=self._cancel_s)
        return run.result() if run.done() and not run.cancelled() else None

    def close(self) -> asyncio.Task[None]:
        """Take no further goals, and be done with those that are worked on in time: they are cancelled then."""
        if self._end is None:
            self._end = asyncio.create_task(self._close())
        return self._end

    async def _close(self) -> None:
        if self._runs:
            await asyncio.wait(self._runs, timeout=self._grace_s)
        self._no_more_time.set()
        if self._runs:
            await asyncio.wait(self._runs, timeout=self._cancel_s)


@contextmanager
def when_asked_to_end(call: Callable[[], object]) -> Iterator[None]:
    """Call this in the event loop when a signal asks the process to end, besides what the server does then.

    A server tells its application that it ends when all answers have been given: too late for those that take long.
    Signals are only heard in the main thread.
    """
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    is_heard = threading.current_thread() is threading.main_thread()
    before = {number: handler for number, handler in handlers.items() if is_heard and callable(handler)}

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(call)
        before[signal.Signals(number)](number, frame)

    for number in before:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
