"""Bad counts: token counts that spans carry and that are none, told once for each name that they stand under."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from instrumentation.reading.otlp_tolerant import shown
from instrumentation.reading.problems import Problems
from nanoagent.core import producers
from nanoagent.core.records import TOKEN_KEYS, SpanRecord, as_count

_COUNTS: Final = attrgetter(
    "input_tokens", "output_tokens", "cached_input_tokens", "cache_creation_input_tokens", "reasoning_tokens"
)
_MISSING: Final = object()


class BadCount(NamedTuple):
    """One value that is no count."""

    key: str
    value: object
    span_id: str
    trace_id: str | None


def bad_counts_of(attributes: Mapping[str, Any], record: SpanRecord) -> list[BadCount]:
    """What a model call carries in the place of a count, where no count is known for it."""
    call = record.call
    if call is None:
        return []
    unknown = [number for number, count in enumerate(_COUNTS(call)) if count is None]
    return [
        BadCount(key, value, record.span_id, record.trace_id)
        for number in unknown
        for key in (producers.USAGE[number] if record.run_id is None else (TOKEN_KEYS[number],))
        if (value := attributes.get(key, _MISSING)) is not _MISSING and as_count(value) is None
    ]


class BadCounts:
    """All bad counts of the runs that were counted."""

    def __init__(self) -> None:
        self._first: dict[str, BadCount] = {}
        self._number: dict[str, int] = {}

    def add(self, found: BadCount) -> None:
        """Note one."""
        self._first.setdefault(found.key, found)
        self._number[found.key] = self._number.get(found.key, 0) + 1

    def tell(self, problems: Problems) -> None:
        """Tell all of them; no span is missing because of them."""
        for key, (_, value, span_id, trace_id) in self._first.items():
            number = self._number[key]
            spans = "1 span holds" if number == 1 else f"{number:,} spans hold"
            what = f"{spans} no count in {key}, such as {shown(value)} in span {span_id}: taken as unknown"
            problems.add(f"trace {trace_id}", what, lossy=False)
