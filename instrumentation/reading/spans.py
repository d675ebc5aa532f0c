"""The span as it is read: the parts that every source has, whatever way it spells them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class ReadSpan(NamedTuple):
    """One span of a file or of a Jaeger, in the order of the arguments of `SpanRecord.of`."""

    trace_id: str
    """32 lower-case hex digits."""
    span_id: str
    """16 lower-case hex digits."""
    parent_span_id: str | None
    """16 lower-case hex digits; `None` for a trace's root."""
    start_ns: int
    """Unix time in nanoseconds; 0 when it was not given."""
    end_ns: int
    """Unix time in nanoseconds; 0 when it was not given."""
    name: str
    attributes: Mapping[str, Any]
    """Their values as the SDK has them: text, bool, int, float, bytes; of arrays a tuple."""
    failed: bool
    """Whether the status is ERROR."""
    exception_type: str | None = None
    """`exception.type` of the last exception event; `None` where there is none."""


Batch = Sequence[ReadSpan]
"""Spans as they come out of a source together, such as those of one line of a file."""
