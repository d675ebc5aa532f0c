"""The spans of others that are open inside a run."""

from collections import OrderedDict
from contextlib import suppress

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ReadableSpan, Span

from nanoagent.tracing.run import Run, place_in


class OpenSpansOfOthers:
    """Knows in which run each of them started; the oldest are given up beyond a bound.

    It needs no lock: each operation on its dictionary is atomic.
    """

    def __init__(self, *, size: int = 10_000) -> None:
        self._runs: OrderedDict[tuple[int, int], Run] = OrderedDict()
        self._size = size

    def started(self, span: Span, parent_context: Context | None) -> None:
        """A span of others has started, perhaps inside a run."""
        place, ids = place_in(get_current() if parent_context is None else parent_context), span.context
        if place is None or ids is None:
            return
        self._runs[ids.trace_id, ids.span_id] = place.run
        if len(self._runs) > self._size:
            with suppress(KeyError):  # the others have ended meanwhile
                self._runs.popitem(last=False)

    def ended(self, span: ReadableSpan) -> Run | None:
        """The run that the span started in."""
        ids = span.context
        if not self._runs or ids is None:
            return None
        return self._runs.pop((ids.trace_id, ids.span_id), None)
