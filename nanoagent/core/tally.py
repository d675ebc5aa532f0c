"""A tally: the counts of a run, or of a part of it, in the making; the rule they follow is in `counting`."""

from decimal import Decimal
from typing import Any

from nanoagent.core.intervals import Interval, time_split
from nanoagent.core.records import CANCELLED_ERROR_TYPE, MONEY, ModelCall, SpanRecord


class Tally:
    """Counts in the making, of a run or of a part of it."""

    # Defaults stand on the class: a run starts a tally for each of its parts, and most counts of most parts stay 0.
    api_calls: int = 0
    failed_api_calls: int = 0
    cancelled_api_calls: int = 0
    unmeasured_api_calls: int = 0
    unpriced_api_calls: int = 0
    tool_calls: int = 0
    failed_tool_calls: int = 0
    input_tokens: int | None = None
    """The known parts, added up; `None` where none is known. As the next four."""
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd_known: Decimal = Decimal(0)
    first_chunk: tuple[int, int] | None = None
    """Start of the call and time to its first chunk, in nanoseconds, of the streamed call that started first."""
    _split: dict[str, int] | None = None
    """The time split of `frame`, kept until it may have changed: a run is asked for its numbers again and again."""

    def __init__(self) -> None:
        """Start at 0."""
        self.calls: list[Interval] = []
        self.tools: list[Interval] = []
        self.frame: list[Interval] = []
        """The time that belongs to this part of a run."""

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost, when it is known of every answered call."""
        answered = self.api_calls - self.failed_api_calls - self.cancelled_api_calls
        return self.cost_usd_known if answered and not self.unpriced_api_calls else None

    def sum_of(self, known: int | None) -> int | None:
        """A sum of tokens: 0 without calls, `None` when there are calls and no part of it is known."""
        return known if known is not None or self.api_calls else 0

    def add_frame(self, record: SpanRecord) -> None:
        """The time of this span belongs to this part of the run."""
        self._split = None
        self.frame.append(_interval(record))

    def add_call(self, record: SpanRecord) -> None:
        """Count a model call; a record of anything else is none."""
        call = record.call
        if call is None:
            return
        self._split = None
        self.api_calls += 1
        self.calls.append(_interval(record))
        if record.error_type == CANCELLED_ERROR_TYPE:
            self.cancelled_api_calls += 1
        elif record.error_type is not None:
            self.failed_api_calls += 1
        else:
            self.unmeasured_api_calls += call.input_tokens is None or call.output_tokens is None
            self.unpriced_api_calls += call.cost_usd is None
        self._add_tokens(call)
        if call.first_chunk_ns is not None:
            self._add_first_chunk(record.start_ns, call.first_chunk_ns)
        if call.cost_usd is not None:
            self.cost_usd_known = MONEY.add(self.cost_usd_known, call.cost_usd)

    def _add_tokens(self, call: ModelCall) -> None:
        if call.input_tokens is not None:
            self.input_tokens = call.input_tokens + (self.input_tokens or 0)
        if call.output_tokens is not None:
            self.output_tokens = call.output_tokens + (self.output_tokens or 0)
        if call.cached_input_tokens is not None:
            self.cached_input_tokens = call.cached_input_tokens + (self.cached_input_tokens or 0)
        if call.cache_creation_input_tokens is not None:
            self.cache_creation_input_tokens = call.cache_creation_input_tokens + (
                self.cache_creation_input_tokens or 0
            )
        if call.reasoning_tokens is not None:
            self.reasoning_tokens = call.reasoning_tokens + (self.reasoning_tokens or 0)

    def _add_first_chunk(self, start_ns: int, first_chunk_ns: int) -> None:
        chunk = (start_ns, first_chunk_ns)
        self.first_chunk = chunk if self.first_chunk is None else min(self.first_chunk, chunk)

    def add_tool(self, record: SpanRecord) -> None:
        """Count a tool call."""
        self._split = None
        self.tool_calls += 1
        self.failed_tool_calls += record.error_type is not None
        self.tools.append(_interval(record))

    def counts(self, frame: list[Interval] | None = None) -> dict[str, Any]:
        """The fields of `Counts`, within `frame` or, by default, the tally's own."""
        return {
            "api_calls": self.api_calls,
            "failed_api_calls": self.failed_api_calls,
            "cancelled_api_calls": self.cancelled_api_calls,
            "unmeasured_api_calls": self.unmeasured_api_calls,
            "unpriced_api_calls": self.unpriced_api_calls,
            "tool_calls": self.tool_calls,
            "failed_tool_calls": self.failed_tool_calls,
            "input_tokens": self.sum_of(self.input_tokens),
            "output_tokens": self.sum_of(self.output_tokens),
            "cached_input_tokens": self.sum_of(self.cached_input_tokens),
            "cache_creation_input_tokens": self.sum_of(self.cache_creation_input_tokens),
            "reasoning_tokens": self.sum_of(self.reasoning_tokens),
            "first_chunk_ns": None if self.first_chunk is None else self.first_chunk[1],
            "cost_usd": self.cost_usd,
            "cost_usd_known": self.cost_usd_known,
            **(self._own_split() if frame is None else time_split(frame, self.calls, self.tools)),
        }

    def _own_split(self) -> dict[str, int]:
        if self._split is None:
            self._split = time_split(self.frame, self.calls, self.tools)
        return self._split


def _interval(record: SpanRecord) -> Interval:
    return record.start_ns, max(record.start_ns, record.end_ns)
