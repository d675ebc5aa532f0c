"""What is benchmarked: anything that can be set to work on a goal, and how a run of it came out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from opentelemetry.trace import TracerProvider

from benchmarks.subjects.unanswered import NoAnswerCause, cause_of
from benchmarks.suite.goals import Goal
from benchmarks.tokens import TokenSource
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.result import RunResult, Status, StopReason
from nanoagent.tracing.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an attempt gives its run."""

    clock: Clock
    """Stamps the run's spans."""
    tracer_provider: TracerProvider | None
    """By default the one that is installed."""
    now: Callable[[], datetime]
    """The clock of the date tools."""
    attempt: int = 1
    """The attempt's number, 1-based."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run came out, in what is judged."""

    output: str
    status: Status
    stop_reason: StopReason | None
    """`None` for an agent: it has none."""
    metrics: PerformanceMetrics
    model_failed: bool = False
    """Whether the model could not be reached or refused to answer."""
    note: str | None = None
    """Why the status is what it is, in a word or two; such as the class of what was raised."""
    error: str | None = None
    """What went wrong, for people, on one line: class and message. It is shown and never kept."""

    @property
    def cause(self) -> NoAnswerCause | None:
        """Why the model gave no answer, where that says nothing of the model."""
        return cause_of(self.metrics.error_type)

    @classmethod
    def of(cls, result: RunResult) -> "Outcome":
        """The outcome of an orchestrator's run."""
        return cls(
            output=result.output,
            status=result.status,
            stop_reason=result.stop_reason,
            metrics=result.metrics,
            model_failed=result.stop_reason is StopReason.MODEL_ERROR,
            error=result.error.splitlines()[0] if result.error else None,
        )


class GoalRun(Protocol):
    """A run of a goal; whatever is wrong with its set-up is raised when it is awaited."""

    async def __call__(self) -> Outcome:
        """Work on the goal to the end, or to its time limit."""

    @property
    def metrics(self) -> PerformanceMetrics:
        """The numbers so far, however far it came."""


class Subject(Protocol):
    """What is benchmarked."""

    @property
    def name(self) -> str:
        """As reports and traces show it."""

    @property
    def token_source(self) -> TokenSource:
        """Where its token counts come from."""

    def run_of(self, goal: Goal, surroundings: Surroundings) -> GoalRun:
        """A run of the goal."""
