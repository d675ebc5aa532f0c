"""The recorder: has what the aggregator counts recorded by instruments, in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any, Final

from opentelemetry.metrics import Meter
from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.life_cycle import in_forked_child
from instrumentation.metrics.measuring import Counted, Ended, Measuring, is_measured
from instrumentation.metrics.quiet import QuietLock
from instrumentation.observing import Filed
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import SpanRecord
from nanoagent.tracing.failures import log_failure

_logger = logging.getLogger(__name__)

MAX_WAITING: Final = 50_000
"""Spans and runs that may wait to be recorded, ..."""
PAUSE_AT: Final = 10_000
"""... where whoever ends a span waits a little from here on, ..."""
PAUSE_S: Final = 0.001
"""... so long."""

Work = Callable[[Measuring], object]


class Recorder:
    """Takes what was counted and records it soon after, in order.

    Instruments take locks that know nothing of finalizers, which can end a span anywhere, also in the middle of a
    collection of the metrics: so nothing is recorded in the thread that ends a span.
    """

    def __init__(self, meter: Meter) -> None:
        """Create the instruments, and start the thread: at the end of a process none can start any more."""
        self.unrecorded = 0
        """Spans and runs that were not recorded because too many waited."""
        self._measuring = Measuring(meter)
        self._recording = QuietLock()
        self._closed = False
        self._drained = True
        self._begin()
        in_forked_child(self._after_fork)

    def span_counted(self, span: ReadableSpan, record: SpanRecord, attributes: Mapping[str, Any], filed: Filed) -> None:
        """Record a span that was counted. It waits for nothing but, where far too many wait already, a millisecond."""
        if is_measured(record):
            counted = Counted.of(span, record, attributes, filed)
            self._put(lambda measuring: measuring.span_counted(counted))

    def run_ended(
        self, metrics_of: Callable[[], PerformanceMetrics], root: ReadableSpan, attributes: Mapping[str, Any]
    ) -> None:
        """Record an outermost run that has ended; its numbers are added up when it is recorded."""
        ended = Ended.of(root, attributes)
        self._put(lambda measuring: measuring.run_ended(metrics_of(), ended))

    def drain(self, timeout_s: float) -> bool:
        """Wait until what has been counted so far is recorded; whether it was in time."""
        if threading.get_ident() == self._thread.ident or not self._thread.is_alive():
            return self._queue.empty()
        recorded = threading.Event()
        self._queue.put(lambda _measuring: recorded.set())
        return recorded.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Record what there is, and nothing more; whether it was in time. A second call only answers."""
        if not self._closed:
            self._closed = True
            self._drained = self.drain(timeout_s)
            self._queue.put(None)
        return self._drained

    def _put(self, work: Work) -> None:
        waiting = self._queue.qsize()
        if self._closed or waiting >= MAX_WAITING:
            self.unrecorded += 1
            return
        self._queue.put(work)
        if waiting >= PAUSE_AT:
            time.sleep(PAUSE_S)

    def _after_fork(self) -> None:
        """Owe nothing: what waits is the parent's, and so is what was recorded."""
        self.unrecorded = 0
        self._measuring.count_anew()
        # Else the instruments have locks that nobody opens here.
        self._closed = self._closed or not self._recording.was_quiet
        self._begin()

    def _begin(self) -> None:
        # A queue that a finalizer may use while its own thread is using it.
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._work,
            args=(self._queue, self._measuring, self._recording),
            name="nanoagent-metrics",
            daemon=True,
        )
        try:
            self._thread.start()
        except RuntimeError:  # there can be no more threads
            self._closed = True

    @staticmethod
    def _work(queue: "SimpleQueue[Work | None]", measuring: Measuring, recording: QuietLock) -> None:
        while (work := queue.get()) is not None:
            try:
                with recording:
                    work(measuring)
            except BaseException:  # whatever it is, there is more to be recorded
                log_failure(_logger, "a metric could not be recorded")
            del work  # nothing is kept alive while the thread waits
