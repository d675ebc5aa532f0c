"""A run as it is traced: its clock, its ids and its fold, carried in the context.

The fold is fed by the run's own spans as they end, so that a run knows its numbers without any SDK.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import Any, Final, NamedTuple, Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, Tracer, TracerProvider, set_span_in_context
from opentelemetry.util.types import AttributeValue

from nanoagent.content.content import Content, content_of_run
from nanoagent.core.budgets import Passed
from nanoagent.core.counting import Fold, SelfCounts
from nanoagent.core.performance import IterationCounts, PerformanceMetrics
from nanoagent.core.records import NS_PER_S, SpanRecord
from nanoagent.tracing import names
from nanoagent.tracing.clock import Clock, RunClock
from nanoagent.tracing.failures import log_failure
from nanoagent.tracing.tracer import tracer_of
from nanoagent.tracing.turns import Turns

PLACE_KEY: Final = otel_context.create_key("nanoagent.place")
"""Where a context keeps the `Place`."""
(SPAN_KEY,) = set_span_in_context(INVALID_SPAN, Context())
"""Where a context keeps the current span: setting it and the place at once takes half the time."""
_logger = logging.getLogger(__name__)


ENDING_S: Final = 2.0
"""So long, in seconds, the end of a span waits for that of another one of its run."""
MAX_UNCOUNTED: Final = 64
"""Spans that have ended and wait to be counted."""

MAX_REMEMBERED_ERRORS: Final = 16
"""Exceptions that a run knows again when it sees them a second time."""
SpanParts = tuple[str | None, str, str | None, int, int, str, Mapping[str, Any], bool]
"""What `SpanRecord.of` takes, in its order."""


class RunStopped(Exception):  # noqa: N818 - a way to end, not an error
    """Raised in the place of a model call that a run may not make any more: it has passed a budget.

    It ends the run in good order: neither the model nor an agent has failed. A tool that it is raised in has. An
    orchestrator makes a result of it; of an agent the caller gets it.
    """

    def __init__(self, run_id: str, passed: Passed) -> None:
        """Say which run has passed what."""
        super().__init__(run_id, passed)
        self.run_id = run_id
        """The run whose budget it is: that of the call, or one around it."""
        self.passed = passed

    def __str__(self) -> str:
        """The run, its budget and what it has used."""
        return f"run {self.run_id} is stopped at {self.passed}"


def stop_in(error: BaseException) -> RunStopped | None:
    """What stopped a run, if anything did: the exception itself, or one of a group of them.

    Tasks that work side by side raise groups, and so does a fallback model that any exception sends to the next one.
    """
    if isinstance(error, BaseExceptionGroup):
        return next((stopped for one in error.exceptions if (stopped := stop_in(one))), None)
    return error if isinstance(error, RunStopped) else None


class OpenSpan(Protocol):
    """A span of the run that has not ended."""

    def abandon(self) -> None:
        """End the span, marked as abandoned."""

    def event(self, name: str, attributes: Mapping[str, AttributeValue]) -> None:
        """Add an event."""


class Watching(Protocol):
    """What looks at the numbers of a run while it goes on."""

    def look(self, run: "Run", *, iterations: int = 0) -> None:
        """Look before the run goes on; `RunStopped` where it may not.

        `iterations` are those that have begun, where one is about to.
        """

    def last_look(self, run: "Run") -> None:
        """Look once more, when nothing but the run's root is open. Nothing is raised."""


