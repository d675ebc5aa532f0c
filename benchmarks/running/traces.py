"""The traces of attempts, kept so that a difference can be explained when the place that they went to has forgotten."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from benchmarks.results.results import Attempt
from instrumentation.otlp.outgoing import cleaned

MAX_ATTEMPTS: Final = 3
"""Kept of each goal: the first ones."""
MAX_SPANS: Final = 20_000
"""Kept of all, and as many of attempts that go on; a trace that would pass it is not kept."""

_SPAN: Final = b'"spanId":'


class KeptTraces(SpanProcessor):
    """Keeps the traces of the first attempts at each goal. Bounded, and safe under threads.

    Args:
        keep: Told each, as a line of OTLP JSON, when its attempt ends.
    """

    def __init__(self, keep: Callable[[bytes], object] = lambda line: None) -> None:
        self._keep = keep
        self._kept: dict[str, bytes] = {}
        self._open: dict[int, list[ReadableSpan]] = {}
        self._arrived: dict[str, bytes] = {}
        self._open_spans = self._spans = 0
        self._lock = threading.RLock()  # a finalizer may end a span while one is counted

    def restore(self, earlier: Mapping[str, bytes]) -> None:
        """Keep these, too: lines of OTLP JSON by the ids of the traces."""
        self._kept |= earlier

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: only spans that have ended are kept."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span until its attempt has ended."""
        if span.context is None:
            return
        with self._lock:
            self._open.setdefault(span.context.trace_id, []).append(span)
            self._open_spans += 1
            while self._open_spans > MAX_SPANS and (oldest := next(iter(self._open), None)) is not None:
                self._taken(oldest)

    def arrived(self, trace_id: str, line: bytes) -> None:
        """The trace of an attempt that was made elsewhere is here, as a line of OTLP JSON; the attempt ends next."""
        self._arrived[trace_id] = line

    def ended(self, attempt: Attempt) -> None:
        """An attempt has ended: its trace is kept, or let go."""
        if attempt.trace_id is None:
            return
        spans = self._taken(int(attempt.trace_id, 16))
        line = self._arrived.pop(attempt.trace_id, None)
        if attempt.number > MAX_ATTEMPTS or not (spans or line):
            return
        count = _spans_in(line) if line else len(spans)
        if self._spans + count <= MAX_SPANS:
            self._spans += count
            self._kept[attempt.trace_id] = line = line or _line_of(spans)
            self._keep(line)

    def lines(self, trace_ids: Iterable[str]) -> list[bytes]:
        """These traces as lines of OTLP JSON, one each, as they may be seen; without those that are not kept."""
        return [self._kept[trace_id] for trace_id in trace_ids if trace_id in self._kept]

    def _taken(self, trace_id: int) -> list[ReadableSpan]:
        with self._lock:
            spans = self._open.pop(trace_id, [])
            self._open_spans -= len(spans)
            return spans


def _line_of(spans: Iterable[ReadableSpan]) -> bytes:
    seen = encode_spans([cleaned(span) for span in spans])
    return json.dumps(seen.to_dict(), separators=(",", ":")).encode()


def _spans_in(line: bytes) -> int:
    """As many as there are, or more: a link names a span, too."""
    return line.count(_SPAN)
