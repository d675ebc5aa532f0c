"""The SDK's limits on spans, where they are too low for what a run's spans carry."""

from collections.abc import Mapping
from typing import Final

MOST_ATTRIBUTES: Final = 64
"""No span of ours has more, the caller's own included."""
_VARIABLES: Final = ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")


def limit_notices(env: Mapping[str, str]) -> list[str]:
    """The line for a limit on attributes that takes what a run is known by off its spans, if there is one.

    The SDK keeps the latest attributes of a span, and ours begin with the run's id. The length of values needs no
    line: content is shortened below that limit, and all else is short.
    """
    variable = next((name for name in _VARIABLES if env.get(name, "").strip()), None)
    try:
        limit = int(env[variable] if variable else MOST_ATTRIBUTES)
    except ValueError:
        return []  # the SDK itself complains of what is no number
    if limit >= MOST_ATTRIBUTES:
        return []
    return [
        f"{variable} is {limit}, and a span of a run has up to {MOST_ATTRIBUTES} attributes: the SDK drops the first "
        "ones, the run's id among them, and the aggregator then misses runs; raise it, or leave it unset"
    ]
