"""The runner: runs goals, so many at a time, each as one attempt and one trace."""

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import uuid4

from opentelemetry.trace import TracerProvider

from benchmarks.formats import printable
from benchmarks.judging.verdict import harness_error, judge
from benchmarks.results.results import Attempt
from benchmarks.running.attempt_span import AttemptSpan
from benchmarks.subjects.subject import Outcome, Subject, Surroundings
from benchmarks.suite.goals import TODAY, Goal
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.redaction.redactor import redacted_start
from nanoagent.tracing.clock import Clock, RunClock
from nanoagent.tracing.failures import error_type_of

MAX_ANSWER_CHARACTERS = 500
"""An answer is cut to so many characters in the results, after it was redacted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who is told what happens, when it happens."""

    started: Callable[[Goal], object] = lambda goal: None
    ended: Callable[[Goal, Attempt], object] = lambda goal, attempt: None
    raised: Callable[[Goal, BaseException], object] = lambda goal, error: None
    """The harness or the check of an attempt broke; it ends with a verdict all the same."""
    troubled: Callable[[Goal, str], object] = lambda goal, error: None
    """A run ended in an error, which this says."""


class Engine(Protocol):
    """What makes attempts: this process, or others that it asks to."""

    def is_over(self) -> bool:
        """Whether no further attempt should start."""

    async def attempt(self, goal: Goal, number: int, listener: Listener) -> Attempt:
        """Attempt a goal, and judge it; the listener is told what goes wrong in it."""

    def close(self) -> bool:
        """End what this process has asked to make attempts, once its spans are sent; whether all of them arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What all attempts of a benchmark run share that are made in this process: the engine that needs no other."""

    subject: Subject
    id: str = field(default_factory=lambda: uuid4().hex[:12])
    tracer_provider: TracerProvider | None = None
    """By default the one that is installed."""
    make_clock: Callable[[], Clock] = RunClock
    """Makes the clock of each attempt."""
    now: Callable[[], datetime] = lambda: TODAY
    """The clock of the date tools."""
    is_over: Callable[[], bool] = lambda: False
    """Whether no further attempt should start."""
    link: Callable[[str], str] | None = None
    """From a trace id to where one sees the trace; `None` where that is nowhere."""

    async def attempt(self, goal: Goal, number: int, listener: Listener) -> Attempt:
        """Attempt a goal, and judge it. It raises nothing but a cancellation."""
        return await run_attempt(goal, self, number, listener=listener)

    def close(self) -> bool:
        """Nobody else was asked: the spans are this process's own."""
        return True


Work = tuple[Goal, int]
"""A goal, and the number of the attempt, 1-based."""


async def run_goals(work: Iterable[Work], engine: Engine, *, concurrency: int, listener: Listener) -> None:
    """Have these attempts made, so many at a time; the listener is told of each as it ends.

    What is there already when it begins, all that was imported above all, is no garbage: the collector does not look at
    it meanwhile.

    Cancellation stops new attempts, cancels and awaits those that run, and is raised. So is what a listener raises, or
    the engine.
    """
    left = deque(work)

    async def attempt_those_left() -> None:
        while left and not engine.is_over():
            goal, number = left.popleft()
            listener.started(goal)
            listener.ended(goal, await engine.attempt(goal, number, listener))

    gc.freeze()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(left))):
                group.create_task(attempt_those_left())
    except ExceptionGroup as group_error:
        raise group_error.exceptions[0] from group_error
    finally:
        gc.unfreeze()


async def run_attempt(goal: Goal, session: Session, number: int = 1, *, listener: Listener | None = None) -> Attempt:
    """Attempt a goal, and judge it. It raises nothing but a cancellation."""
    clock = session.make_clock()
    span = AttemptSpan(
        goal,
        number,
        session_id=session.id,
        model=session.subject.name,
        clock=clock,
        tracer_provider=session.tracer_provider,
    )
    listener = listener or Listener()
    with span:
        surroundings = Surroundings(
            clock=clock, tracer_provider=session.tracer_provider, now=session.now, attempt=number
        )
        run = session.subject.run_of(goal, surroundings)
        try:
            outcome = await run()
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            attempt = _broken(goal, number, span.trace_id, session, error, run.metrics)
            span.fail(error_type_of(error))
            listener.raised(goal, error)
        else:
            attempt = _judged(goal, number, span.trace_id, session, outcome)
            _tell(goal, outcome, attempt, listener)
        span.conclude(attempt)
    return attempt


def _is_cancelled() -> bool:
    """Whether somebody has cancelled the attempt; a cancellation that its agent raises of itself is an error of it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _tell(goal: Goal, outcome: Outcome, attempt: Attempt, listener: Listener) -> None:
    if outcome.error is not None:
        listener.troubled(goal, outcome.error)
    if attempt.verdict.raised is not None:
        listener.raised(goal, attempt.verdict.raised)


def _judged(goal: Goal, number: int, trace_id: str | None, session: Session, outcome: Outcome) -> Attempt:
    return Attempt(
        goal_id=goal.id,
        number=number,
        verdict=judge(goal, outcome),
        metrics=outcome.metrics,
        trace_id=trace_id,
        trace_url=_link(session, trace_id),
        answer=_seen(printable(outcome.output)),
    )


def _broken(
    goal: Goal, number: int, trace_id: str | None, session: Session, error: BaseException, metrics: PerformanceMetrics
) -> Attempt:
    return Attempt(
        goal_id=goal.id,
        number=number,
        verdict=harness_error(),
        metrics=metrics,
        trace_id=trace_id,
        trace_url=_link(session, trace_id),
        error_type=error_type_of(error),
    )


def _link(session: Session, trace_id: str | None) -> str | None:
    return session.link(trace_id) if session.link and trace_id else None


def _seen(answer: str) -> str:
    """The answer as it may be kept: redacted before it is shortened."""
    if len(answer) <= MAX_ANSWER_CHARACTERS:
        return redacted_start(answer, MAX_ANSWER_CHARACTERS)
    start = redacted_start(answer, MAX_ANSWER_CHARACTERS + 1)[:MAX_ANSWER_CHARACTERS]
    return f"{start} [shortened: {MAX_ANSWER_CHARACTERS} of {len(answer):,} characters shown]"
