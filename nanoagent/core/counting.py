"""The counting rule: how the span records of a run become its `PerformanceMetrics`.

A run's own fold, the live aggregator and whoever reads traces back all count here, so their numbers cannot differ.

What is counted, once each:

1. Records that carry the run's id count; all others are left out. A span seen twice (same trace and span id) counts
   once. The order in which records arrive changes nothing.
2. An `execute_tool` span is a tool call; with an error it is a failed one, whether the tool raised, was cancelled, was
   called with bad arguments or was invented by the model.
3. A `chat` span is a model call, whether answered, failed or cancelled; failed and cancelled ones are told apart.
4. An `iteration` span is an iteration. A cancelled or failed one counts.
5. Tokens and prices stand on chat spans alone; what other spans carry (rollups, the root's summary) is never added.
   Cached, cache-creation and reasoning tokens are parts of the input or output tokens, never added to them.

What is unknown:

6. Unknown is `None`, never 0. A sum is `None` when there are parts and every one is unknown, else the sum of the known
   parts. An answered call without input or output tokens is unmeasured: the sums are then lower bounds.
7. `cost_usd_known` adds up the prices on the spans, as decimals. `cost_usd` is the same number when every answered call
   has a price, and `None` otherwise or when no call was answered.

Time:

8. llm time is the union of the model calls; tool time is the union of the tool calls without what lies inside model
   calls; other time is the rest of the duration. All are clipped to the root's time, and add up to it exactly. For an
   iteration the frame is the iteration span, for a phase the union of its agents' spans. An end before its start is
   taken as the start. `parallel_ns` is what the clipped durations of calls and tools add up to beyond their union.

The whole:

9. Status, stop reason, error and tasks are the root's; of two roots, those of the one that started first. Without a
   root the run is `running`.
10. `complete` compares the root's summary (iterations, model calls, tool calls, tokens, cost) with what was counted:
    False when one differs or the parent of a span of the run (its root excepted) is missing, `None` while there is no
    root or it has no summary, True otherwise.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from nanoagent.core.intervals import Interval, time_split
from nanoagent.core.performance import IterationCounts, PerformanceMetrics, PhaseCounts
from nanoagent.core.records import CANCELLED_ERROR_TYPE, MONEY, ModelCall, RunSummary, SpanRecord
from nanoagent.tracing import names

PHASES: Final = ("plan", "execute", "reflect")
"""The phases of a run, in their order."""
_AGENT_OPERATIONS: Final = (names.OP_PLAN, names.OP_AGENT)


def fold(
    records: Iterable[SpanRecord], *, run_id: str | None = None, present: Collection[str] | None = None
) -> PerformanceMetrics:
    """Count the records of one run, in any order.

    Args:
        records: The finished spans; those of other runs are left out.
        run_id: The run to count; by default that of the first record that carries one.
        present: The ids of all spans that are known to exist, to find missing parents by; `None` where records come
            straight from the process that made them, so that a parent cannot be missing.
    """
    total: Fold | None = Fold(run_id) if run_id else None
    for record in records:
        if total is None and record.run_id is not None:
            total = Fold(record.run_id)
        if total is not None:
            total.add(record)
    return total.metrics(present=present) if total is not None else PerformanceMetrics()


class Fold:
    """The numbers of one run, added up from its span records as they come."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._total = _Tally()
        self._phases: dict[str, _Tally] = {}
        self._iterations: dict[int, _Tally] = {}
        self._models: set[str] = set()
        self._parents: dict[tuple[str | None, str], str | None] = {}
        self._root: SpanRecord | None = None
        self._first_start_ns: int | None = None

    def add(self, record: SpanRecord) -> None:
        """Count a record, unless it belongs to another run or was counted before."""
        key = (record.trace_id, record.span_id)
        if record.run_id != self.run_id or key in self._parents:
            return
        self._parents[key] = record.parent_span_id
        if self._first_start_ns is None or record.start_ns < self._first_start_ns:
            self._first_start_ns = record.start_ns
        if record.operation == names.OP_WORKFLOW and (self._root is None or _age(record) < _age(self._root)):
            self._root = record
        tallies = self._tallies_of(record)
        if record.call is not None:
            if record.call.model is not None:
                self._models.add(record.call.model)
            for tally in tallies:
                tally.add_call(record, record.call)
        elif record.operation == names.OP_TOOL:
            for tally in tallies:
                tally.add_tool(record)

    def metrics(
        self,
        *,
        goal: str | None = None,
        so_far: Interval | None = None,
        present: Collection[str] | None = None,
    ) -> PerformanceMetrics:
        """The numbers so far.

        Args:
            goal: The run's goal, where it is known.
            so_far: The time from the run's start to now, while its root is open; without it the run is 0 long.
            present: See `fold`.
        """
        root, summary = self._root, self._root.summary if self._root else None
        start_ns, end_ns = (root.start_ns, root.end_ns) if root else so_far or (self._first_start_ns, None)
        frame = [] if start_ns is None or end_ns is None else [(start_ns, max(start_ns, end_ns))]
        return PerformanceMetrics(
            goal=goal,
            run_id=self.run_id,
            trace_id=root.trace_id if root else min((trace for trace, _ in self._parents if trace), default=None),
            start_time_unix_ns=start_ns,
            end_time_unix_ns=max(root.start_ns, root.end_ns) if root else None,
            status=(summary.status if summary else None) or "running",
            stop_reason=summary.stop_reason if summary else None,
            error_type=root.error_type if root else None,
            models=tuple(sorted(self._models)),
            iterations=len(self._iterations_seen),
            tasks_completed=(summary.tasks_completed if summary else None) or 0,
            tasks_total=(summary.tasks_total if summary else None) or 0,
            by_phase=tuple(PhaseCounts(phase=phase, **self._phases[phase].counts()) for phase in self._phase_order()),
            by_iteration=tuple(
                IterationCounts(iteration=n, **self._iterations[n].counts()) for n in sorted(self._iterations)
            ),
            complete=self._complete(summary, present),
            **self._total.counts(frame),
        )

    @property
    def tokens_used(self) -> int:
        """Input plus output tokens so far, as far as they are known."""
        return self._total.input_tokens.total + self._total.output_tokens.total

    def iteration(self, number: int) -> IterationCounts:
        """The numbers of one iteration so far."""
        tally = self._iterations.get(number)
        return IterationCounts(iteration=number, **tally.counts() if tally else {})

    @property
    def _iterations_seen(self) -> list[int]:
        return [n for n, tally in self._iterations.items() if tally.frame]

    def _tallies_of(self, record: SpanRecord) -> list["_Tally"]:
        tallies = [self._total]
        if record.phase is not None:
            tallies.append(self._phases.setdefault(record.phase, _Tally()))
            if record.operation in _AGENT_OPERATIONS:
                tallies[-1].add_frame(record)
        if record.iteration is not None:
            tallies.append(self._iterations.setdefault(record.iteration, _Tally()))
            if record.operation == names.ITERATION_SPAN:
                tallies[-1].add_frame(record)
        return tallies

    def _phase_order(self) -> list[str]:
        return sorted(self._phases, key=lambda phase: (PHASES.index(phase) if phase in PHASES else len(PHASES), phase))

    def _complete(self, summary: RunSummary | None, present: Collection[str] | None) -> bool | None:
        if summary is None or summary.api_calls is None:
            return None
        counted = self._total
        found = (
            len(self._iterations_seen),
            counted.api_calls,
            counted.tool_calls,
            counted.input_tokens.value,
            counted.output_tokens.value,
            counted.cost_usd,
        )
        said = (
            summary.iterations,
            summary.api_calls,
            summary.tool_calls,
            summary.input_tokens,
            summary.output_tokens,
            summary.cost_usd,
        )
        return found == said and not self._missing_parents(present)

    def _missing_parents(self, present: Collection[str] | None) -> set[str | None]:
        if present is None or self._root is None:
            return set()
        root_key = (self._root.trace_id, self._root.span_id)
        known = {span_id for _, span_id in self._parents}
        return {
            parent
            for key, parent in self._parents.items()
            if key != root_key and parent not in known and parent not in present
        }


