"""Pushing: the numbers are sent at intervals, and nobody waits for a receiver longer than wanted."""

import logging
import queue
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader, MetricsData

from instrumentation.courier import Courier, outcome_of
from instrumentation.delivery.destination import DEFAULT_DEADLINE_S
from instrumentation.delivery.notices import Explainer
from instrumentation.metrics.outlets import MetricOutlet
from instrumentation.metrics.parts import parts_of, points_in
from instrumentation.metrics.quiet import undisturbed
from instrumentation.otlp.answers import Fault, last_answer_to, silence_exporters
from nanoagent.tracing.failures import log_failure

_logger = logging.getLogger(__name__)

MAX_WAITING_POINTS: Final = 50_000
"""Numbers since the export before are lost for ever when they do not arrive: so many of them wait for another time."""
SHUTTING_S: Final = 0.1
"""Time that is kept at the end for closing the connection."""


class PushReader(MetricReader):
    """Collects the numbers at intervals, and sends them through an exporter, in a thread of its own.

    The SDK's own reader does not hear what became of an export, and when it ends it may wait for 30 s.
    """

    def __init__(self, outlet: MetricOutlet, *, interval_s: float, timeout_s: float, explainer: Explainer) -> None:
        """Set the exporter up; `start` starts the thread.

        Args:
            outlet: How the numbers get out.
            interval_s: From one export to the next.
            timeout_s: For looking at what is observed.
            explainer: Says what is wrong when the numbers do not arrive.

        Raises:
            ConfigurationError: The exporter cannot be set up.
        """
        super().__init__(preferred_temporality=dict(outlet.temporality), preferred_aggregation=dict(outlet.aggregation))
        silence_exporters()
        self.outlet: Final = outlet
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._explainer = explainer
        self._exporter = outlet.build()
        self._waiting: deque[MetricsData] = deque()
        self._are_sums = AggregationTemporality.DELTA not in outlet.temporality.values()
        self._arrived = self._can_collect = True
        self._lock = threading.RLock()  # a signal handler may ask while its thread is asking
        self._asked: queue.SimpleQueue[Future[bool]] = queue.SimpleQueue()
        self._last: Future[bool] | None = None
        self._is_over = False
        self._aside = Courier(f"nanoagent-metrics-aside-{outlet.name}")
        self._thread = threading.Thread(target=self._work, name=f"nanoagent-metrics-{outlet.name}", daemon=True)

    def start(self) -> None:
        """Start the threads, once the reader is a provider's."""
        with suppress(RuntimeError):  # there can be no more of them
            self._thread.start()
            self._aside.start()

    def look(self, timeout_s: float) -> None:
        """Look at the place, and have it said when something is wrong with it; wait for that no longer than this."""
        outcome_of(self._aside.run(self._explainer.look), timeout_s)

    def ask(self) -> "Future[bool]":
        """Send what there is now; the outcome is true when it has arrived."""
        with self._lock:
            return self._last or self._put(Future())

    def begin_close(self) -> "Future[bool]":
        """Send what there is now for the last time."""
        with self._lock:
            if self._last is None:
                self._last = Future()
                self._put(self._last)
            return self._last

    def finish_close(self, deadline_s: float) -> bool:
        """Wait for what is being sent, and shut down; whether the last numbers have arrived."""
        last = self.begin_close()
        arrived = outcome_of(last, max(0.0, deadline_s - SHUTTING_S))
        if not last.done():
            self._explainer.late()
        if not self._is_over:
            self._is_over = True
            outcome_of(self._aside.run(self._shut_exporter_down), SHUTTING_S)
            self._aside.stop()
        return arrived

    def abandon(self) -> None:
        """Forget the thread and the connection, which are the parent's, in a forked child."""
        self._is_over = True
        self._lock = threading.RLock()
        self._explainer.after_fork()
        self._last = Future()
        self._last.set_result(True)
        self._waiting.clear()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Send what there is now; whether it has arrived in time."""
        return outcome_of(self.ask(), timeout_millis / 1_000)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Send what there is now and shut down: for a provider that is shut down by itself."""
        self.finish_close(min(timeout_millis / 1_000, DEFAULT_DEADLINE_S))

    def _put(self, outcome: "Future[bool]") -> "Future[bool]":
        if self._thread.is_alive():
            self._asked.put(outcome)
        else:
            outcome.set_result(False)
        return outcome

    # -- the thread that sends ------------------------------------------------------------------------------------

    def _work(self) -> None:
        is_last = False
        while not is_last:
            asked = self._wait()
            arrived = self._send_all()
            for outcome in asked:
                outcome.set_result(arrived)
            # Without the lock: whoever asks may have it while a signal handler waits for the outcome.
            is_last = self._last in asked

    def _wait(self) -> list["Future[bool]"]:
        """Wait until it is time to send; who has asked for it."""
        try:
            asked = [self._asked.get(timeout=self._interval_s)]
        except queue.Empty:
            return []
        while not self._asked.empty():
            asked.append(self._asked.get())
        return asked

    def _send_all(self) -> bool:
        self._arrived = True
        try:
            with undisturbed():
                self.collect(timeout_millis=self._timeout_s * 1_000)
            while self._waiting and self._send(self._waiting[0]):
                self._waiting.popleft()
        except Exception:
            self._arrived = False
            if self._can_collect:
                self._can_collect = False
                log_failure(_logger, "metrics could not be collected", level=logging.WARNING)
        return self._arrived

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any) -> None:
        """Keep what was collected, in place of older sums."""
        if self._are_sums:
            self._waiting.clear()
        self._waiting += parts_of(metrics_data)
        while not self._are_sums and sum(map(points_in, self._waiting)) > MAX_WAITING_POINTS:
            self._waiting.popleft()

    def _send(self, data: MetricsData) -> bool:
        """Send the numbers; whether they need not be sent again."""
        answer = last_answer_to(self._exporter, data)
        if not answer.accepted or answer.rejected:
            self._arrived = False
            if not self._is_over:
                self._explainer.refused(answer)
        return answer.accepted or answer.fault is Fault.BATCH

    def _shut_exporter_down(self) -> bool:
        self._exporter.shutdown()
        return True
