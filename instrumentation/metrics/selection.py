"""The choice of exporters of metrics, as the environment or a caller makes it."""

from collections.abc import Iterable, Mapping
from typing import Final

from instrumentation.selection import CONSOLE, NONE, OTLP, exporters_named

PROMETHEUS: Final = "prometheus"
METRIC_CHOICES: Final = (NONE, CONSOLE, OTLP, PROMETHEUS)
"""Every name that may be chosen."""
METRICS_VARIABLE: Final = "OTEL_METRICS_EXPORTER"
"""Comma-separated names out of `METRIC_CHOICES`."""


def metric_exporters_in(env: Mapping[str, str]) -> tuple[str, ...]:
    """The exporters of metrics that an environment asks for, in its order, each once.

    Example:
        >>> metric_exporters_in({"OTEL_METRICS_EXPORTER": "Prometheus, otlp"})
        ('prometheus', 'otlp')

    Args:
        env: The environment variables; an empty one counts as unset.

    Returns:
        Names out of `METRIC_CHOICES`; empty for `none` and where nothing is asked for.

    Raises:
        ConfigurationError: A name is unknown, or `none` stands with another.
    """
    value = env.get(METRICS_VARIABLE, "")
    return metric_exporters_named(value.split(","), source=METRICS_VARIABLE, given=value)


def metric_exporters_named(names: Iterable[str], *, source: str, given: object) -> tuple[str, ...]:
    """The exporters of metrics of a list of names, case and blanks forgiven, each once.

    Args:
        names: As somebody wrote them.
        source: The variable or argument they come from, for the message of an error.
        given: What stands there, for the same message.

    Raises:
        ConfigurationError: A name is unknown, or `none` stands with another.
    """
    return exporters_named(names, source=source, given=given, choices=METRIC_CHOICES)
