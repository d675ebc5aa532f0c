"""A tally: the counts of a run, or of a part of it, in the making; the rule they follow is in `counting`."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from nanoagent.core.intervals import Interval, time_split
from nanoagent.core.records import CANCELLED_ERROR_TYPE, MONEY, ModelCall, SpanRecord


@dataclass(slots=True)
class Sum:
    """A sum that knows whether any of its parts was known."""

    known: int = 0
    total: int = 0
    parts: int = 0

    def add(self, part: int | None) -> None:
        """Add a part, which may be unknown."""
        self.parts += 1
        if part is not None:
            self.known += 1
            self.total += part

    @property
    def value(self) -> int | None:
        """The sum of the known parts; `None` when there are parts and none is known."""
        return None if self.parts and not self.known else self.total


@dataclass(slots=True)
class Tally:
    """Counts in the making, of a run or of a part of it."""

    api_calls: int = 0
    failed_api_calls: int = 0
    cancelled_api_calls: int = 0
    unmeasured_api_calls: int = 0
    unpriced_api_calls: int = 0
    tool_calls: int = 0
    failed_tool_calls: int = 0
    input_tokens: Sum = field(default_factory=Sum)
    output_tokens: Sum = field(default_factory=Sum)
    cached_input_tokens: Sum = field(default_factory=Sum)
    cache_creation_input_tokens: Sum = field(default_factory=Sum)
    reasoning_tokens: Sum = field(default_factory=Sum)
    cost_usd_known: Decimal = Decimal(0)
    first_chunk: tuple[int, int] | None = None
    """Start of the call and time to its first chunk, in nanoseconds, of the streamed call that started first."""
    calls: list[Interval] = field(default_factory=list)
    tools: list[Interval] = field(default_factory=list)
    frame: list[Interval] = field(default_factory=list)
    """The time that belongs to this part of a run."""
    _split: dict[str, int] | None = None
    """The time split of `frame`, kept until it may have changed: a run is asked for its numbers again and again."""

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost, when it is known of every answered call."""
        answered = self.api_calls - self.failed_api_calls - self.cancelled_api_calls
        return self.cost_usd_known if answered and not self.unpriced_api_calls else None

    def add_frame(self, record: SpanRecord) -> None:
        """The time of this span belongs to this part of the run."""
        self._split = None
        self.frame.append(_interval(record))

    def add_call(self, record: SpanRecord, call: ModelCall) -> None:
        """Count a model call."""
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
        self.input_tokens.add(call.input_tokens)
        self.output_tokens.add(call.output_tokens)
        self.cached_input_tokens.add(call.cached_input_tokens)
        self.cache_creation_input_tokens.add(call.cache_creation_input_tokens)
        self.reasoning_tokens.add(call.reasoning_tokens)
        if call.first_chunk_ns is not None:
            chunk = (record.start_ns, call.first_chunk_ns)
            self.first_chunk = chunk if self.first_chunk is None else min(self.first_chunk, chunk)
        if call.cost_usd is not None:
            self.cost_usd_known = MONEY.add(self.cost_usd_known, call.cost_usd)

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
            "input_tokens": self.input_tokens.value,
            "output_tokens": self.output_tokens.value,
            "cached_input_tokens": self.cached_input_tokens.value,
            "cache_creation_input_tokens": self.cache_creation_input_tokens.value,
            "reasoning_tokens": self.reasoning_tokens.value,
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
