"""The console exporter: prints a trace as a tree when it ends."""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from rich.console import Console
from rich.text import Text

from instrumentation.life_cycle import in_forked_child
from instrumentation.otlp.outgoing import cleaned
from instrumentation.records import attributes_of, record_of
from instrumentation.rendering.paper import encodable, rendered
from instrumentation.rendering.trace_text import MAX_ROWS, TraceRows
from instrumentation.rendering.tree import row_of
from nanoagent.tracing.failures import log_failure
from nanoagent.tracing.turns import Turns

_logger = logging.getLogger(__name__)


MAX_OPEN_TRACES: Final = 64


class ConsoleTreeProcessor(SpanProcessor):
    """Prints each sampled trace as a tree when its local root ends, on stderr.

    It keeps small rows, not spans, of at most 64 open traces and 10,000 spans a trace; what is over is counted and
    said in a line. It never raises into the application.
    """

    def __init__(
        self, *, console: Callable[[], Console] = lambda: Console(stderr=True), max_rows: int = MAX_ROWS
    ) -> None:
        """Start with no traces.

        Args:
            console: Makes the console to print on, anew for each trace, so that a stream that was replaced is seen.
            max_rows: The most spans of a trace to draw.
        """
        self._console = console
        self._max_rows = max_rows
        self._traces: OrderedDict[int, _Trace] = OrderedDict()
        self._finished: deque[tuple[_Trace, int]] = deque()
        self._evicted = 0
        self._turns = Turns()
        in_forked_child(self._turns.renew)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note a trace's local root."""
        try:
            if _is_local_root(span) and _is_sampled(span):
                self._turns.take(self._open, span.get_span_context().trace_id)
        except Exception:
            log_failure(_logger, "a span's start could not be noted for the console", level=logging.WARNING)

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span's row, and print the trace when nothing above it is open."""
        try:
            if _is_sampled(span):
                self._turns.take(self._keep, cleaned(span))
                while self._finished:
                    self._print(*self._finished.popleft())
        except Exception:
            log_failure(_logger, "a trace could not be printed", level=logging.WARNING)

    def _open(self, trace_id: int) -> None:
        self._traces.setdefault(trace_id, _Trace(TraceRows(max_rows=self._max_rows))).open_roots += 1
        while len(self._traces) > MAX_OPEN_TRACES:
            self._traces.popitem(last=False)
            self._evicted += 1

    def _keep(self, seen: ReadableSpan) -> None:
        context, is_root = seen.get_span_context(), _is_local_root(seen)
        trace = self._traces.get(context.trace_id) if context else None
        if context is None or trace is None:
            return
        record = record_of(seen)
        if record is not None:
            trace.rows.add(row_of(seen.name, attributes_of(seen), record, is_local_root=is_root), record)
        trace.open_roots -= is_root
        if not trace.open_roots:
            del self._traces[context.trace_id]
            evicted, self._evicted = self._evicted, 0
            self._finished.append((trace, evicted))

    def _print(self, trace: "_Trace", evicted: int) -> None:
        console = self._console()
        lines = trace.rows.lines(width=console.width)
        if evicted:
            lines.append(Text(f"{evicted} traces are not shown: more than {MAX_OPEN_TRACES} were open", style="dim"))
        text = encodable(rendered(lines, console), getattr(console.file, "encoding", None) or "utf-8")
        # Not by the console itself, which ends the process when the pipe is broken.
        console.file.write(text)
        console.file.flush()


@dataclass(slots=True)
class _Trace:
    rows: TraceRows
    open_roots: int = 0


def _is_local_root(span: ReadableSpan) -> bool:
    return span.parent is None or span.parent.is_remote


def _is_sampled(span: ReadableSpan) -> bool:
    context = span.get_span_context()
    return context is not None and context.trace_flags.sampled
