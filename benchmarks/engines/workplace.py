"""A workplace: where a worker makes attempts, with tracing of its own."""

import asyncio
import time
from collections import deque
from typing import Final

from benchmarks.engines.job import Closed, Job, Made
from benchmarks.results.results import Attempt, row_of
from benchmarks.results.sealed import sealed_line
from benchmarks.results.written import json_text
from benchmarks.running.runner import Listener, Session, run_attempt
from benchmarks.running.traces import KeptTraces
from benchmarks.tested import tested
from benchmarks.tokens import TokenSource
from instrumentation.configuration import configure
from instrumentation.telemetry import Telemetry
from nanoagent.redaction.redactor import redacted
from nanoagent.tracing.failures import redacted_traceback

CANCELLED_S: Final = 2.0
"""So long the end waits for runs that were cancelled."""
HOLD_OFF_S: Final = 30.0
"""So long no attempt waits for its spans to be sent, once some did not arrive in time: they are sent all the same."""
_MOST_NOTICES: Final = 100


class Workplace:
    """Makes the attempts of a job, several at a time, in this process.

    Raises:
        ConfigurationError: What is tested cannot be used here, or a setting of tracing.
    """

    def __init__(self, job: Job) -> None:
        self._goals = {goal.id: goal for goal in job.request.goals}
        self._notices: deque[str] = deque(maxlen=_MOST_NOTICES)
        self._traces = KeptTraces()
        subject = tested(job.request).subject
        self.token_source: Final[TokenSource] = subject.token_source
        telemetry = configure(
            service_name=job.service_name, notify=self._notices.append, span_processors=[self._traces]
        )
        self._telemetry: Final = telemetry
        self._sending = _Sending(telemetry)
        self._session = Session(subject=subject, id=job.session_id)
        self._at_work: set[asyncio.Task[object]] = set()

    async def make(self, goal_id: str, number: int) -> Made:
        """Make an attempt; when this returns its spans are sent, or the time for that is over."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        troubles: list[str] = []
        listener = Listener(
            raised=lambda goal, error: troubles.append(f"could not be judged:\n{redacted_traceback(error)}"),
            troubled=lambda goal, error: troubles.append(redacted(error)),
        )
        attempt = await run_attempt(self._goals[goal_id], self._session, number, listener=listener)
        trace = self._trace_of(attempt)
        await self._sending.sent()
        row = sealed_line(json_text(row_of(attempt)))
        return Made(row=row, trace=trace, troubles=tuple(troubles), notices=self._heard())

    async def close(self) -> Closed:
        """Wait for runs that were cancelled, send what is left, and end tracing."""
        if self._at_work:
            await asyncio.wait(set(self._at_work), timeout=CANCELLED_S)
        arrived = await asyncio.to_thread(self._telemetry.shutdown)
        return Closed(arrived=arrived, notices=self._heard())

    def _trace_of(self, attempt: Attempt) -> bytes | None:
        self._traces.ended(attempt)
        return next(iter(self._traces.lines([attempt.trace_id] if attempt.trace_id else [])), None)

    def _heard(self) -> tuple[str, ...]:
        heard = tuple(self._notices)
        self._notices.clear()
        return heard


class _Sending:
    """Sends what has ended; those that wait at the same time share a flush. While nothing arrives nobody waits."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._lock = asyncio.Lock()
        self._asked = self._sent = 0
        self._not_before_s = 0.0

    async def sent(self) -> None:
        """Wait until a flush is over that has begun after this was called."""
        if not self._telemetry.exporters:
            return
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._sent < mine and time.monotonic() >= self._not_before_s:
                covered = self._asked
                if not await asyncio.to_thread(self._telemetry.flush):
                    self._not_before_s = time.monotonic() + HOLD_OFF_S
                self._sent = covered