@dataclass(slots=True)
class _Sum:
    """A sum that knows whether any of its parts was known."""

    known: int = 0
    total: int = 0
    parts: int = 0

    def add(self, part: int | None) -> None:
        self.parts += 1
        if part is not None:
            self.known += 1
            self.total += part

    @property
    def value(self) -> int | None:
        return None if self.parts and not self.known else self.total


@dataclass(slots=True)
class _Tally:
    """Counts in the making, of a run or of a part of it."""

    api_calls: int = 0
    failed_api_calls: int = 0
    cancelled_api_calls: int = 0
    unmeasured_api_calls: int = 0
    unpriced_api_calls: int = 0
    tool_calls: int = 0
    failed_tool_calls: int = 0
    input_tokens: _Sum = field(default_factory=_Sum)
    output_tokens: _Sum = field(default_factory=_Sum)
    cached_input_tokens: _Sum = field(default_factory=_Sum)
    cache_creation_input_tokens: _Sum = field(default_factory=_Sum)
    reasoning_tokens: _Sum = field(default_factory=_Sum)
    cost_usd_known: Decimal = Decimal(0)
    calls: list[Interval] = field(default_factory=list)
    tools: list[Interval] = field(default_factory=list)
    frame: list[Interval] = field(default_factory=list)
    """The time that belongs to this part of a run."""
    _split: dict[str, int] | None = None
    """The time split of `frame`, kept until it may have changed: a run is asked for its numbers again and again."""

    @property
    def cost_usd(self) -> Decimal | None:
        answered = self.api_calls - self.failed_api_calls - self.cancelled_api_calls
        return self.cost_usd_known if answered and not self.unpriced_api_calls else None

    def add_frame(self, record: SpanRecord) -> None:
        self._split = None
        self.frame.append(_interval(record))

    def add_call(self, record: SpanRecord, call: ModelCall) -> None:
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
        if call.cost_usd is not None:
            self.cost_usd_known = MONEY.add(self.cost_usd_known, call.cost_usd)

    def add_tool(self, record: SpanRecord) -> None:
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
            "cost_usd": self.cost_usd,
            "cost_usd_known": self.cost_usd_known,
            **(self._own_split() if frame is None else time_split(frame, self.calls, self.tools)),
        }

    def _own_split(self) -> dict[str, int]:
        if self._split is None:
            self._split = time_split(self.frame, self.calls, self.tools)
        return self._split


def _age(record: SpanRecord) -> tuple[int, str]:
    return record.start_ns, record.span_id


def _interval(record: SpanRecord) -> Interval:
    return record.start_ns, max(record.start_ns, record.end_ns)
