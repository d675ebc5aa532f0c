"""The set-up of tracing: one call at the start of an application."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.util.types import AttributeValue

from instrumentation.aggregator import PerformanceAggregator
from instrumentation.delivery.destinations import deadline_s_in, destinations_of
from instrumentation.delivery.notices import Notify
from instrumentation.installed import (
    forget_providers,
    install_meter_provider,
    install_tracer_provider,
    others_notice,
    present_meter_provider,
    present_tracer_provider,
)
from instrumentation.keeping.policy import Keep, keep_in
from instrumentation.keeping.processor import KeepingProcessor
from instrumentation.life_cycle import in_forked_child
from instrumentation.limits import limit_notices
from instrumentation.metrics.selection import metric_exporters_in, metric_exporters_named
from instrumentation.otlp.settings import credentials_in
from instrumentation.resource import resource_of
from instrumentation.sampling import RecordingSampler, sampling_notices
from instrumentation.selection import CONSOLE, exporters_in, exporters_named
from instrumentation.telemetry import Telemetry, tell
from nanoagent.errors import ConfigurationError
from nanoagent.redaction.redactor import Redactor, use_redactor

if TYPE_CHECKING:
    from instrumentation.metrics.metering import Metering

LOOK_S: Final = 0.3
"""How long set-up waits to hear that nobody takes the spans; what is found out later is said then."""


def configure(
    *,
    service_name: str = "nanoagent",
    exporters: Sequence[str] | None = None,
    metrics_exporters: Sequence[str] | None = None,
    keep: Keep | None = None,
    env: Mapping[str, str] | None = None,
    span_processors: Sequence[SpanProcessor] = (),
    resource_attributes: Mapping[str, AttributeValue] | None = None,
    id_generator: IdGenerator | None = None,
    replace: bool = False,
    redactor: Redactor | None = None,
    notify: Notify | None = None,
) -> Telemetry:
    """Send this process's spans where `OTEL_EXPORTER` says, count its runs, and get their metrics out.

    Example:
        >>> telemetry = configure()
        >>> result = asyncio.run(Orchestrator("What is 5 + 3?").run())
        >>> telemetry.flush()
        True

    Installs a tracer provider where there is none; adds its processors to one that is there. A second call with equal
    arguments returns the same handle. After set-up nothing of it raises into the application.

    Args:
        service_name: The resource's `service.name`, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` has one.
        exporters: none, console, file, jaeger, otlp. Default: `OTEL_EXPORTER`, then, where the provider is our own,
            `OTEL_TRACES_EXPORTER` (whoever set another provider up has followed that one already), then none.
        metrics_exporters: none, console, otlp, prometheus. Default: `OTEL_METRICS_EXPORTER`, then none. Where the
            application has set a meter provider of the SDK, that one gets the metrics, whatever stands here.
        keep: Runs whose spans are exported whatever the sampler says. Default: `NANOAGENT_KEEP`, then none.
        env: Stands for `os.environ`, except in what the SDK reads by itself: sampler, limits, resource detectors,
            certificates.
        span_processors: Further ones, called after ours.
        resource_attributes: Further attributes of the resource; they win over the environment.
        id_generator: Makes the ids of traces and spans. Like the resource, it takes effect on our own provider only.
        replace: Whether providers that are there are replaced. What was taken from them before stays with them.
        redactor: What is masked in every text before it becomes telemetry. Default: the known shapes of secrets. The
            credentials of the destinations are masked besides.
        notify: Takes each line that a person should see. Default: a warning of the logger `nanoagent`.

    Raises:
        ConfigurationError: A setting cannot be used, or `configure` was called before with other arguments.
    """
    if keep is not None and not isinstance(keep, Keep):
        raise ConfigurationError(f"keep must be a Keep, such as Keep(failed=True), got {keep!r}")
    settings = _Settings(
        service_name=service_name,
        exporters=None if exporters is None else exporters_named(exporters, source="exporters", given=exporters),
        metrics_exporters=(
            None
            if metrics_exporters is None
            else metric_exporters_named(metrics_exporters, source="metrics_exporters", given=metrics_exporters)
        ),
        keep=keep,
        env=None if env is None else dict(env),
        span_processors=tuple(span_processors),
        resource_attributes=dict(resource_attributes or {}),
        id_generator=id_generator,
        redactor=redactor,
    )
    with _STATE.alone():
        telemetry = _STATE.telemetry
        if telemetry is not None and not telemetry.is_shut_down:
            if settings != _STATE.settings:
                raise ConfigurationError(
                    "configure was called before with other arguments; call it once, or shut it down"
                )
            return telemetry
        telemetry, notices = _set_up(settings, replace=replace, notify=notify or logging.getLogger("nanoagent").warning)
        _STATE.telemetry, _STATE.settings = telemetry, settings
    # Now that it can be used: whoever is notified may flush, shut down or call this again.
    telemetry.say(notices)
    telemetry.look(LOOK_S)
    return telemetry


def configured() -> Telemetry | None:
    """What `configure` has set up in this process; `None` before that, and once it is shut down."""
    telemetry = _STATE.telemetry
    return None if telemetry is None or telemetry.is_shut_down else telemetry


@dataclass(frozen=True, kw_only=True)
class _Settings:
    service_name: str
    exporters: tuple[str, ...] | None
    metrics_exporters: tuple[str, ...] | None
    keep: Keep | None
    env: Mapping[str, str] | None
    span_processors: tuple[SpanProcessor, ...]
    resource_attributes: Mapping[str, AttributeValue]
    id_generator: IdGenerator | None
    redactor: Redactor | None


class _State:
    """What this process has set up; there is one, as there is one global tracer provider."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_busy = False
        self.telemetry: Telemetry | None = None
        self.settings: _Settings | None = None
        self.provider: TracerProvider | None = None
        """The provider that we made; `None` while we use somebody else's."""
        self.meter_provider: MeterProvider | None = None
        """As the provider."""
        in_forked_child(self._after_fork)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for other threads that set up or tear down."""
        with self._lock:
            if self._is_busy:
                raise ConfigurationError(
                    "configure must not be called by what it calls itself, such as a detector of resources or a "
                    "handler of the log; call it before, or after"
                )
            self._is_busy = True
            try:
                yield
            finally:
                self._is_busy = False

    def _after_fork(self) -> None:
        self._lock = threading.RLock()  # another thread may have been at set-up
        self._is_busy = False


_STATE = _State()


def _set_up(settings: _Settings, *, replace: bool, notify: Notify) -> tuple[Telemetry, list[str]]:
    """Set up; and what is to be said then."""
    env = os.environ if settings.env is None else settings.env
    redactor = settings.redactor or Redactor()
    use_redactor(redactor)
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Telemetry(aggregator=PerformanceAggregator(), redactor=redactor, enabled=False, notify=notify), []
    present = None if replace else present_tracer_provider(_STATE.provider)
    exporters = settings.exporters
    if exporters is None:
        exporters = exporters_in(env, standard=present is None)
    keep = settings.keep or keep_in(env)
    redactor.hide(credentials_in(env))
    deadline_s = deadline_s_in(env)

    @cache
    def resource() -> Resource:
        return resource_of(settings.service_name, settings.resource_attributes, env)

    provider = present or _own_provider(settings, resource())

    def say(line: str) -> None:
        tell(notify, line)

    destinations = destinations_of([name for name in exporters if name != CONSOLE], env, say)
    try:
        metering, notices = _metering(settings, env, resource, say, replace=replace)
    except ConfigurationError:
        for destination in destinations:
            destination.finish_close(deadline_s)
        raise
    # The aggregator first: no exporter can keep a span from it.
    aggregator = PerformanceAggregator(observer=metering.recorder if metering else None)
    keeping = KeepingProcessor(keep, destinations, metrics_of=aggregator.get) if keep and destinations else None
    ours: list[SpanProcessor] = [aggregator, *_console(exporters)]
    for processor in (*ours, *([keeping] if keeping else destinations), *settings.span_processors):
        provider.add_span_processor(processor)
    telemetry = Telemetry(
        aggregator=aggregator,
        redactor=redactor,
        exporters=exporters,
        others=[*ours, *settings.span_processors],
        destinations=destinations,
        keeping=keeping,
        metering=metering,
        deadline_s=deadline_s,
        notify=notify,
    )
    if metering is not None:
        metering.observe(aggregator, telemetry.delivery, keeping)
    telemetry.shut_down_at_exit()
    _install(
        None if present else provider, metering.meters.provider if metering is not None and metering.meters else None
    )
    # Like the sampler, the limits are what the SDK has read by itself.
    return telemetry, [*notices, *sampling_notices(present), *limit_notices(os.environ)]


def _install(provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
    """Make those the global ones that are ours."""
    if provider is not None:
        install_tracer_provider(provider)
        _STATE.provider = provider
    if meter_provider is not None:
        install_meter_provider(meter_provider)
        _STATE.meter_provider = meter_provider


def _metering(
    settings: _Settings, env: Mapping[str, str], resource: Callable[[], Resource], notify: Notify, *, replace: bool
) -> "tuple[Metering | None, Sequence[str]]":
    """What records metrics, if anybody wants them; and what is to be said of it."""
    exporters = settings.metrics_exporters
    if exporters is None:
        exporters = metric_exporters_in(env)
    # Where nothing takes its place, one that is there is not replaced.
    present = None if replace and exporters else present_meter_provider(_STATE.meter_provider)
    if present is None and not exporters:
        return None, []
    from instrumentation.metrics.metering import Metering
    from instrumentation.metrics.provider import Meters

    if present is not None:
        notice = others_notice(exporters, present)
        return Metering(present), [notice] if notice else []
    meters = Meters(exporters, resource=resource(), env=env, notify=notify)
    return Metering(meters.provider, meters=meters), meters.notices


def _own_provider(settings: _Settings, resource: Resource) -> TracerProvider:
    try:
        provider = TracerProvider(resource=resource, id_generator=settings.id_generator, shutdown_on_exit=False)
    except ValueError as error:  # of a limit that is no number, which it names
        raise ConfigurationError(str(error)) from None
    # The SDK has read OTEL_TRACES_SAMPLER; what that drops is still counted, only not exported.
    provider.sampler = RecordingSampler(provider.sampler)
    return provider


def _forget() -> None:
    """Undo `configure`, for tests: shut down at once, and leave no global provider."""
    with _STATE.alone():
        if _STATE.telemetry is not None:
            _STATE.telemetry.shutdown(deadline_s=0.0)
        _STATE.telemetry = _STATE.settings = _STATE.provider = _STATE.meter_provider = None
        forget_providers()
        use_redactor(Redactor())


def _console(exporters: Sequence[str]) -> list[SpanProcessor]:
    if CONSOLE not in exporters:
        return []
    from instrumentation.console import ConsoleTreeProcessor

    return [ConsoleTreeProcessor()]
