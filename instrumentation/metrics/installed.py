"""The global meter provider: whose it is, and making it ours."""

from collections.abc import Sequence

from opentelemetry import metrics
from opentelemetry.metrics import MeterProvider, _internal
from opentelemetry.util._once import Once

from nanoagent.errors import ConfigurationError


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


def install_meter_provider(provider: MeterProvider) -> None:
    """Make the provider the global one; instruments that were made by another stay with it.

    Raises:
        ConfigurationError: The API does not allow it.
    """
    if present_meter_provider(None) is None:
        metrics.set_meter_provider(provider)
    else:
        _put(provider)
    if metrics.get_meter_provider() is not provider:
        raise ConfigurationError("the meter provider cannot be replaced with this version of opentelemetry-api")


def forget_meter_provider() -> None:
    """Leave no global provider, for tests."""
    _put(None)
    _internal._PROXY_METER_PROVIDER = _internal._ProxyMeterProvider()


def _put(provider: MeterProvider | None) -> None:
    # The API sets a provider once and has no way back. These globals are what OpenTelemetry's own test utilities reset:
    # https://github.com/open-telemetry/opentelemetry-python/blob/main/tests/opentelemetry-test-utils/src/opentelemetry/test/globals_test.py
    _internal._METER_PROVIDER_SET_ONCE = Once()
    _internal._METER_PROVIDER = None
    if provider is not None:
        metrics.set_meter_provider(provider)
