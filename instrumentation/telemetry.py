"""The handle of what was set up."""

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import SpanProcessor

from instrumentation.aggregator import PerformanceAggregator
from instrumentation.courier import Courier, left_s, outcome_of
from instrumentation.delivery.account import DeliveryReport
from instrumentation.delivery.destination import DEFAULT_DEADLINE_S, Destination
from instrumentation.delivery.notices import Notify, loss_notice
from instrumentation.life_cycle import ProcessEnd, in_forked_child
from nanoagent.redaction.redactor import Redactor
from nanoagent.tracing.failures import log_failure

if TYPE_CHECKING:
    from instrumentation.keeping.processor import KeepingProcessor
    from instrumentation.metrics.metering import Metering

MAX_DEADLINE_S: Final = 365 * 24 * 3600.0
"""The longest wait; what Python's locks can wait for is bounded, too."""
GRACE_S: Final = 0.5
"""So much later than the deadline a SIGTERM ends the process, whatever keeps its last line from being said."""


class Telemetry:
    """What `configure` set up: where the numbers are, and how to get the last spans out."""

    def __init__(
        self,
        *,
        aggregator: PerformanceAggregator,
        redactor: Redactor | None = None,
        exporters: tuple[str, ...] = (),
        enabled: bool = True,
        others: Sequence[SpanProcessor] = (),
        destinations: Sequence[Destination] = (),
        keeping: "KeepingProcessor | None" = None,
        metering: "Metering | None" = None,
        deadline_s: float = DEFAULT_DEADLINE_S,
        notify: Notify,
    ) -> None:
        """Hold what was set up.

        Args:
            aggregator: See the attribute, as the next three.
            redactor: By default a new one.
            exporters: See the attribute.
            enabled: See the attribute.
            others: Further processors of the provider, in their order.
            destinations: Where spans go.
            keeping: What stands before the destinations, if anything does.
            metering: What records metrics, if anything does.
            deadline_s: Seconds that a flush or a shutdown may take, where nothing else is said.
            notify: Takes each line that a person should see.
        """
        self.aggregator: Final = aggregator
        """The numbers of the runs of this process; it stays empty where tracing is disabled."""
        self.redactor: Final = redactor or Redactor()
        """What is masked in every text, and on how many it failed."""
        self.exporters: Final = exporters
        """The exporters in use, without `none`."""
        self.enabled: Final = enabled
        """False where `OTEL_SDK_DISABLED` is true."""
        self._destinations = tuple(destinations)
        self._keeping = keeping
        self._metering = metering
        self._others = tuple(others)
        self._deadline_s = min(deadline_s, MAX_DEADLINE_S)
        self._notify = notify
        self._courier = Courier("nanoagent-telemetry")
        self._courier.start()
        self._lock = threading.Lock()
        self._arrived: bool | None = None
        self._closer: int | None = None
        """The thread that shuts down."""
        self._end: ProcessEnd | None = None
        in_forked_child(self._after_fork)

    def flush(self, deadline_s: float | None = None) -> bool:
        """Send every span that has ended, and the metrics.

        Args:
            deadline_s: By default `NANOAGENT_EXPORT_DEADLINE`, or 2 s.

        Returns:
            True only when all of them have arrived everywhere by the deadline, and all that ended before. Spans that
            are held until it is known whether their run is kept are not among them.
        """
        until_s = time.monotonic() + self._seconds(deadline_s)
        others = self._courier.run(self._flush_others)
        wait_for_metrics = self._metering.begin_flush() if self._metering else None
        arrived = [destination.flush(left_s(until_s)) for destination in self._destinations]
        if wait_for_metrics is not None:
            arrived.append(wait_for_metrics(left_s(until_s)))
        return outcome_of(others, left_s(until_s)) and all(arrived)

    def shutdown(self, deadline_s: float | None = None) -> bool:
        """Send what has ended and end; what does not arrive by the deadline is spooled, and one line says so.

        It runs by itself when the process ends, by SIGTERM or in a worker of multiprocessing, too. A second call only
        answers.

        Args:
            deadline_s: By default `NANOAGENT_EXPORT_DEADLINE`, or 2 s.

        Returns:
            True only when every span of the process has arrived at every destination, and the last metrics have.
        """
        seconds = self._seconds(deadline_s)
        # From a signal handler, or from `notify`, while it goes on; in another thread that may be waited for there.
        if self._closer == threading.get_ident() or not self._lock.acquire(timeout=seconds):
            return False
        try:
            if self._arrived is None:
                self._closer = threading.get_ident()
                try:
                    self._arrived = self._close(seconds)
                    self._notify_of_losses()
                finally:
                    self._closer = None
                if self._end is not None:
                    self._end.forget()
            return self._arrived
        finally:
            self._lock.release()

    def say(self, notices: Sequence[str]) -> None:
        """Notify of lines that a person should see."""
        for notice in notices:
            tell(self._notify, notice)

    def look(self, timeout_s: float) -> None:
        """Look at each destination, and have it said when something is wrong; wait no longer than this for each."""
        for destination in self._destinations:
            destination.look(timeout_s)
        if self._metering is not None:
            self._metering.look(timeout_s)

    def delivery(self) -> tuple[DeliveryReport, ...]:
        """What became of the spans at each destination so far."""
        return tuple(destination.report() for destination in self._destinations)

    @property
    def metrics_endpoints(self) -> tuple[str, ...]:
        """The URLs where this process serves its metrics to be scraped."""
        return self._metering.endpoints if self._metering else ()

    @property
    def is_shut_down(self) -> bool:
        """Whether nothing is counted or sent any more."""
        return self._arrived is not None

    def shut_down_at_exit(self) -> None:
        """Shut down by itself when the process ends."""
        self._end = ProcessEnd(self._at_exit, within_s=self._deadline_s + GRACE_S)

    def _at_exit(self) -> bool:
        # A little less than the process may take to exit, for the interpreter's own part.
        return self.shutdown(0.8 * self._deadline_s)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def _seconds(self, deadline_s: float | None) -> float:
        return self._deadline_s if deadline_s is None else min(max(0.0, deadline_s), MAX_DEADLINE_S)

    def _close(self, deadline_s: float) -> bool:
        until_s = time.monotonic() + deadline_s
        if self._keeping is not None:
            self._keeping.shutdown()  # what it holds goes to the destinations
        for destination in self._destinations:
            destination.begin_close()
        if self._metering is not None:
            self._metering.begin_close()
        others = self._courier.run(self._close_others)
        self._courier.stop()
        arrived = [destination.finish_close(left_s(until_s)) for destination in self._destinations]
        if self._metering is not None:
            arrived.append(self._metering.finish_close(left_s(until_s)))
        return outcome_of(others, left_s(until_s)) and all(arrived)

    def _flush_others(self) -> bool:
        return all(processor.force_flush() is not False for processor in self._others)

    def _close_others(self) -> bool:
        with contextlib.ExitStack() as stack:
            for processor in reversed(self._others):
                stack.callback(processor.shutdown)
        return True

    def _notify_of_losses(self) -> None:
        for destination in self._destinations:
            notice = loss_notice(destination.report(), destination.outlet.endpoint)
            if notice:
                tell(self._notify, notice)


def tell(notify: Notify, line: str) -> None:
    """Notify of a line; whatever goes wrong with that is logged."""
    try:
        notify(line)
    except Exception:
        log_failure(logging.getLogger("nanoagent"), "notify failed on the line: %s", line, level=logging.WARNING)
