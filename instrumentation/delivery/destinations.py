"""The destinations that the environment asks for."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from instrumentation.delivery.destination import DEFAULT_DEADLINE_S, Destination
from instrumentation.delivery.notices import Explainer, Notify
from instrumentation.otlp.exporters import Outlet, outlet_of
from instrumentation.spooling.spool import spool_in
from nanoagent.errors import ConfigurationError

DEADLINE_VARIABLE: Final = "NANOAGENT_EXPORT_DEADLINE"
"""Seconds that a flush, a shutdown or the exit of the process may take for the last spans."""


def deadline_s_in(env: Mapping[str, str]) -> float:
    """The deadline in seconds.

    Raises:
        ConfigurationError: It is no number of seconds, or negative.
    """
    value = env.get(DEADLINE_VARIABLE, "").strip() or str(DEFAULT_DEADLINE_S)
    try:
        deadline_s = float(value)
    except ValueError:
        deadline_s = math.nan
    if not 0 <= deadline_s < math.inf:
        raise ConfigurationError(f"{DEADLINE_VARIABLE} must be a number of seconds >= 0, got {value!r}")
    return deadline_s


def destinations_of(exporters: Sequence[str], env: Mapping[str, str], notify: Notify) -> list[Destination]:
    """The destinations of these exporters, their batches as `OTEL_BSP_*` says; they share a spool.

    Exporters that send to the same place, as `jaeger` and `otlp` do in one environment, are one destination, which has
    the name of the first.

    Raises:
        ConfigurationError: A setting cannot be used; what was built before that is shut down.
    """
    queue_size = _positive(env, "OTEL_BSP_MAX_QUEUE_SIZE", 8_192)
    batch_size = _positive(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", min(64, queue_size), most=queue_size)
    delay_ms = _positive(env, "OTEL_BSP_SCHEDULE_DELAY", 1_000)
    spool = spool_in(env)
    destinations: list[Destination] = []
    try:
        for outlet in _places(outlet_of(name, env) for name in exporters):
            explainer = Explainer(outlet, notify)
            destinations.append(
                Destination(
                    outlet,
                    spool,
                    max_queue_spans=queue_size,
                    max_batch_spans=batch_size,
                    delay_s=delay_ms / 1_000,
                    explainer=explainer,
                )
            )
    except ConfigurationError:
        for destination in destinations:
            destination.finish_close(DEFAULT_DEADLINE_S)
        raise
    return destinations


def _places(outlets: Iterable[Outlet]) -> Iterator[Outlet]:
    """Of outlets that send to one URL the first."""
    endpoints: set[str] = set()
    for outlet in outlets:
        if outlet.endpoint is None:
            yield outlet
        elif outlet.endpoint not in endpoints:
            endpoints.add(outlet.endpoint)
            yield outlet


def _positive(env: Mapping[str, str], variable: str, default: int, *, most: int | None = None) -> int:
    """An integer variable of the standard ones for batches; an empty one counts as unset."""
    value = env.get(variable) or str(default)
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1 or (most is not None and number > most):
        raise ConfigurationError(f"{variable} must be an integer from 1{f' to {most}' if most else ''}, got {value!r}")
    return number