class Run:
    """What the spans of one run share. Safe to use from several threads.

    A run that is nested in another one has the clock and the tracer of that run, and what it uses counts there as well.
    """

    def __init__(
        self,
        *,
        run_id: str | None = None,
        clock: Clock | None = None,
        tracer_provider: TracerProvider | None = None,
        guard: Callable[["Run"], None] | None = None,
        watch: "Watching | None" = None,
        root_operation: str = names.OP_WORKFLOW,
        parent: "Place | None" = None,
        on_complete: Callable[[PerformanceMetrics], object] | None = None,
    ) -> None:
        """Begin to trace a run.

        Args:
            run_id: By default, and where a run around it has this one already, a random one of 32 hex digits.
            clock: Stamps every span of the run; by default a `RunClock` that starts now. A nested run has no other than
                that of the run around it.
            tracer_provider: By default the one that the application installed, if any.
            guard: Called before each model call; it raises `RunStopped` where the run may make no more.
            watch: Looks at the run's numbers while it goes on; likewise.
            root_operation: `invoke_workflow`, or `invoke_agent` for a run without iterations and tasks.
            parent: Where it is nested; `None` for an outermost run.
            on_complete: Called once, with the final numbers, when the run's root has ended; one that raises is logged.
        """
        self.parent = parent
        outer = parent.run if parent else None
        self.id = run_id if run_id and not (outer and outer.is_inside(run_id)) else os.urandom(16).hex()
        self.clock: Clock = outer.clock if outer else clock or RunClock()
        self._started_ns = self.clock.now_ns()
        self.tracer: Tracer = outer.tracer if outer and tracer_provider is None else tracer_of(tracer_provider)
        self.content: Content | None = outer.content if outer else content_of_run()
        """What its spans show of content; `None` where they show none. The environment at the run's start decides."""
        if self.content is not None and tracer_provider is not None:
            self.content = self.content.elsewhere()
        self.first_request: Sequence[Any] = ()
        """The messages of the run's first model call."""
        self.closed = False
        self._broken_off = False
        self.root: OpenSpan | None = None
        self._guard = guard
        self._watch = watch
        self._fold = Fold(self.id, root_operation=root_operation, parent_run_id=outer.id if outer else None)
        self._open: dict[int, OpenSpan] = {}
        # One operation on these is atomic and needs no lock.
        self._ended: deque[SpanParts] = deque()
        self._left: dict[int, OpenSpan] = {}
        """The spans that were open when the run closed."""
        self._root_attributes: dict[str, AttributeValue] | None = None
        self._on_complete = on_complete
        self._model_errors: tuple[BaseException, ...] = ()
        self._seen_exceptions: tuple[BaseException, ...] = ()
        self._own_ids: Iterator[int] = outer._own_ids if outer else count(1)
        self._turns = Turns()
        self.ending = threading.RLock()
        """Held while a span of the run ends: one that ends in another thread is wholly before the root's end or not of
        the run. It is waited for `ENDING_S` at most: whoever holds it waits for locks of processors, and a finalizer
        that ends a span of the run may hold one of those."""
        if parent is not None:
            parent.run.nests(self.id, parent)

    def metrics(self, *, goal: str | None = None) -> PerformanceMetrics:
        """The run's numbers so far, those of the runs that are nested in it included."""
        with self._turns:
            self._count_ended()
            return self._fold.metrics(goal=goal, so_far=(self._started_ns, self.clock.now_ns()))

    def self_counts(self) -> dict[str, AttributeValue]:
        """What the run's root says of the run, as attributes."""
        with self._turns:
            self._count_ended()
            return _as_attributes(self._fold.self_counts())

    def counts_itself_in(self, attributes: dict[str, AttributeValue]) -> None:
        """The run's root ends, and no trace waits for what it says of the run: it is added when somebody asks."""
        self._root_attributes = attributes

    @property
    def tokens_used(self) -> int:
        """Input plus output tokens so far, as far as they are known."""
        with self._turns:
            self._count_ended()
            return self._fold.tokens_used

    @property
    def cost_usd_known(self) -> Decimal:
        """The priced part of the cost so far."""
        with self._turns:
            self._count_ended()
            return self._fold.cost_usd_known

    @property
    def lasted_s(self) -> float:
        """Seconds since the run began."""
        return max(0, self.clock.now_ns() - self._started_ns) / NS_PER_S

    def is_inside(self, run_id: str) -> bool:
        """Whether this run, or one around it, has this id."""
        return self.id == run_id or (self.parent is not None and self.parent.run.is_inside(run_id))

    def before_call(self) -> None:
        """A model call of the run is about to be made.

        Raises:
            RunStopped: The guard or the watch of the run, or of one around it, does not allow it.
        """
        if self._guard is not None:
            self._guard(self)
        if self._watch is not None:
            self._watch.look(self)
        if self.parent is not None:
            self.parent.run.before_call()

    def before_iteration(self, number: int) -> None:
        """An iteration of the run is about to begin.

        Raises:
            RunStopped: The watch of the run does not allow it.
        """
        if self._watch is not None:
            self._watch.look(self, iterations=number)

    def before_end(self) -> None:
        """The run's root is about to end."""
        if self._watch is not None:
            self._watch.last_look(self)

    def model_raised(self, error: BaseException) -> None:
        """A model call of the run ended in this exception."""
        self._model_errors = (*self._model_errors[-MAX_REMEMBERED_ERRORS:], error)

    def is_model_error(self, error: BaseException) -> bool:
        """Whether a model call of the run ended in this exception."""
        return any(seen is error for seen in self._model_errors)

    def iteration_counts(self, number: int) -> IterationCounts:
        """The numbers of one iteration so far."""
        with self._turns:
            self._count_ended()
            return self._fold.iteration(number)

    def opened(self, span: OpenSpan) -> None:
        """A span of the run, or the root of a run nested in it, has started."""
        self._open[id(span)] = span

    def ended(self, span: OpenSpan, parts: SpanParts) -> None:
        """A span of the run has ended: `parts` are what `SpanRecord.of` takes."""
        self._open.pop(id(span), None)
        if self.content is not None:
            self.content.forget(parts[1])
        run: Run | None = self
        while run is not None:
            run._ended.append(parts)
            if len(run._ended) >= MAX_UNCOUNTED:
                run._turns.take(run._count_ended)
            run = run.parent.run if run.parent else None

    def takes(self, span: OpenSpan) -> bool:
        """Whether a span of the closed run was open when it closed."""
        return self._left.get(id(span)) is span

    def forget(self, span: OpenSpan) -> None:
        """A span that was told to the run is none of its own, and has ended."""
        self._open.pop(id(span), None)

    def nests(self, run_id: str, place: "Place") -> None:
        """A run begins at this place of the run."""
        self._turns.take(self._fold.nest, run_id, place.phase, place.iteration)
        if self.parent is not None:
            self.parent.run.nests(run_id, self.parent)

    def add_untracked(self, record: SpanRecord) -> None:
        """A model call that others traced has ended inside the run."""
        if not self.closed:
            self._turns.take(self._fold.add_untracked, record)
        if self.parent is not None:
            self.parent.run.add_untracked(record)

    def complete(self) -> None:
        """The run's root has ended."""
        if self._on_complete is not None:
            try:
                self._on_complete(self.metrics())
            except Exception:
                log_failure(_logger, "a callback failed on the run %s", self.id)

    def break_off(self) -> None:
        """Nobody waits for the run any more: spans that a cancellation now ends are abandoned ones."""
        self._broken_off = True

    @property
    def broken_off(self) -> bool:
        """Whether nobody waits for the run, or for one around it, any more."""
        return self._broken_off or (self.parent is not None and self.parent.run.broken_off)

    def close(self, root: OpenSpan) -> None:
        """Nothing of the run starts or ends after this but its root: what is still open ends now, as abandoned."""
        left = self._open.copy()
        self._left = left
        self.closed = True
        if len(left) > 1:
            for span in reversed(left.values()):
                if span is not root:
                    span.abandon()
        self._seen_exceptions = ()
        self._model_errors = ()

    def first_sight(self, error: BaseException) -> bool:
        """Whether no span of the run has met this exception yet."""
        with self._turns:
            if any(seen is error for seen in self._seen_exceptions):
                return False
            self._seen_exceptions = (*self._seen_exceptions[-MAX_REMEMBERED_ERRORS:], error)
            return True

    def own_span_id(self) -> str:
        """An id, unique in the run and those around it, for a span that no SDK gave one."""
        return f"{next(self._own_ids):016x}"

    def _count_ended(self) -> None:
        """Count the spans that have ended since the numbers were last asked for: together, they take half the time."""
        while self._ended and not self._turns.is_inside:
            parts = self._ended.popleft()
            if parts[6] is self._root_attributes:
                self._root_attributes.update(_as_attributes(self._fold.self_counts()))
            self._fold.add(SpanRecord.of(*parts))


