"""The readers: what gets the numbers out of the process, by the names of the exporters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from instrumentation.delivery.notices import Explainer, Notify
from instrumentation.metrics.outlets import MetricOutlet, export_timeout_s_in, interval_s_in, otlp_outlet
from instrumentation.metrics.pushing import PushReader
from instrumentation.metrics.scraping import (
    NoPortError,
    ScrapedReader,
    no_port_notice,
    other_port_notice,
    scrape_place_in,
)
from instrumentation.metrics.selection import PROMETHEUS
from instrumentation.selection import CONSOLE

Reader = PushReader | ScrapedReader


@dataclass(frozen=True, kw_only=True)
class Made:
    """Readers, and what is to be said of them."""

    readers: tuple[Reader, ...]
    notices: tuple[str, ...]


class ReaderPlan:
    """The readers that an environment asks for: made at set-up, and anew in each forked child."""

    def __init__(self, exporters: Sequence[str], env: Mapping[str, str], notify: Notify) -> None:
        """Read the settings.

        Args:
            exporters: Names out of `METRIC_CHOICES`, without `none`.
            env: The environment variables; an empty one counts as unset.
            notify: Takes each line on why the numbers do not arrive.

        Raises:
            ConfigurationError: A variable has a value that cannot be used.
        """
        self._interval_s, self._timeout_s = interval_s_in(env), export_timeout_s_in(env)
        self._place = scrape_place_in(env) if PROMETHEUS in exporters else None
        outlets = [_outlet_of(name, env) for name in exporters if name != PROMETHEUS]
        # What was said before a fork is not said again by each child.
        self._pushed = [(outlet, Explainer(outlet, notify)) for outlet in outlets]

    def make(self) -> Made:
        """Make the readers.

        Raises:
            ConfigurationError: A place cannot be listened at, or an exporter refuses its settings.
        """
        readers: list[Reader] = [self._pushing(outlet, explainer) for outlet, explainer in self._pushed]
        if self._place is None:
            return Made(readers=tuple(readers), notices=())
        # The last one, because it listens as soon as it is made.
        try:
            scraped = ScrapedReader(self._place)
        except NoPortError:
            return Made(readers=tuple(readers), notices=(no_port_notice(self._place),))
        notice = other_port_notice(self._place, scraped.endpoint)
        return Made(readers=(*readers, scraped), notices=(notice,) if notice else ())

    def _pushing(self, outlet: MetricOutlet, explainer: Explainer) -> PushReader:
        return PushReader(outlet, interval_s=self._interval_s, timeout_s=self._timeout_s, explainer=explainer)


def _outlet_of(name: str, env: Mapping[str, str]) -> MetricOutlet:
    if name != CONSOLE:
        return otlp_outlet(env)
    from instrumentation.metrics.console import console_outlet

    return console_outlet()
