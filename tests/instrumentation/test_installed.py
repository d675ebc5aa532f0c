from collections.abc import Iterator

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from instrumentation.installed import (
    forget_providers,
    install_meter_provider,
    others_notice,
    present_meter_provider,
)


@pytest.fixture(autouse=True)
def nothing_is_set() -> Iterator[None]:
    forget_providers()
    yield
    forget_providers()


def made() -> tuple[MeterProvider, InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    return MeterProvider([reader], shutdown_on_exit=False), reader


def test_the_provider_of_somebody_else_is_told_from_ours_and_from_none() -> None:
    assert present_meter_provider(None) is None
    provider, _ = made()
    metrics.set_meter_provider(provider)
    assert present_meter_provider(None) is provider
    assert present_meter_provider(provider) is None


def test_one_that_drops_everything_is_somebody_elses_too() -> None:
    provider = metrics.NoOpMeterProvider()
    metrics.set_meter_provider(provider)
    assert present_meter_provider(None) is provider


def test_what_was_made_before_there_was_a_provider_counts_with_the_one_that_is_installed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counter = metrics.get_meter("shop").create_counter("shop.orders")
    for _ in range(2):
        # The second one takes the place of the first.
        provider, reader = made()
        install_meter_provider(provider)
        assert metrics.get_meter_provider() is provider
        counter.add(1)
        data = reader.get_metrics_data()
        assert data is not None
        [point] = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
        assert getattr(point, "value", None) == 1
    assert caplog.messages == []


def test_exporters_that_are_not_set_up_are_named() -> None:
    provider, _ = made()
    assert others_notice((), provider) is None
    assert others_notice(("prometheus", "otlp"), provider) == (
        "prometheus, otlp for metrics is not set up: the application has a meter provider of its own "
        "(opentelemetry.sdk.metrics._internal.MeterProvider), which sends ours where it sends its own; "
        "configure nanoagent before it is set, or pass replace=True"
    )
