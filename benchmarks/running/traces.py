"""The traces of attempts, kept so that a difference can be explained when the place that they went to has forgotten."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from benchmarks.results.results import Attempt
from instrumentation.otlp.outgoing import cleaned

MAX_ATTEMPTS: Final = 3
"""Kept of each goal: the first ones."""
MAX_SPANS: Final = 20_000
"""Kept of all; a trace that would pass it is not kept."""


class KeptTraces(SpanProcessor):
    """Keeps the spans of the first attempts at each goal. Bounded, and safe under threads."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._open: defaultdict[int, list[ReadableSpan]] = defaultdict(list)
        self._kept: dict[str, list[ReadableSpan]] = {}
        self._spans = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: only spans that have ended are kept."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span until its attempt has ended."""
        if span.context is not None:
            self._open[span.context.trace_id].append(span)

    def ended(self, attempt: Attempt) -> None:
        """An attempt has ended: its trace is kept, or let go."""
        if attempt.trace_id is None:
            return
        spans = self._open.pop(int(attempt.trace_id, 16), [])
        if attempt.number <= MAX_ATTEMPTS and self._spans + len(spans) <= MAX_SPANS:
            self._kept[attempt.trace_id] = spans
            self._spans += len(spans)

    def lines(self, trace_ids: Iterable[str]) -> Iterator[bytes]:
        """These traces as lines of OTLP JSON, one each, as they may be seen; without those that are not kept."""
        for trace_id in trace_ids:
            if spans := self._kept.get(trace_id):
                seen = encode_spans([cleaned(span) for span in spans])
                yield json.dumps(seen.to_dict(), separators=(",", ":")).encode()
