"""The arrival of traces: they are waited for until all of a run is there, and not for ever."""

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from instrumentation.reading.jaeger_errors import JaegerDown, JaegerNotReady
from nanoagent.core.runs import CountedRun
from nanoagent.texts import plural

LIMIT_S: Final = 15.0
"""How long traces are waited for, taken together."""
POLL_S: Final = 0.2
"""From one look to the next; longer where a look takes longer."""
Read = Callable[[], Sequence[CountedRun]]
"""Reads a trace as it is now, and counts its runs; it may raise `JaegerNotReady`."""


class Arrival(NamedTuple):
    """What was there when the waiting ended."""

    runs: Sequence[CountedRun]
    """All runs that were found, whole or not."""
    lack: str | None = None
    """What was not there, on one line: `incomplete, 12 of 17 spans`. `None` when nothing is missing: only then are the
    numbers those of the runs, and not smaller ones."""

    def run(self, run_id: str) -> CountedRun | None:
        """The run of that id."""
        return next((run for run in self.runs if run.metrics.run_id == run_id), None)


class Patience:
    """Waits for traces that were sent and may still be on their way; the time runs from the first one on.

    Example:
        >>> api, problems = JaegerApi("http://localhost:16686"), Problems()
        >>> arrival = Patience().wait_for(lambda: list(counted_runs(api.trace(trace_id, problems), problems)))
        >>> print(arrival.lack or arrival.runs[0].metrics.to_dict())
    """

    def __init__(
        self,
        *,
        limit_s: float = LIMIT_S,
        poll_s: float = POLL_S,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        tell: Callable[[str], object] = lambda line: None,
    ) -> None:
        """Be ready to wait.

        Args:
            limit_s: For all traces together. Each is looked at once at least, also when the time is over.
            poll_s: From one look at a trace to the next.
            monotonic_s: The clock.
            sleep: Waits for so many seconds.
            tell: Told while something is waited for, of what is lacking.
        """
        self._limit_s = limit_s
        self._poll_s = poll_s
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._tell = tell
        self._over_s: float | None = None

    @property
    def left_s(self) -> float:
        """What is left of the time; none of it runs before the first trace is waited for."""
        return self._limit_s if self._over_s is None else max(0.0, self._over_s - self._monotonic_s())

    def wait_for(self, read: Read, run_id: str | None = None) -> Arrival:
        """Read a trace again and again until all of it is there, or the time is over.

        It is all there when each of its runs has the spans that its root says it has; a run whose root does not say,
        when its root is there, and the parents of all its spans.

        Args:
            read: Reads the trace.
            run_id: The run that must be in it; by default any.

        Raises:
            JaegerError: Jaeger is down, or what answers there is no Jaeger: waiting would not help.
        """
        if self._over_s is None:
            self._over_s = self._monotonic_s() + self._limit_s
        while True:
            began_s = self._monotonic_s()
            arrival = _look(read, run_id)
            now_s = self._monotonic_s()
            if arrival.lack is None or now_s >= self._over_s:
                return arrival
            self._tell(arrival.lack)
            self._sleep(min(max(self._poll_s, now_s - began_s), self._over_s - now_s))


def lack_of(run: CountedRun) -> str | None:
    """What is missing of a run, on one line; `None` for a run that is all there, as far as it says."""
    spans = plural(run.spans, "span")
    if run.expected_spans is not None and run.spans < run.expected_spans:
        return f"incomplete, {run.spans:,} of {run.expected_spans:,} spans"
    if run.expected_spans is not None and run.spans > run.expected_spans:
        return f"not in order, {spans} where the run's root says {run.expected_spans:,}"
    if run.metrics.end_time_unix_ns is None:
        return f"incomplete, {spans} without the run's root, which says how many there are"
    if run.missing_parents:
        return f"incomplete, {spans} without the parents of some of them"
    return None


def _look(read: Read, run_id: str | None) -> Arrival:
    try:
        runs = read()
    except JaegerDown:
        raise
    except JaegerNotReady as error:
        return Arrival((), str(error))
    if run_id is not None and not any(run.metrics.run_id == run_id for run in runs):
        return Arrival(runs, f"run {run_id} is not in the trace")
    if not runs:
        return Arrival(runs, "no run of an agent is in the trace")
    return Arrival(runs, next((lack for run in runs if (lack := lack_of(run)) is not None), None))
