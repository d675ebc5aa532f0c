"""A tally: the counts of a run, or of a part of it, in the making; the rule they follow is in `counting`."""

from decimal import Decimal
from typing import Any

from nanoagent.core.intervals import Interval, TimeSplit, time_split
from nanoagent.core.records import CANCELLED_ERROR_TYPE, MONEY, ModelCall


class Tally:
    """Counts in the making, of a run or of a part of it."""

    # Defaults stand on the class: a run starts a tally for each of its parts, and most counts of most parts stay 0.
    failed_api_calls: int = 0
    cancelled_api_calls: int = 0
    unmeasured_api_calls: int = 0
    unpriced_api_calls: int = 0
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
    _split: TimeSplit | None = None
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
        answered = len(self.calls) - self.failed_api_calls - self.cancelled_api_calls
        return self.cost_usd_known if answered and not self.unpriced_api_calls else None

    def sum_of(self, known: int | None) -> int | None:
        """A sum of tokens: 0 without calls, `None` when there are calls and no part of it is known."""
        return known if known is not None or self.calls else 0

    def add_frame(self, interval: Interval) -> None:
        """This time belongs to this part of the run."""
        self._split = None
        self.frame.append(interval)

    def add_call(self, interval: Interval, call: ModelCall, error_type: str | None) -> None:
        """Count a model call."""
        self._split = None
        self.calls.append(interval)
        _, input_tokens, output_tokens, cached, created, reasoning, cost_usd, first_chunk_ns = call
        if error_type is None:
            if not call.is_measured:
                self.unmeasured_api_calls += 1
            if cost_usd is None:
                self.unpriced_api_calls += 1
        elif error_type == CANCELLED_ERROR_TYPE:
            self.cancelled_api_calls += 1
        else:
            self.failed_api_calls += 1
        if input_tokens is not None:
            self.input_tokens = input_tokens + (self.input_tokens or 0)
        if output_tokens is not None:
            self.output_tokens = output_tokens + (self.output_tokens or 0)
        if cached is not None or created is not None or reasoning is not None:
            self._add_parts(cached, created, reasoning)
        if first_chunk_ns is not None:
            self._add_first_chunk(interval[0], first_chunk_ns)
        if cost_usd is not None:
            self.cost_usd_known = MONEY.add(self.cost_usd_known, cost_usd)

    def _add_parts(self, cached: int | None, created: int | None, reasoning: int | None) -> None:
        if cached is not None:
            self.cached_input_tokens = cached + (self.cached_input_tokens or 0)
        if created is not None:
            self.cache_creation_input_tokens = created + (self.cache_creation_input_tokens or 0)
        if reasoning is not None:
            self.reasoning_tokens = reasoning + (self.reasoning_tokens or 0)

    def _add_first_chunk(self, start_ns: int, first_chunk_ns: int) -> None:
        chunk = (start_ns, first_chunk_ns)
        self.first_chunk = chunk if self.first_chunk is None else min(self.first_chunk, chunk)

    def add_tool(self, interval: Interval, error_type: str | None) -> None:
        """Count a tool call."""
        self._split = None
        self.tools.append(interval)
        self.failed_tool_calls += error_type is not None

    def counts(self, frame: list[Interval] | None = None) -> tuple[Any, ...]:
        """The fields of `Counts`, in its order, within `frame` or, by default, the tally's own."""
        split = self._own_split() if frame is None else time_split(frame, self.calls, self.tools)
        calls, first_chunk = len(self.calls), self.first_chunk
        none_known = None if calls else 0
        return (
            calls,
            self.failed_api_calls,
            self.cancelled_api_calls,
            self.unmeasured_api_calls,
            self.unpriced_api_calls,
            none_known if self.input_tokens is None else self.input_tokens,
            none_known if self.output_tokens is None else self.output_tokens,
            none_known if self.cached_input_tokens is None else self.cached_input_tokens,
            none_known if self.cache_creation_input_tokens is None else self.cache_creation_input_tokens,
            none_known if self.reasoning_tokens is None else self.reasoning_tokens,
            len(self.tools),
            self.failed_tool_calls,
            self.cost_usd,
            self.cost_usd_known,
            split.llm_ns,
            split.tool_ns,
            split.other_ns,
            split.parallel_ns,
            None if first_chunk is None else first_chunk[1],
        )

    def _own_split(self) -> TimeSplit:
        if self._split is None:
            self._split = time_split(self.frame, self.calls, self.tools)
        return self._split
