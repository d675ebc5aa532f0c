"""The result of a run: its output, how it ended and its numbers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from nanoagent.core.performance import PerformanceMetrics

if TYPE_CHECKING:
    from pydantic_ai import DeferredToolRequests


class Status(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StopReason(StrEnum):
    """Why a run stopped."""

    GOAL_REACHED = "goal_reached"
    MAX_ITERATIONS = "max_iterations"
    TOKEN_BUDGET = "token_budget"  # noqa: S105 - tokens of a model
    COST_BUDGET = "cost_budget"
    TIME_BUDGET = "time_budget"
    TASK_BUDGET = "task_budget"
    POLICY = "policy"
    NEEDS_CLARIFICATION = "needs_clarification"
    NO_PROGRESS = "no_progress"
    PLANNING_FAILED = "planning_failed"
    MODEL_ERROR = "model_error"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def status(self) -> Status:
        """The status of a run that stopped for this reason."""
        return _STATUS.get(self, Status.INCOMPLETE)


_STATUS: Final = {
    StopReason.GOAL_REACHED: Status.COMPLETED,
    StopReason.PLANNING_FAILED: Status.FAILED,
    StopReason.MODEL_ERROR: Status.FAILED,
    StopReason.ERROR: Status.FAILED,
    StopReason.CANCELLED: Status.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What `Orchestrator.run` returns."""

    output: str
    """The answer; the questions of a run that needs clarification; else the results so far under a one-line notice."""
    status: Status
    stop_reason: StopReason
    metrics: PerformanceMetrics
    deferred: "DeferredToolRequests | None" = None
    """The tool calls that somebody has to approve or to make, where the run ended for them; `None` otherwise."""
    error: str | None = None
    """What went wrong, for people: class and message. `None` where nothing did."""
