"""The meter provider, and what gets its numbers out."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    ExemplarFilter,
    MeterProvider,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.resources import Resource

from instrumentation.courier import Courier, left_s, outcome_of
from instrumentation.delivery.notices import Notify
from instrumentation.life_cycle import in_forked_child
from instrumentation.metrics.outlets import chosen_in
from instrumentation.metrics.quiet import was_forked_quietly
from instrumentation.metrics.readers import Reader, ReaderPlan
from instrumentation.metrics.scraping import ScrapedReader
from nanoagent.errors import ConfigurationError

EXEMPLAR_VARIABLE: Final = "OTEL_METRICS_EXEMPLAR_FILTER"
_EXEMPLAR_FILTERS: Final[Mapping[str, Callable[[], ExemplarFilter]]] = {
    "trace_based": TraceBasedExemplarFilter,
    "always_on": AlwaysOnExemplarFilter,
    "always_off": AlwaysOffExemplarFilter,
}


class Meters:
    """A meter provider of ours, and its readers.

    In a forked child the provider and its instruments stay; the readers are new ones, which count from zero and have a
    connection or a port of their own. What the parent has counted is the parent's.
    """

    def __init__(self, exporters: Sequence[str], *, resource: Resource, env: Mapping[str, str], notify: Notify) -> None:
        """Make the provider, and get its numbers out from now on.

        Args:
            exporters: Names out of `METRIC_CHOICES`, without `none`.
            resource: What is said about the process.
            env: The environment variables; an empty one counts as unset.
            notify: Takes each line that a person should see; it must not raise.

        Raises:
            ConfigurationError: A setting cannot be used.
        """
        self._plan = ReaderPlan(exporters, env, notify)
        exemplar_filter = chosen_in(env, EXEMPLAR_VARIABLE, _EXEMPLAR_FILTERS)()
        made = self._plan.make()
        self._readers: list[Reader] = list(made.readers)
        self.notices: Final = made.notices
        """Lines that a person should see, of the set-up."""
        self.provider: Final = MeterProvider(
            self._readers, resource=resource, exemplar_filter=exemplar_filter, shutdown_on_exit=False
        )
        self._notify = notify
        self._is_closing = False
        for reader in self._readers:
            reader.start()
        in_forked_child(self._after_fork)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs where this process serves its metrics; none any more once it is shut down."""
        if self._is_closing:
            return ()
        return tuple(reader.endpoint.url for reader in self._readers if isinstance(reader, ScrapedReader))

    def look(self, timeout_s: float) -> None:
        """Look at each receiver, and have it said when something is wrong; wait no longer than this for each."""
        for reader in self._readers:
            reader.look(timeout_s)

    def begin_flush(self) -> Callable[[float], bool]:
        """Send what there is now.

        Returns:
            What waits for it, for so many seconds at most: true when all of it has arrived.
        """
        asked = [reader.ask() for reader in self._readers]

        def wait(deadline_s: float) -> bool:
            until_s = time.monotonic() + deadline_s
            arrived = [outcome_of(one, left_s(until_s)) for one in asked]
            return all(arrived)

        return wait

    def flush(self, deadline_s: float) -> bool:
        """Send what there is now; true when all of it has arrived by the deadline."""
        return self.begin_flush()(deadline_s)

    def shutdown(self, deadline_s: float) -> bool:
        """Send what there is now and end; true when it has arrived by the deadline."""
        until_s = time.monotonic() + deadline_s
        self._is_closing = True
        for reader in self._readers:
            reader.begin_close()
        arrived = [reader.finish_close(left_s(until_s)) for reader in self._readers]
        return all(arrived)

    def _after_fork(self) -> None:
        before = list(self._readers)
        for reader in before:
            reader.abandon()
        # The provider has this list, too, for its own flush and shutdown.
        self._readers.clear()
        if not self._is_closing:
            notices = self._begin_anew(before)
            if notices:
                self._say_later(notices)

    def _begin_anew(self, before: Sequence[Reader]) -> Sequence[str]:
        """Make new readers; what is to be said of it."""
        if not was_forked_quietly():
            return ["this process sends no metrics: it was forked while they were collected"]
        try:
            made = self._plan.make()
        except ConfigurationError as error:
            return [f"this process sends no metrics: {error}"]
        for reader in before:
            self.provider.remove_metric_reader(reader)
        self._readers += made.readers
        for reader in self._readers:
            self.provider.add_metric_reader(reader)
            reader.start()
        return made.notices

    def _say_later(self, lines: Sequence[str]) -> None:
        """Whoever is notified may need locks that the parent held when it forked."""

        def say() -> bool:
            for line in lines:
                self._notify(line)
            return True

        saying = Courier("nanoagent-metrics-notices")
        saying.run(say)
        saying.stop()
