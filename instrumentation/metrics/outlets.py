"""The ways that metrics are pushed out, built from the standard environment variables."""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
)

from instrumentation.otlp.exporters import Receiver, built, grpc_arguments, http_arguments
from instrumentation.otlp.settings import OtlpSettings, otlp_settings
from instrumentation.selection import OTLP
from nanoagent.errors import ConfigurationError

INTERVAL_VARIABLE: Final = "OTEL_METRIC_EXPORT_INTERVAL"
"""Milliseconds from one export to the next."""
TIMEOUT_VARIABLE: Final = "OTEL_METRIC_EXPORT_TIMEOUT"
"""Milliseconds that an export may take."""
TEMPORALITY_VARIABLE: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
AGGREGATION_VARIABLE: Final = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"

Temporality = Mapping[type, AggregationTemporality]
_T = TypeVar("_T")

_KINDS: Final = (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge)
CUMULATIVE: Final[Temporality] = dict.fromkeys(_KINDS, AggregationTemporality.CUMULATIVE)
_WITH_DELTA: Final[Mapping[str, tuple[type, ...]]] = {
    "cumulative": (),
    "delta": (Counter, Histogram, ObservableCounter),
    "lowmemory": (Counter, Histogram),
}
"""https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/"""
_AGGREGATIONS: Final[Mapping[str, Callable[[], Aggregation]]] = {
    "explicit_bucket_histogram": ExplicitBucketHistogramAggregation,
    "base2_exponential_bucket_histogram": ExponentialBucketHistogramAggregation,
}


@dataclass(frozen=True, kw_only=True)
class MetricOutlet(Receiver):
    """An exporter of metrics, where it sends, and what numbers it wants."""

    build: Callable[[], MetricExporter]
    """Makes the exporter, at set-up and anew in a forked child, which cannot share a connection."""
    temporality: Temporality
    """Whether the numbers are those since the start, or since the export before."""
    aggregation: Mapping[type, Aggregation]


def otlp_outlet(env: Mapping[str, str]) -> MetricOutlet:
    """How to get metrics out by OTLP.

    Args:
        env: The environment variables; an empty one counts as unset. Certificates and credential providers are read
            by the OpenTelemetry exporters themselves, from the environment of the process.

    Raises:
        ConfigurationError: A variable has a value that cannot be used. `MetricOutlet.build` raises it, too, where an
            exporter refuses its settings.
    """
    settings = otlp_settings(env, signal="metrics")
    settings = replace(settings, timeout_s=min(settings.timeout_s, export_timeout_s_in(env)))
    temporality = {
        **CUMULATIVE,
        **dict.fromkeys(chosen_in(env, TEMPORALITY_VARIABLE, _WITH_DELTA), AggregationTemporality.DELTA),
    }
    wanted: dict[str, Any] = {
        "preferred_temporality": temporality,
        "preferred_aggregation": {Histogram: chosen_in(env, AGGREGATION_VARIABLE, _AGGREGATIONS)()},
    }
    build = _grpc_exporter if settings.protocol == "grpc" else _http_exporter
    return MetricOutlet(
        name=OTLP,
        endpoint=settings.endpoint,
        protocol=settings.protocol,
        signal="metrics",
        build=lambda: built(OTLP, lambda settings: build(settings, wanted), settings),
        temporality=temporality,
        aggregation=wanted["preferred_aggregation"],
    )


def interval_s_in(env: Mapping[str, str]) -> float:
    """The time from one export to the next.

    Raises:
        ConfigurationError: It is no number of milliseconds.
    """
    return _seconds(env, INTERVAL_VARIABLE, 60_000)


def export_timeout_s_in(env: Mapping[str, str]) -> float:
    """The time that an export may take.

    Raises:
        ConfigurationError: It is no number of milliseconds.
    """
    return _seconds(env, TIMEOUT_VARIABLE, 30_000)


def _seconds(env: Mapping[str, str], variable: str, default_ms: float) -> float:
    value = env.get(variable, "").strip()
    try:
        milliseconds = float(value or default_ms)
    except ValueError:
        milliseconds = math.nan
    if not 0 < milliseconds < math.inf:
        raise ConfigurationError(f"{variable} must be a number of milliseconds > 0, got {value!r}")
    return min(milliseconds / 1_000, threading.TIMEOUT_MAX)


def chosen_in(env: Mapping[str, str], variable: str, choices: Mapping[str, _T]) -> _T:
    """What a variable chooses, case and blanks forgiven; the first of the choices where it is unset or empty.

    Raises:
        ConfigurationError: It is none of them.
    """
    value = env.get(variable, "")
    chosen = value.strip().lower() or next(iter(choices))
    if chosen not in choices:
        *others, last = choices
        raise ConfigurationError(f"{variable} must be {', '.join(others)} or {last}, got {value!r}")
    return choices[chosen]


def _http_exporter(settings: OtlpSettings, wanted: Mapping[str, Any]) -> MetricExporter:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return OTLPMetricExporter(**http_arguments(settings), **wanted)


def _grpc_exporter(settings: OtlpSettings, wanted: Mapping[str, Any]) -> MetricExporter:
    arguments = grpc_arguments(settings)
    from instrumentation.otlp.grpc_exporter import HeardMetricExporter

    return HeardMetricExporter(**arguments, **wanted)
