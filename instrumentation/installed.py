"""The global providers of the API: whose they are, and making them ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, cast

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider, _internal
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util._once import Once

from nanoagent.errors import ConfigurationError


@dataclass(frozen=True)
class _Kind:
    """A kind of provider, and where the API keeps the global one."""

    word: str
    module: ModuleType
    get: Callable[[], Any]
    set: Callable[[Any], None]

    def is_set(self) -> bool:
        """Whether anybody has set one."""
        return getattr(self.module, f"_{self.word.upper()}_PROVIDER") is not None

    def install(self, provider: object) -> None:
        """Make this the global one, whichever is there.

        Raises:
            ConfigurationError: The API does not allow it.
        """
        if self.is_set():
            self.forget()
        self.set(provider)
        if self.get() is not provider:
            raise ConfigurationError(
                f"the {self.word} provider cannot be replaced with this version of opentelemetry-api"
            )

    def forget(self) -> None:
        """Leave no global one.

        The API sets a provider once and has no way back. These globals are what OpenTelemetry's own test utilities
        reset: https://github.com/open-telemetry/opentelemetry-python/blob/main/tests/opentelemetry-test-utils/src/opentelemetry/test/globals_test.py
        """
        setattr(self.module, f"_{self.word.upper()}_PROVIDER_SET_ONCE", Once())
        setattr(self.module, f"_{self.word.upper()}_PROVIDER", None)


_TRACER: Final = _Kind("tracer", trace, trace.get_tracer_provider, trace.set_tracer_provider)
_METER: Final = _Kind("meter", _internal, metrics.get_meter_provider, metrics.set_meter_provider)


def present_tracer_provider(own: TracerProvider | None) -> TracerProvider | None:
    """The provider that somebody else has set, or `None`; `own` is the one that we have set.

    Raises:
        ConfigurationError: It takes no span processors.
    """
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider) or provider is own:
        return None
    if not hasattr(provider, "add_span_processor"):
        raise ConfigurationError(
            f"the tracer provider must take span processors, as the SDK's does; got {type(provider).__name__}: "
            "configure nanoagent before it is set, or pass replace=True"
        )
    return cast("TracerProvider", provider)


def present_meter_provider(own: MeterProvider | None) -> MeterProvider | None:
    """The provider that somebody else has set, or `None`; `own` is the one that we have set."""
    provider = metrics.get_meter_provider()
    return None if provider is own or provider is _internal._PROXY_METER_PROVIDER else provider


def others_notice(exporters: Sequence[str], provider: MeterProvider) -> str | None:
    """The line for exporters that are not set up, because the provider is somebody else's; `None` where none are."""
    if not exporters:
        return None
    kind = type(provider)
    return (
        f"{', '.join(exporters)} for metrics is not set up: the application has a meter provider of its own "
        f"({kind.__module__}.{kind.__qualname__}), which sends ours where it sends its own; "
        "configure nanoagent before it is set, or pass replace=True"
    )


def install_tracer_provider(provider: TracerProvider) -> None:
    """Make the provider the global one; tracers that were taken from another stay with it.

    Raises:
        ConfigurationError: The API does not allow it.
    """
    _TRACER.install(provider)


def install_meter_provider(provider: MeterProvider) -> None:
    """Make the provider the global one; instruments that were made by another stay with it.

    Raises:
        ConfigurationError: The API does not allow it.
    """
    _METER.install(provider)


def forget_providers() -> None:
    """Leave no global providers, for tests."""
    _TRACER.forget()
    _METER.forget()
    _internal._PROXY_METER_PROVIDER = _internal._ProxyMeterProvider()  # it remembers the one that was set
