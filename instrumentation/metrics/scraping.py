"""Scraping: Prometheus fetches the numbers from an endpoint of this process."""

import errno
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.resources import SERVICE_VERSION
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder

from instrumentation.metrics.endpoint import NOT_HERE, Endpoint, Scrape
from instrumentation.metrics.quiet import undisturbed
from nanoagent.errors import ConfigurationError

HOST_VARIABLE: Final = "OTEL_EXPORTER_PROMETHEUS_HOST"
"""The address that is listened on; by default nobody from elsewhere can connect."""
PORT_VARIABLE: Final = "OTEL_EXPORTER_PROMETHEUS_PORT"
"""The first port that is tried; 0 is any free one."""
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9464
PORTS: Final = 16
"""So many ports are tried, one after another: each worker of a machine has its own."""


@dataclass(frozen=True, kw_only=True)
class ScrapePlace:
    """Where the metrics are served."""

    host: str
    port: int
    """The first one that is tried."""

    @property
    def ports(self) -> range:
        """Those that are tried."""
        return range(self.port, min(self.port + PORTS, 65_536)) if self.port else range(1)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def scrape_place_in(env: Mapping[str, str]) -> ScrapePlace:
    """Where the environment wants the metrics to be served; an empty variable counts as unset.

    Raises:
        ConfigurationError: The port is none.
    """
    value = env.get(PORT_VARIABLE, "").strip() or str(DEFAULT_PORT)
    if not (value.isascii() and value.isdecimal() and int(value) < 65_536):
        raise ConfigurationError(f"{PORT_VARIABLE} must be a port from 0 to 65535, got {value!r}")
    host = env.get(HOST_VARIABLE, "").strip().removeprefix("[").removesuffix("]")
    return ScrapePlace(host=host or DEFAULT_HOST, port=int(value))


class ScrapedReader(PrometheusMetricReader):
    """Gives the numbers to whoever fetches them, with the service's version as a label of each series."""

    def __init__(self, place: ScrapePlace) -> None:
        """Listen, on the first port of the place that is free.

        Raises:
            ConfigurationError: The host is none of this machine's, or the user may not listen there.
            NoPortError: Others listen on all its ports.
        """
        # The global one has what other libraries register, and what every reader before has registered.
        self._own_registry = CollectorRegistry()
        self._is_closed = False
        self._lock = threading.RLock()  # a signal handler may close it while it is being closed
        self.endpoint: Final = _endpoint_at(place, self._scrape)
        super().__init__(
            scope_info_enabled=False,
            resource_attribute_filter=lambda key: key == SERVICE_VERSION,
            registry=self._own_registry,
        )

    def start(self) -> None:
        """Answer from now on."""
        self.endpoint.start()

    def ask(self) -> "Future[bool]":
        """Nothing has to be sent."""
        return _done()

    def begin_close(self) -> "Future[bool]":
        """Nothing has to be sent."""
        return _done()

    def finish_close(self, deadline_s: float) -> bool:
        """Answer nobody any more."""
        with self._lock:
            is_closed, self._is_closed = self._is_closed, True
        if not is_closed:
            self.endpoint.close()
            super().shutdown()
        return True

    def abandon(self) -> None:
        """Leave the port to the parent, in a forked child."""
        self._lock = threading.RLock()
        self._is_closed = True
        self.endpoint.abandon()

    def look(self, timeout_s: float) -> None:
        """Nothing can be wrong with it any more."""

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing has to be sent; what was collected now would stand twice in the next scrape."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Answer nobody any more: for a provider that is shut down by itself."""
        self.finish_close(timeout_millis / 1_000)

    def _scrape(self, accept: str) -> tuple[bytes, str]:
        # Of two collections at a time, one would have all of it twice and the other nothing.
        with undisturbed():
            collected = _Collected(list(self._own_registry.collect()))
        encode, kind = _encoder(accept)
        return encode(collected), kind


class NoPortError(Exception):
    """Others listen on all ports that were tried."""


def no_port_notice(place: ScrapePlace) -> str:
    """The line for metrics that are not served at all."""
    return (
        f"metrics are not served: others listen at {place} and on the ports up to {place.ports[-1]}; "
        f"give this process a port of its own with {PORT_VARIABLE}"
    )


def other_port_notice(place: ScrapePlace, endpoint: Endpoint) -> str | None:
    """The line for metrics that are served elsewhere than they were wanted; `None` where they are not."""
    if not place.port or endpoint.port == place.port:
        return None
    return f"metrics are served at {endpoint.url}: others listen at {place}"


class _Collected(CollectorRegistry):
    """What was collected."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    try:
        return choose_encoder(accept)
    except Exception:  # it names a version that is none
        return choose_encoder("")


def _endpoint_at(place: ScrapePlace, scrape: Scrape) -> Endpoint:
    for port in place.ports:
        try:
            return Endpoint(place.host, port, scrape)
        except (OSError, UnicodeError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                continue
            raise ConfigurationError(_why_not(place, port, error)) from None
    raise NoPortError


def _why_not(place: ScrapePlace, port: int, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or type(error).__name__
    if isinstance(error, socket.gaierror | UnicodeError) or getattr(error, "errno", None) in NOT_HERE:
        return f"{HOST_VARIABLE} must be an address or a name of this machine, got {place.host!r}: {reason}"
    return f"metrics cannot be served at port {port} of {place.host}: {reason}; choose another {PORT_VARIABLE}"


def _done() -> "Future[bool]":
    outcome: Future[bool] = Future()
    outcome.set_result(True)
    return outcome
