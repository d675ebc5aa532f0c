"""The handle of what was set up."""

import atexit
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from typing import Final

from opentelemetry.sdk.trace import SpanProcessor

from instrumentation.aggregator import PerformanceAggregator
from instrumentation.courier import Courier
from instrumentation.delivery.acceptance import DeliveryReport, loss_notice
from instrumentation.delivery.destination import DEFAULT_DEADLINE_S, Destination

Notify = Callable[[str], object]


class Telemetry:
    """What `configure` set up: where the numbers are, and how to get the last spans out."""

    def __init__(
        self,
        *,
        aggregator: PerformanceAggregator,
        exporters: tuple[str, ...] = (),
        enabled: bool = True,
        processors: Sequence[SpanProcessor] = (),
        notify: Notify,
    ) -> None:
        """Hold what was set up; `processors` are all that were added to the provider, in their order."""
        self.aggregator: Final = aggregator
        """The numbers of the runs of this process; it stays empty where tracing is disabled."""
        self.exporters: Final = exporters
        """The exporters in use, without `none`."""
        self.enabled: Final = enabled
        """False where `OTEL_SDK_DISABLED` is true."""
        self._destinations = [processor for processor in processors if isinstance(processor, Destination)]
        self._others = [processor for processor in processors if not isinstance(processor, Destination)]
        self._notify = notify
        self._courier = Courier("nanoagent-telemetry")
        self._lock = threading.Lock()
        self._arrived: bool | None = None

    def flush(self, deadline_s: float = DEFAULT_DEADLINE_S) -> bool:
        """Send every span that has ended.

        Returns:
            True only when all of them were sent before the deadline, and no destination ever refused one.
        """
        errands = [destination.start_flush() for destination in self._destinations]
        errands.append(self._courier.run(self._flush_others))
        done, late = wait(errands, timeout=max(0.0, deadline_s))
        refused = any(report.refused_spans for report in self.delivery())
        return not late and not refused and all(errand.result() for errand in done)

    def shutdown(self, deadline_s: float = DEFAULT_DEADLINE_S) -> bool:
        """Send what has ended and end; what does not arrive by the deadline is lost, and one line says so.

        It runs by itself when the interpreter exits, within 2 s. A second call only answers.

        Returns:
            True only when every span of the process was accepted at every destination.
        """
        with self._lock:
            if self._arrived is None:
                atexit.unregister(self.at_exit)
                self._arrived = self._close(deadline_s)
                self._notify_of_losses()
            return self._arrived

    def delivery(self) -> tuple[DeliveryReport, ...]:
        """What became of the spans at each destination so far."""
        return tuple(destination.report() for destination in self._destinations)

    @property
    def is_shut_down(self) -> bool:
        """Whether nothing is counted or sent any more."""
        return self._arrived is not None

    def at_exit(self) -> None:
        """Shut down while the interpreter exits."""
        # A little less than the 2 s that a process may take to exit, for the interpreter's own part.
        self.shutdown(0.8 * DEFAULT_DEADLINE_S)

    def _close(self, deadline_s: float) -> bool:
        closing = {destination.start_close(): destination for destination in self._destinations}
        others = self._courier.run(self._close_others)
        self._courier.stop()
        done, late = wait([*closing, others], timeout=max(0.0, deadline_s))
        for errand in late - {others}:
            closing[errand].give_up()
        return not late and all(errand.result() for errand in done)

    def _flush_others(self) -> bool:
        return all(processor.force_flush() is not False for processor in self._others)

    def _close_others(self) -> bool:
        with contextlib.ExitStack() as stack:
            for processor in reversed(self._others):
                stack.callback(processor.shutdown)
        return True

    def _notify_of_losses(self) -> None:
        for destination in self._destinations:
            notice = loss_notice(destination.report(), destination.endpoint)
            if notice:
                tell(self._notify, notice)


def tell(notify: Notify, line: str) -> None:
    """Notify of a line; whatever goes wrong with that is logged."""
    try:
        notify(line)
    except Exception:
        logging.getLogger("nanoagent").warning("notify failed on the line: %s", line, exc_info=True)
