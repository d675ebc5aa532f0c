"""The counting rule: how the span records of a run become its `PerformanceMetrics`.

A run's own fold, the live aggregator and whoever reads traces back all count here, so their numbers cannot differ.

What is counted, once each:

1. Records that carry the run's id count, and those of runs that are nested in it. A span seen twice (same trace and
   span id) counts once; of two that differ, the one that ended later. The order in which records arrive changes
   nothing.
2. An `execute_tool` span is a tool call; with an error it is a failed one, whether the tool raised, was cancelled, was
   called with bad arguments or was invented by the model. One that was deferred, to be approved or made by somebody
   else, is none.
3. A `chat` span is a model call, whether answered, failed or cancelled; failed and cancelled ones are told apart.
4. An `iteration` span is an iteration. A cancelled or failed one counts. Two with one number are one iteration.
5. Tokens and prices stand on chat spans alone; what other spans carry (rollups, the root's summary) is never added.
   Cached, cache-creation and reasoning tokens are parts of the input or output tokens, never added to them.

Runs in runs:

6. A run whose root names a parent run is nested in that one, and through it in those around it. Its calls, tools,
   tokens and cost are filed under the phase and the iteration that its root carries, which are those of the span that
   encloses it; its own phases, iterations, tasks and status stay its own. Its own numbers are those of its own id.
   Whoever counts from spans counts it in 64 of those around it at most.
7. A model call of others (a span without a run's id that is a model call by the table in `producers`) that lies below a
   span of the run is untracked: counted apart, in no other number, and no matter for `complete`. Each of nested ones
   counts. What ends after the run is seen by whoever reads the whole trace alone.

Runs of others, in traces that are read back (`runs` finds them):

8. The outermost agent or workflow is the run, with all that lies below it but the runs of ours, which stand beside it.
   Model calls that lie in none belong to the run of their trace's root. Its id is the span id of its root.
9. Of nested model calls the outermost one counts, whatever lies between them; where a producer's calls last until the
   tools that they asked for have run, what those tools call counts anew. An attempt inside a call that then tried again
   is a call of its own; where there was no attempt that held, the call itself is none. A span that only tells what a
   stream used belongs to the call beside it that has no usage, which lasted until then.
10. What an agent or a workflow says that it used is never added. Where no model call lies below one, it is
    `remote_usage`, of the outermost such agent. Inside a run of ours it is in no number.
11. Spans whose parent is missing belong to the root of their trace. Where that is missing too, or is of ours, what they
    count is a run of its own, which is `running`.

What is unknown:

12. Unknown is `None`, never 0. A sum is `None` when there are parts and every one is unknown, else the sum of the known
    parts. An answered call without input or output tokens is unmeasured: the sums are then lower bounds.
13. `cost_usd_known` adds up the prices on the spans, as decimals. `cost_usd` is the same number when every answered
    call has a price, and `None` otherwise or when no call was answered.

Time:

14. llm time is the union of the model calls; tool time is the union of the tool calls without what lies inside model
    calls; other time is the rest of the duration. All are clipped to the root's time, and add up to it exactly. For an
    iteration the frame is the iteration span, for a phase the union of its agents' spans. An end before its start is
    taken as the start. `parallel_ns` is what the clipped durations of calls and tools add up to beyond their union.
15. `first_chunk_ns` is that of the streamed call that started first, of those that gave a chunk.

The whole:

16. The root is the span that carries the run's status, from its start, and is no model call or tool call. Of two roots
    the one that started first counts, of two that started together the one with the lesser span id, or else trace id.
    Status, stop reason, error and tasks are the root's. Without a root the run is `running`, and has lasted from the
    start of its first to the end of its last span. Under a root that is an agent's own, or of others, iterations and
    tasks are unknown.
17. `complete` is False when the parent of a span of the run (its root excepted) is missing, or the root's summary
    (spans, iterations, model calls, tool calls, tokens, cost) differs from what was counted; else True when there is a
    summary, and `None` when there is none.
"""

