"""Bad counts: token counts that spans carry and that are none, told once for each name that they stand under."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from instrumentation.reading.otlp_tolerant import shown
from instrumentation.reading.problems import Problems
from nanoagent.core import producers
from nanoagent.core.records import TOKEN_KEYS, SpanRecord, as_tokens

_COUNTS: Final = slice(1, 1 + len(TOKEN_KEYS))
"""Where a `ModelCall` has its counts, in the order of `TOKEN_KEYS`."""
_MAX_SEEN: Final = 10_000


class BadCounts:
    """The bad counts of model calls; a span that comes twice is taken for two once many were seen."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[object, SpanRecord]] = {}
        self._number: Counter[str] = Counter()
        self._seen: set[tuple[str | None, str, str]] = set()

    def look(self, attributes: Mapping[str, Any], record: SpanRecord) -> None:
        """Note what a model call carries in the place of a count, where no count is known for it."""
        counts: Any = () if record.call is None else record.call[_COUNTS]
        if None not in counts:
            return
        if record.run_id is not None:
            for known, key in zip(counts, TOKEN_KEYS, strict=True):
                if known is None and key in attributes:
                    self._add(key, attributes[key], record)
            return
        for known, keys in zip(counts, producers.USAGE, strict=True):
            if known is None:
                for key in keys:
                    if key in attributes and as_tokens(attributes[key]) is None:
                        self._add(key, attributes[key], record)

    def tell(self, problems: Problems) -> None:
        """Tell all of them; no span is missing because of them."""
        for key, (value, record) in self._first.items():
            number = self._number[key]
            spans = "1 span holds" if number == 1 else f"{number:,} spans hold"
            what = f"{spans} no count in {key}, such as {shown(value)} in span {record.span_id}: taken as unknown"
            problems.add(f"trace {record.trace_id}", what, lossy=False)

    def _add(self, key: str, value: object, record: SpanRecord) -> None:
        place = (record.trace_id, record.span_id, key)
        if place in self._seen:
            return
        if len(self._seen) < _MAX_SEEN:
            self._seen.add(place)
        self._first.setdefault(key, (value, record))
        self._number[key] += 1