class Place(NamedTuple):
    """Where in a run the current code stands; inherited by tasks and by threads that keep the context."""

    run: Run
    span_id: str
    """Of the innermost span of the run, as its record has it."""
    phase: str | None = None
    iteration: int | None = None
    agent: str | None = None
    trace_id: str | None = None
    """Of that span; `None` when it is not traced."""
    span: Span | None = None
    """That span, as the tracer made it."""


def current_place() -> Place | None:
    """Where the caller stands; see `place_in`."""
    return place_in(otel_context.get_current())


def place_in(context: Context) -> Place | None:
    """Where in a run a context stands, or `None` outside of any run.

    Work that a nested run left behind is work of the run around it, once the nested one has closed.
    """
    found: Any = context.get(PLACE_KEY)
    place: Place | None = found
    while place is not None and place.run.closed:
        place = place.run.parent
    return place


def _as_attributes(counts: SelfCounts) -> dict[str, AttributeValue]:
    given = {
        names.RUN_ITERATIONS: counts.iterations,
        names.RUN_API_CALLS: counts.api_calls,
        names.RUN_TOOL_CALLS: counts.tool_calls,
        names.RUN_INPUT_TOKENS: counts.input_tokens,
        names.RUN_OUTPUT_TOKENS: counts.output_tokens,
        names.RUN_SPANS: counts.spans,
        names.RUN_COST_USD: None if counts.cost_usd is None else float(counts.cost_usd),
    }
    return {key: value for key, value in given.items() if value is not None}
