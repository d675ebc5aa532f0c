"""Callbacks in a thread of their own: whoever is called back cannot hold up the application."""

import logging
import threading
from collections.abc import Callable

from instrumentation.courier import Courier, outcome_of
from instrumentation.life_cycle import in_forked_child
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.tracing.failures import log_failure

_logger = logging.getLogger(__name__)

Callback = Callable[[PerformanceMetrics], object]


class Callbacks:
    """Calls back in a thread of its own, one call after another; while too many are due, further ones are dropped."""

    def __init__(self, callback: Callback, *, size: int = 1_000) -> None:
        self.dropped = 0
        self._callback = callback
        self._size = size
        self._closed = False
        self._begin()
        in_forked_child(self._begin)

    def put(self, metrics: Callable[[], PerformanceMetrics]) -> None:
        """Call back, sooner or later, with what this gives; not for two threads at once. It waits for nothing."""
        if self._closed:
            return
        if self._put - self._begun >= self._size:
            self.dropped += 1
            return
        self._put += 1
        self._courier.run(lambda: self._call(metrics))

    def drain(self, *, timeout_s: float) -> bool:
        """Wait until all that is due has been called; whether it was in time. From a callback, it never is."""
        if self._ended == self._put:
            return True
        return self._thread_id != threading.get_ident() and outcome_of(self._courier.run(lambda: True), timeout_s)

    def close(self, *, timeout_s: float) -> None:
        """Wait for what is due, and call back no more."""
        self.drain(timeout_s=timeout_s)
        self._closed = True
        self._courier.stop()

    def _begin(self) -> None:
        """Owe nobody a call: at the start, and in a forked child, where those that are due are the parent's."""
        self._put = self._begun = self._ended = 0
        self._thread_id: int | None = None
        self._courier = Courier("nanoagent-aggregator")
        # Now: whoever ends a run may be in the middle of starting a thread.
        self._courier.start()

    def _call(self, metrics: Callable[[], PerformanceMetrics]) -> bool:
        self._begun += 1
        self._thread_id = threading.get_ident()
        run = metrics()
        try:
            if not self._closed:
                self._callback(run)
        except BaseException:  # a SystemExit would end this thread, and with it every later call
            log_failure(_logger, "a callback failed on the run %s", run.run_id)
        self._ended += 1
        return True
