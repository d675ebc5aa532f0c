"""The console exporter: prints a trace as a tree when it ends."""

import io
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from rich.console import Console
from rich.text import Text

from instrumentation.tree import Row, render_tree, row_of

_logger = logging.getLogger(__name__)


MAX_OPEN_TRACES: Final = 64


MAX_ROWS: Final = 10_000


class ConsoleTreeProcessor(SpanProcessor):
    """Prints each sampled trace as a tree when its local root ends, on stderr.

    It keeps small rows, not spans, of at most 64 open traces and 10,000 spans a trace; what is over is counted and
    said in a line. It never raises into the application.
    """

    def __init__(self, *, console: Callable[[], Console] = lambda: Console(stderr=True)) -> None:
        """Start with no traces.

        Args:
            console: Makes the console to print on, anew for each trace, so that a stream that was replaced is seen.
        """
        self._console = console
        self._traces: OrderedDict[int, _Trace] = OrderedDict()
        self._evicted = 0
        self._lock = threading.Lock()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note a trace's local root."""
        try:
            if _is_local_root(span) and _is_sampled(span):
                with self._lock:
                    self._open(span.get_span_context().trace_id)
        except Exception:
            _logger.warning("a span's start could not be noted for the console", exc_info=True)

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span's row, and print the trace when nothing above it is open."""
        try:
            if _is_sampled(span):
                finished = self._keep(span)
                if finished is not None:
                    self._print(*finished)
        except Exception:
            _logger.warning("a trace could not be printed", exc_info=True)

    def _open(self, trace_id: int) -> None:
        self._traces.setdefault(trace_id, _Trace()).open_roots += 1
        while len(self._traces) > MAX_OPEN_TRACES:
            self._traces.popitem(last=False)
            self._evicted += 1

    def _keep(self, span: ReadableSpan) -> "tuple[_Trace, int] | None":
        context, is_root = span.get_span_context(), _is_local_root(span)
        with self._lock:
            trace = self._traces.get(context.trace_id) if context else None
            if context is None or trace is None:
                return None
            if is_root or len(trace.rows) < MAX_ROWS:
                trace.rows.append(row_of(span))
            else:
                trace.hidden += 1
            trace.open_roots -= is_root
            if trace.open_roots:
                return None
            del self._traces[context.trace_id]
            evicted, self._evicted = self._evicted, 0
        return trace, evicted

    def _print(self, trace: "_Trace", evicted: int) -> None:
        console = self._console()
        lines = render_tree(trace.rows, width=console.width, hidden=trace.hidden)
        if evicted:
            lines.append(Text(f"{evicted} traces are not shown: more than {MAX_OPEN_TRACES} were open", style="dim"))
        text = _encodable(_rendered(lines, console), getattr(console.file, "encoding", None) or "utf-8")
        # Not by the console itself, which ends the process when the pipe is broken.
        console.file.write(text)
        console.file.flush()


@dataclass(kw_only=True, slots=True)
class _Trace:
    rows: list[Row] = field(default_factory=list)
    open_roots: int = 0
    hidden: int = 0


def _rendered(lines: Sequence[Text], console: Console) -> str:
    """What the console would write: escape codes only on a terminal that shows colours."""
    is_plain = console.no_color or console.legacy_windows or not console.is_terminal
    buffer = io.StringIO()
    paper = Console(
        file=buffer,
        width=console.width,
        force_terminal=not is_plain,
        color_system=None if is_plain else cast("Any", console.color_system),
    )
    for line in lines:
        paper.print(line, soft_wrap=True, markup=False, highlight=False)
    return buffer.getvalue()


def _encodable(text: str, encoding: str) -> str:
    if not encoding.lower().startswith("utf"):
        text = text.translate(str.maketrans("├└│…", "|`|~"))
    return text.encode(encoding, "replace").decode(encoding)


def _is_local_root(span: ReadableSpan) -> bool:
    return span.parent is None or span.parent.is_remote


def _is_sampled(span: ReadableSpan) -> bool:
    context = span.get_span_context()
    return context is not None and context.trace_flags.sampled
