"""Callbacks in a thread of their own, from a bounded queue: whoever is called back cannot hold up the application."""

import logging
import queue
import threading
from collections.abc import Callable

from instrumentation.life_cycle import in_forked_child
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.tracing.failures import log_failure

_logger = logging.getLogger(__name__)

Callback = Callable[[PerformanceMetrics], object]


class Callbacks:
    """Calls back in a thread of its own, which starts with the first call, from a bounded queue."""

    def __init__(self, callback: Callback, *, size: int = 1_000) -> None:
        self.dropped = 0
        self._callback = callback
        self._size = size
        self._closed = False
        self._worker: threading.Thread | None
        self._begin()
        in_forked_child(self._begin)

    def put(self, metrics: Callable[[], PerformanceMetrics]) -> None:
        """Call back, sooner or later, with what this gives; it is dropped, and counted, while the queue is full."""
        with self._lock:
            if self._closed:
                return
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="nanoagent-aggregator", daemon=True)
                self._worker.start()
            try:
                self._queue.put_nowait(metrics)
            except queue.Full:
                self.dropped += 1

    def drain(self, *, timeout_s: float) -> bool:
        """Wait until all that is due has been called; whether it was in time."""
        with self._queue.all_tasks_done:
            return self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, timeout_s)

    def close(self, *, timeout_s: float) -> None:
        """Wait for what is due, and call back no more."""
        drained = self.drain(timeout_s=timeout_s)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            worker = self._worker
        if worker is not None and drained:
            self._queue.put_nowait(None)
            worker.join(timeout_s)

    def _begin(self) -> None:
        """Owe nobody a call: at the start, and in a forked child, where those that are due are the parent's."""
        self._queue: queue.Queue[Callable[[], PerformanceMetrics] | None] = queue.Queue(maxsize=self._size)
        self._worker = None
        self._lock = threading.Lock()

    def _work(self) -> None:
        while (metrics := self._queue.get()) is not None:
            run = metrics()
            try:
                if not self._closed:
                    self._callback(run)
            except BaseException:  # a SystemExit would end this thread, and with it every later call
                log_failure(_logger, "a callback failed on the run %s", run.run_id)
            finally:
                self._queue.task_done()
        self._queue.task_done()