from collections.abc import Iterable, MutableMapping
from dataclasses import fields
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from nanoagent.core import producers
from nanoagent.core.intervals import Interval
from nanoagent.core.performance import Counts, IterationCounts, PerformanceMetrics, PhaseCounts
from nanoagent.core.records import RunSummary, SpanRecord, as_cost_usd
from nanoagent.core.tally import Tally
from nanoagent.tracing import names

PHASES: Final = ("plan", "execute", "reflect")
"""The phases of a run, in their order."""
MAX_DEPTH: Final = 64
"""Whoever counts from spans counts a run in so many of those around it."""
MAX_NEW: Final = 64
"""Records that wait to be counted while a run goes on."""
_AGENT_OPERATIONS: Final = (names.OP_PLAN, names.OP_AGENT)
_Key = tuple[str | None, str]
"""Trace id and span id."""
_Filing = tuple[str | None, int | None]
"""The phase and the iteration of a run that something counts under."""


_COUNTS: Final = tuple(field.name for field in fields(Counts))


class SelfCounts(NamedTuple):
    """What a run counts itself, for its root to carry: a reader compares it with what it found."""

    iterations: int | None
    api_calls: int | None
    tool_calls: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    spans: int | None
    """The root included, whether it was counted yet or not."""


class Fold:
    """The numbers of one run, added up from its span records as they come."""

    # What few runs have stands on the class until a run has some.
    _filings: MutableMapping[str, _Filing] = cast("Any", MappingProxyType({}))
    """The nested runs, each with where it counts."""
    _untracked: MutableMapping[_Key, tuple[int, int]] = cast("Any", MappingProxyType({}))
    """Of the spans of others, how many model calls they are and what tokens they tell of."""
    _remote_tokens: int = 0

    def __init__(
        self, run_id: str, *, root_operation: str = names.OP_WORKFLOW, parent_run_id: str | None = None
    ) -> None:
        """Start at 0.

        Args:
            run_id: The run to count.
            root_operation: `gen_ai.operation.name` of the run's root, for as long as the root is open.
            parent_run_id: The run that it is nested in, for as long as its root is open.
        """
        self.run_id = run_id
        self._root_operation = root_operation
        self._parent_run_id = parent_run_id
        self._total = Tally()
        self._phases: dict[str, Tally] = {}
        self._iterations: dict[int, Tally] = {}
        self._places: dict[_Filing, tuple[Tally, ...]] = {}
        """For each phase and iteration the tallies that what happens there counts in."""
        self._models: set[str] = set()
        self._seen: set[_Key] = set()
        self._new: list[SpanRecord] = []
        """Records that were taken and are not counted yet: together, that takes a fraction of the time."""
        self._root: SpanRecord | None = None
        self._spans = 0
        self._trace_id: str | None = None
        self._first_start_ns: int | None = None

    def add(self, record: SpanRecord) -> None:
        """Count a record, unless it is no part of the run or was counted before."""
        run_id = record.run_id
        if run_id is None or (run_id != self.run_id and run_id not in self._filings):
            return
        key = (record.trace_id, record.span_id)
        if key not in self._seen:
            self._seen.add(key)
            self._new.append(record)
            if len(self._new) >= MAX_NEW:
                self._count_new()

    def add_all(self, records: Iterable[SpanRecord]) -> None:
        """Count records that are known to be parts of the run, none of which was counted before."""
        self._new.extend(records)

    def nest(self, run_id: str, phase: str | None, iteration: int | None) -> None:
        """From now on, count what a nested run uses, under this phase and iteration."""
        if not self._filings:
            self._filings = {}
        self._filings[run_id] = phase, iteration

    def root_is(self, root: SpanRecord, *, status: str) -> None:
        """Take this span of others as the run's root, which it may be beside something that counts."""
        nothing = RunSummary(status, *[None] * (len(RunSummary._fields) - 1))
        self._root = root._replace(operation=names.OP_AGENT, summary=nothing)

    def add_remote(self, tokens: int) -> None:
        """Note what an agent used whose calls are not in the trace."""
        self._remote_tokens += tokens

    def add_untracked(self, record: SpanRecord) -> None:
        """Count a model call of others that lies inside the run."""
        if record.call is not None:
            calls = 0 if record.operation == producers.STREAM_USAGE else 1
            if not self._untracked:
                self._untracked = {}
            self._untracked[record.trace_id, record.span_id] = calls, record.call.tokens

    def seal(self) -> None:
        """Forget which spans were counted: the run is over, and no further record comes."""
        self._seen.clear()

    @property
    def root(self) -> SpanRecord | None:
        """The run's root, once it has ended."""
        self._count_new()
        return self._root

    @property
    def spans(self) -> int:
        """The spans of the run, those of nested runs included."""
        self._count_new()
        return self._spans

    def metrics(
        self,
        *,
        goal: str | None = None,
        so_far: Interval | None = None,
        lost: bool = False,
    ) -> PerformanceMetrics:
        """The numbers so far.

        Args:
            goal: The run's goal, where it is known.
            so_far: How long the run has lasted while its root is open or missing; without it the run is 0 long.
            lost: Whether spans of the run are known to be missing: others name them as their parent.
        """
        self._count_new()
        root, summary = self._root, self._root.summary if self._root else None
        start_ns, end_ns = (root.start_ns, root.end_ns) if root else so_far or (self._first_start_ns, None)
        frame = [] if start_ns is None or end_ns is None else [(start_ns, max(start_ns, end_ns))]
        is_workflow = self._is_workflow
        return PerformanceMetrics(
            goal=goal,
            run_id=self.run_id,
            parent_run_id=root.parent_run_id if root else self._parent_run_id,
            trace_id=root.trace_id if root else self._trace_id,
            start_time_unix_ns=start_ns,
            end_time_unix_ns=max(root.start_ns, root.end_ns) if root else None,
            status=(summary.status if summary else None) or "running",
            stop_reason=summary.stop_reason if summary else None,
            error_type=root.error_type if root else None,
            models=tuple(sorted(self._models)),
            iterations=self._iterations_seen if is_workflow else None,
            tasks_completed=((summary.tasks_completed if summary else None) or 0) if is_workflow else None,
            tasks_total=((summary.tasks_total if summary else None) or 0) if is_workflow else None,
            untracked_api_calls=sum(calls for calls, _ in self._untracked.values()),
            untracked_tokens=sum(tokens for _, tokens in self._untracked.values()),
            remote_usage=self._remote_tokens,
            by_phase=tuple(PhaseCounts.of(*self._phases[phase].counts(), phase) for phase in self._phase_order()),
            by_iteration=tuple(IterationCounts.of(*self._iterations[n].counts(), n) for n in sorted(self._iterations)),
            complete=False if lost else self._complete(summary),
            **dict(zip(_COUNTS, self._total.counts(frame), strict=True)),
        )

    def self_counts(self) -> SelfCounts:
        """What the run's root says of the run."""
        self._count_new()
        total = self._total
        return SelfCounts(
            iterations=self._iterations_seen if self._is_workflow else None,
            api_calls=len(total.calls),
            tool_calls=len(total.tools),
            input_tokens=total.sum_of(total.input_tokens),
            output_tokens=total.sum_of(total.output_tokens),
            cost_usd=total.cost_usd,
            spans=self._spans if self._root else self._spans + 1,
        )

    @property
    def counts_something(self) -> bool:
        """Whether anything was counted but the run itself."""
        self._count_new()
        return bool(self._total.calls or self._total.tools or self._remote_tokens)

    @property
    def expected_spans(self) -> int | None:
        """How many there should be, as the root says; `None` where it does not say."""
        summary = self.root.summary if self.root else None
        return summary.spans if summary else None

    @property
    def tokens_used(self) -> int:
        """Input plus output tokens so far, as far as they are known."""
        self._count_new()
        return (self._total.input_tokens or 0) + (self._total.output_tokens or 0)

    @property
    def cost_usd_known(self) -> Decimal:
        """The priced part of the cost so far."""
        self._count_new()
        return self._total.cost_usd_known

    def iteration(self, number: int) -> IterationCounts:
        """The numbers of one iteration so far."""
        self._count_new()
        tally = self._iterations.get(number)
        return IterationCounts.of(*tally.counts(), number) if tally else IterationCounts(iteration=number)

    @property
    def _is_workflow(self) -> bool:
        return (self._root.operation if self._root else self._root_operation) == names.OP_WORKFLOW

    @property
    def _iterations_seen(self) -> int:
        return sum(bool(tally.frame) for tally in self._iterations.values())

    def _count_new(self) -> None:
        if not self._new:
            return
        new, self._new = self._new, []
        self._spans += len(new)
        places, nested = self._places, self._filings
        for record in new:
            start_ns, end_ns, call, error_type = record.start_ns, record.end_ns, record.call, record.error_type
            interval = (start_ns, end_ns if end_ns > start_ns else start_ns)
            is_own = not nested or record.run_id == self.run_id
            if call is not None or record.operation == names.OP_TOOL:
                place = (record.phase, record.iteration) if is_own else nested[str(record.run_id)]
                tallies = places.get(place) or self._place(place)
                if call is None:
                    for tally in tallies:
                        tally.add_tool(interval, error_type)
                else:
                    if call.model:
                        self._models.add(call.model)
                    for tally in tallies:
                        tally.add_call(interval, call, error_type)
            elif is_own:
                self._add_frame(record, interval)
            if is_own:
                self._note_start(record)

    def _note_start(self, record: SpanRecord) -> None:
        if self._first_start_ns is None or record.start_ns < self._first_start_ns:
            self._first_start_ns = record.start_ns
        if record.trace_id != self._trace_id:
            self._trace_id = min(filter(None, (record.trace_id, self._trace_id)), default=None)

    def _add_frame(self, record: SpanRecord, interval: Interval) -> None:
        """Take the time of a run, of an agent's work in a phase, or of an iteration."""
        if record.summary is not None:
            # What the root of a nested run carries is the place of the run in the one around it.
            if self._root is None or age(record) < age(self._root):
                self._root = record
        elif record.operation in _AGENT_OPERATIONS:
            if record.phase is not None:
                self._phase(record.phase).add_frame(interval)
        elif record.operation == names.ITERATION_SPAN and record.iteration is not None:
            self._iteration(record.iteration).add_frame(interval)

    def _place(self, place: _Filing) -> tuple[Tally, ...]:
        phase, iteration = place
        tallies = [self._total]
        if phase is not None:
            tallies.append(self._phase(phase))
        if iteration is not None:
            tallies.append(self._iteration(iteration))
        self._places[place] = tuple(tallies)
        return self._places[place]

    def _phase(self, phase: str) -> Tally:
        return self._phases.get(phase) or self._phases.setdefault(phase, Tally())

    def _iteration(self, iteration: int) -> Tally:
        return self._iterations.get(iteration) or self._iterations.setdefault(iteration, Tally())

    def _phase_order(self) -> list[str]:
        return sorted(self._phases, key=lambda phase: (PHASES.index(phase) if phase in PHASES else len(PHASES), phase))

    def _complete(self, summary: RunSummary | None) -> bool | None:
        if summary is None or summary.api_calls is None:
            return None
        said = SelfCounts(
            iterations=summary.iterations,
            api_calls=summary.api_calls,
            tool_calls=summary.tool_calls,
            input_tokens=summary.input_tokens,
            output_tokens=summary.output_tokens,
            cost_usd=summary.cost_usd,
            spans=summary.spans,
        )
        found = self.self_counts()
        if summary.spans is None:
            found = found._replace(spans=None)
        # The root carries the cost as a float, which has fewer digits than a large sum.
        if found.cost_usd is not None:
            found = found._replace(cost_usd=as_cost_usd(float(found.cost_usd)))
        return found == said


def age(record: SpanRecord) -> tuple[int, str, str]:
    """The least of these is that of the oldest span."""
    return record.start_ns, record.span_id, record.trace_id or ""
