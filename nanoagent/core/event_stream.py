"""A run's events as an async iterator, with the run in a task of its own behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from nanoagent.core.result import RunResult
from nanoagent.core.stream_manager import Event, StreamManager

MAX_WAITING: Final = 256
"""Events that may wait to be read before an agent at work waits for the reader."""


class EventStream:
    """The events of one run, from `run_started` to `run_finished`; entering it starts the run, leaving it cancels it.

    The run is in a task of its own, so that nothing of it depends on who reads the events, in which task, and whether
    they are read at all.
    """

    def __init__(
        self, stream: StreamManager, run: Callable[[], Awaitable[RunResult]], abandon: Callable[[], object]
    ) -> None:
        """Prepare the stream.

        Args:
            stream: Tells the events.
            run: Starts the run.
            abandon: Called before a run is cancelled because its events are no longer read.
        """
        self._manager = stream
        self._run = run
        self._abandon = abandon
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._task: asyncio.Task[RunResult] | None = None
        self._left = False

    async def wait_for_room(self) -> None:
        """Wait until the reader has caught up, more or less."""
        if self._events.qsize() >= MAX_WAITING:
            self._room.clear()
            await self._room.wait()

    @property
    def result(self) -> RunResult:
        """The run's result, once its last event has been read.

        Raises:
            RuntimeError: The run has not ended, or was cancelled.
        """
        if self._task is None or not self._task.done() or self._task.cancelled():
            raise RuntimeError("the run has no result: read its events to the end first")
        return self._task.result()

    async def __aenter__(self) -> Self:
        """Start the run."""
        if self._task is not None:
            raise RuntimeError("this stream was entered before: call run_stream() on a new orchestrator")
        run = self._run()
        unsubscribe = self._manager.subscribe(self._events.put_nowait)
        self._task = asyncio.ensure_future(run)

        def ended(_: object) -> None:
            unsubscribe()
            self._events.put_nowait(None)

        self._task.add_done_callback(ended)
        try:
            await asyncio.sleep(0)  # a task that is cancelled before its first step never begins, and no run would end
        except asyncio.CancelledError:
            await self._break_off(self._task)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cancel the run, if it still goes on, and wait until it has ended."""
        self._left = True
        if self._task is not None and not self._task.done():
            await self._break_off(self._task)
        elif self._task is not None and not self._task.cancelled() and error is None:
            self._task.result()

    def __aiter__(self) -> Self:
        """The events, once each."""
        return self

    async def __anext__(self) -> Event:
        """The next event.

        Raises:
            RuntimeError: Outside of the block: the run is over and its events are gone.
        """
        if self._left or self._task is None:
            raise RuntimeError(
                "the events of a run can be read inside `async with orchestrator.run_stream() as events:` alone"
            )
        if self._task.done() and self._events.empty():
            self._task.result()
            raise StopAsyncIteration
        event = await self._events.get()
        self._room.set()
        if event is None:
            self._task.result()
            raise StopAsyncIteration
        return event

    async def _break_off(self, task: asyncio.Task[RunResult]) -> None:
        self._abandon()
        task.cancel()
        await asyncio.wait({task})
