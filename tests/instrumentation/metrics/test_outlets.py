import threading

import pytest
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, ExponentialBucketHistogramAggregation

from instrumentation.metrics.outlets import export_timeout_s_in, interval_s_in, otlp_outlet
from nanoagent.errors import ConfigurationError

OTLP = "OTEL_EXPORTER_OTLP_"
TEMPORALITY = f"{OTLP}METRICS_TEMPORALITY_PREFERENCE"
AGGREGATION = f"{OTLP}METRICS_DEFAULT_HISTOGRAM_AGGREGATION"


@pytest.mark.parametrize(
    ("value", "deltas"),
    [
        (None, set()),
        ("", set()),
        (" Cumulative ", set()),
        ("DELTA", {Counter, Histogram, ObservableCounter}),
        ("lowmemory", {Counter, Histogram}),
    ],
)
def test_the_standard_variable_decides_which_numbers_are_those_since_the_export_before(
    value: str | None, deltas: set[type], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What stands in the environment of the process is not asked.
    monkeypatch.setenv(TEMPORALITY, "lowmemory" if value == "DELTA" else "delta")
    outlet = otlp_outlet({} if value is None else {TEMPORALITY: value})
    expected = {
        kind: AggregationTemporality.DELTA if kind in deltas else AggregationTemporality.CUMULATIVE
        for kind in (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge)
    }
    assert outlet.temporality == expected
    exporter = outlet.build()
    assert exporter._preferred_temporality == expected
    exporter.shutdown()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", ExplicitBucketHistogramAggregation),
        ("explicit_bucket_histogram", ExplicitBucketHistogramAggregation),
        ("BASE2_exponential_bucket_histogram", ExponentialBucketHistogramAggregation),
    ],
)
def test_the_standard_variable_decides_how_histograms_are_made(value: str, kind: type) -> None:
    assert {key: type(made) for key, made in otlp_outlet({AGGREGATION: value}).aggregation.items()} == {Histogram: kind}


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({TEMPORALITY: "deltas"}, f"{TEMPORALITY} must be cumulative, delta or lowmemory, got 'deltas'"),
        (
            {AGGREGATION: "x"},
            f"{AGGREGATION} must be explicit_bucket_histogram or base2_exponential_bucket_histogram, got 'x'",
        ),
        (
            {f"{OTLP}METRICS_ENDPOINT": "http://me:secret@far:x/?key=secret"},
            f"{OTLP}METRICS_ENDPOINT must be a URL such as http://localhost:4318/v1/metrics, got 'http://***@far:x/'",
        ),
        (
            {"OTEL_METRIC_EXPORT_TIMEOUT": "x"},
            "OTEL_METRIC_EXPORT_TIMEOUT must be a number of milliseconds > 0, got 'x'",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_an_error_that_says_what_can(env: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        otlp_outlet(env)
    assert str(raised.value) == message


def test_intervals_are_milliseconds() -> None:
    assert (interval_s_in({}), export_timeout_s_in({})) == (60.0, 30.0)
    assert interval_s_in({"OTEL_METRIC_EXPORT_INTERVAL": " 250 "}) == 0.25
    assert export_timeout_s_in({"OTEL_METRIC_EXPORT_TIMEOUT": "1500"}) == 1.5
    # What Python can wait for is bounded.
    assert interval_s_in({"OTEL_METRIC_EXPORT_INTERVAL": "1e300"}) == threading.TIMEOUT_MAX


@pytest.mark.parametrize("value", ["0", "-1", "x", "nan", "inf"])
def test_what_is_no_interval_is_an_error(value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        interval_s_in({"OTEL_METRIC_EXPORT_INTERVAL": value})
    assert str(raised.value) == f"OTEL_METRIC_EXPORT_INTERVAL must be a number of milliseconds > 0, got {value!r}"
