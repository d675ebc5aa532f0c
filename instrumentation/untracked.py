"""The spans of others that are open inside a run."""

import threading
from collections import OrderedDict

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ReadableSpan, Span

from instrumentation.life_cycle import in_forked_child
from nanoagent.tracing.run import Run, place_in


class OpenSpansOfOthers:
    """Knows in which run each of them started; the oldest are given up beyond a bound."""

    def __init__(self, *, size: int = 10_000) -> None:
        self._runs: OrderedDict[tuple[int, int], Run] = OrderedDict()
        self._size = size
        self._after_fork()
        in_forked_child(self._after_fork)

    def started(self, span: Span, parent_context: Context | None) -> None:
        """A span of others has started, perhaps inside a run."""
        place, ids = place_in(get_current() if parent_context is None else parent_context), span.context
        if place is None or ids is None:
            return
        with self._lock:
            self._runs[ids.trace_id, ids.span_id] = place.run
            if len(self._runs) > self._size:
                self._runs.popitem(last=False)

    def ended(self, span: ReadableSpan) -> Run | None:
        """The run that the span started in."""
        ids = span.context
        if not self._runs or ids is None:
            return None
        with self._lock:
            return self._runs.pop((ids.trace_id, ids.span_id), None)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
