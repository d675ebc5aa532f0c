"""What a metric said at one time about one set of attributes, as plain data."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["counter", "up_down_counter", "gauge", "histogram", "exponential_histogram", "summary"]
"""The instrument, as far as OTLP tells it: an observed counter is a counter."""


@dataclass(frozen=True, kw_only=True)
class Exemplar:
    """One measurement that was kept, with the span that was current when it was made."""

    value: int | float
    trace_id: str | None
    """As 32 hexadecimal digits; `None` where no span was current."""
    span_id: str | None
    """As 16 hexadecimal digits."""
    time_ns: int
    attributes: Mapping[str, Any]
    """Those that are not attributes of the point."""


@dataclass(frozen=True, kw_only=True)
class ExponentialBuckets:
    """Buckets whose bounds are the powers of a base, which is 2 ** (2 ** -scale).

    The first bucket of each list ends at the base to the power of its offset plus 1.
    """

    scale: int
    zero_count: int
    positive_offset: int
    positive_counts: tuple[int, ...]
    negative_offset: int
    negative_counts: tuple[int, ...]


class Series(NamedTuple):
    """The name and the attributes of a metric, as a key; `series` makes one."""

    name: str
    attributes: frozenset[tuple[str, Hashable]]


@dataclass(frozen=True, kw_only=True)
class MetricPoint:
    """What a metric said at one time about one set of attributes.

    Two are equal where they say the same: when it was said, by which process, and the exemplars make no difference.
    """

    name: str
    kind: Kind
    unit: str = ""
    description: str = ""
    attributes: Mapping[str, Any]
    temporality: Literal["cumulative", "delta"] | None = None
    """`None` of a gauge and of a summary."""

    value: int | float | None = None
    """Of a counter or a gauge; `None` of the other kinds, and where there was no measurement."""
    count: int | None = None
    """Of a histogram or a summary, as is the sum."""
    sum: float | None = None
    min: float | None = None
    """Of a histogram whose producer says so, as is the maximum."""
    max: float | None = None
    bounds: tuple[float, ...] | None = None
    """Of a histogram: the upper bounds of all buckets but the last, which has none."""
    bucket_counts: tuple[int, ...] | None = None
    """Of a histogram: how many measurements are in each bucket, not in those below it."""
    exponential: ExponentialBuckets | None = None
    """Of an exponential histogram."""
    quantiles: Mapping[float, float] | None = None
    """Of a summary."""

    scope: str = field(default="", compare=False)
    """The name of the meter."""
    resource: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What is said about the process."""
    start_ns: int = field(default=0, compare=False)
    """When it began to be measured, in Unix nanoseconds; 0 where that is not said."""
    time_ns: int = field(default=0, compare=False)
    exemplars: tuple[Exemplar, ...] = field(default=(), compare=False)

    @property
    def series(self) -> Series:
        """What it is about."""
        return series(self.name, self.attributes)


def series(name: str, attributes: Mapping[str, Any] | None = None) -> Series:
    """The key of a metric's series: what `by_series` is asked for."""
    return Series(name, hashable(attributes or {}))


def hashable(value: Any) -> Any:
    """A value of attributes, or all of them, as what can be part of a key."""
    if isinstance(value, Mapping):
        return frozenset((key, hashable(one)) for key, one in value.items())
    return tuple(map(hashable, value)) if isinstance(value, list | tuple) else value
