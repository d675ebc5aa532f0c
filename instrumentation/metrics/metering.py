"""Metering: the runs of this process as metrics, from the aggregator to where they go."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.metrics import Meter, MeterProvider

from instrumentation.aggregator import PerformanceAggregator
from instrumentation.courier import left_s
from instrumentation.delivery.account import DeliveryReport
from instrumentation.keeping.processor import KeepingProcessor
from instrumentation.metrics.provider import Meters
from instrumentation.metrics.recorder import Recorder
from instrumentation.metrics.state import observe
from nanoagent.tracing import names

LAST_S: Final = 0.2
"""Seconds for the last numbers, also when the spans have taken all the time."""


class Metering:
    """Records what an aggregator counts, by a meter provider of ours or of the application's."""

    def __init__(self, provider: MeterProvider, *, meters: Meters | None = None) -> None:
        """Create the instruments.

        Args:
            provider: Where they are created.
            meters: What gets its numbers out, where the provider is ours.
        """
        self.meters: Final = meters
        self._meter: Final[Meter] = provider.get_meter(names.SCOPE_NAME, schema_url=names.SCHEMA_URL)
        self.recorder: Final = Recorder(self._meter)
        """What the aggregator tells."""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs where this process serves its metrics."""
        return self.meters.endpoints if self.meters else ()

    def observe(
        self,
        aggregator: PerformanceAggregator,
        delivery: Callable[[], Sequence[DeliveryReport]] = tuple,
        keeping: KeepingProcessor | None = None,
    ) -> None:
        """Have the state of the telemetry itself looked at, too."""
        observe(self._meter, recorder=self.recorder, aggregator=aggregator, delivery=delivery, keeping=keeping)

    def look(self, timeout_s: float) -> None:
        """Look at each receiver, and have it said when something is wrong; wait no longer than this for each."""
        if self.meters is not None:
            self.meters.look(timeout_s)

    def begin_flush(self) -> Callable[[float], bool]:
        """Send what there is now; what waits for it, for so many seconds at most."""
        # Whoever collects waits until what has been counted is recorded.
        return self.meters.begin_flush() if self.meters else self.recorder.drain

    def begin_close(self) -> None:
        """Send what there is now, while the last spans are on their way."""
        if self.meters is not None:
            self.meters.begin_flush()

    def finish_close(self, deadline_s: float) -> bool:
        """Send what there is once more, and record no more; true when all has arrived by the deadline.

        What has become of the last spans is known only now, so there is a little time for it in any case.
        """
        until_s = time.monotonic() + max(deadline_s, LAST_S)
        arrived = self.meters is None or self.meters.shutdown(max(deadline_s, LAST_S))
        return self.recorder.close(left_s(until_s)) and arrived
