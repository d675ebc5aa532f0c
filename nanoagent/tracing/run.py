"""A run as it is traced: its clock, its ids and its fold, carried in the context.

The fold is fed by the run's own spans as they end, so that a run knows its numbers without any SDK.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Tracer, TracerProvider, get_tracer

from nanoagent.core.counting import Fold
from nanoagent.core.performance import IterationCounts, PerformanceMetrics
from nanoagent.core.records import SpanRecord
from nanoagent.tracing import names

_PLACE_KEY = otel_context.create_key("nanoagent.place")


class Clock(Protocol):
    """Whatever tells Unix time in nanoseconds."""

    def now_ns(self) -> int:
        """Unix time in nanoseconds; never less than before."""


class RunClock:
    """Wall time when it was made plus the monotonic time since: a wall clock that is set back does not move it."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._offset_ns = wall_ns() - monotonic_ns()

    def now_ns(self) -> int:
        """Unix time in nanoseconds; never less than before."""
        return self._offset_ns + self._monotonic_ns()


class RunStopped(Exception):  # noqa: N818 - a way to end, not an error
    """Raised by a run's guard to end the run in good order; no span counts it as an error."""


class OpenSpan(Protocol):
    """A span of the run that has not ended."""

    def abandon(self) -> None:
        """End the span, marked as abandoned."""


class Run:
    """What the spans of one run share. Safe to use from several threads."""

    def __init__(
        self,
        *,
        run_id: str | None = None,
        clock: Clock | None = None,
        tracer_provider: TracerProvider | None = None,
        guard: Callable[["Run"], None] | None = None,
    ) -> None:
        """Begin to trace a run.

        Args:
            run_id: By default a random one of 32 hex digits.
            clock: Stamps every span of the run; by default a `RunClock` that starts now.
            tracer_provider: By default the one that the application installed, if any.
            guard: Called before each model call; it raises `RunStopped` where the run may make no more.
        """
        self.id = run_id or uuid4().hex
        self.clock: Clock = clock or RunClock()
        self._started_ns = self.clock.now_ns()
        self.tracer: Tracer = get_tracer(names.SCOPE_NAME, tracer_provider=tracer_provider)
        self.closed = False
        self._guard = guard
        self._fold = Fold(self.id)
        self._open: dict[int, OpenSpan] = {}
        self._model_errors: deque[BaseException] = deque(maxlen=16)
        self._seen_exceptions: deque[BaseException] = deque(maxlen=16)
        self._ids_given = 0
        self._lock = threading.Lock()

    def metrics(self, *, goal: str | None = None) -> PerformanceMetrics:
        """The run's numbers so far."""
        with self._lock:
            return self._fold.metrics(goal=goal, so_far=(self._started_ns, self.clock.now_ns()))

    @property
    def tokens_used(self) -> int:
        """Input plus output tokens so far, as far as they are known."""
        with self._lock:
            return self._fold.tokens_used

    def before_call(self) -> None:
        """A model call of the run is about to be made.

        Raises:
            RunStopped: The run's guard does not allow it.
        """
        if self._guard is not None:
            self._guard(self)

    def model_raised(self, error: BaseException) -> None:
        """A model call of the run ended in this exception."""
        self._model_errors.append(error)

    def is_model_error(self, error: BaseException) -> bool:
        """Whether a model call of the run ended in this exception."""
        return any(seen is error for seen in self._model_errors)

    def iteration_counts(self, number: int) -> IterationCounts:
        """The numbers of one iteration so far."""
        with self._lock:
            return self._fold.iteration(number)

    def opened(self, span: OpenSpan) -> None:
        """A span of the run has started."""
        with self._lock:
            self._open[id(span)] = span

    def ended(self, span: OpenSpan, record: SpanRecord) -> None:
        """A span of the run has ended."""
        with self._lock:
            self._open.pop(id(span), None)
            self._fold.add(record)

    def close(self, root: OpenSpan) -> None:
        """Nothing of the run starts or ends after this but its root: what is still open ends now, as abandoned."""
        with self._lock:
            self.closed = True
            left = [span for span in self._open.values() if span is not root]
        for span in reversed(left):
            span.abandon()
        self._seen_exceptions.clear()
        self._model_errors.clear()

    def first_sight(self, error: BaseException) -> bool:
        """Whether no span of the run has met this exception yet."""
        with self._lock:
            if any(seen is error for seen in self._seen_exceptions):
                return False
            self._seen_exceptions.append(error)
            return True

    def own_span_id(self) -> str:
        """An id, unique in the run, for a span that no SDK gave one."""
        with self._lock:
            self._ids_given += 1
            return f"{self._ids_given:016x}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a run the current code stands; inherited by tasks and by threads that keep the context."""

    run: Run
    span_id: str
    """Of the innermost span of the run, as its record has it."""
    phase: str | None = None
    iteration: int | None = None
    agent: str | None = None


def current_place() -> Place | None:
    """Where the caller stands, or `None` outside of any run and in one that has closed."""
    place = otel_context.get_value(_PLACE_KEY)
    return place if isinstance(place, Place) and not place.run.closed else None


def with_place(place: Place, context: Context) -> Context:
    """A context in which `current_place()` is `place`."""
    return otel_context.set_value(_PLACE_KEY, place, context)
