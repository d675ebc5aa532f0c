"""How a run ended, and what its output is then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_ai import DeferredToolRequests
from pydantic_ai.messages import ToolCallPart

from nanoagent.core.budgets import Measure
from nanoagent.core.limits import Limits
from nanoagent.core.result import StopReason
from nanoagent.models.schemas import Task
from nanoagent.tracing.run import Run, RunStopped

_NOTICES: Final = {
    StopReason.MAX_ITERATIONS: "Stopped at the limit of {limits.max_iterations} iterations.",
    StopReason.TIME_BUDGET: "Stopped at the time limit of {limits.timeout_s:g} s.",
    StopReason.TASK_BUDGET: "Stopped at the limit of {limits.max_tasks} tasks.",
    StopReason.NO_PROGRESS: "Stopped without reaching the goal: nothing is left to do.",
    StopReason.PLANNING_FAILED: "Stopped: no plan could be made.",
    StopReason.MODEL_ERROR: "Stopped: the model could not be reached or refused to answer.",
    StopReason.ERROR: "Stopped by an error.",
    StopReason.CANCELLED: "Cancelled.",
}
_REASONS: Final[Mapping[Measure | None, StopReason]] = {
    Measure.ITERATIONS: StopReason.MAX_ITERATIONS,
    Measure.TOKENS: StopReason.TOKEN_BUDGET,
    Measure.COST: StopReason.COST_BUDGET,
    Measure.TIME: StopReason.TIME_BUDGET,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    stop_reason: StopReason
    output: str | None = None
    """`None` where the output is the results so far."""
    notice: str | None = None
    """Stands above them; `None` where the stop reason says it all."""
    gaps: Sequence[str] = ()
    error: Exception | None = None
    deferred: DeferredToolRequests | None = None
    """The tool calls that somebody else has to approve or to make."""

    def output_of(self, limits: Limits, results: Sequence[Task]) -> str:
        """The answer, or the work so far under a one-line notice: nothing that was done is thrown away."""
        return self.output if self.output is not None else self._so_far(limits, results)

    def _so_far(self, limits: Limits, results: Sequence[Task]) -> str:
        lines = [self.notice or _NOTICES[self.stop_reason].format(limits=limits)]
        lines += [f"- missing: {gap}" for gap in self.gaps]
        shown = [f"- {task.description}: {task.result}" for task in results if task.result]
        return "\n".join([*lines, "Results so far:", *shown] if shown else lines)


def stopped_by(stopped: RunStopped, run: Run) -> Ending:
    """The end of a run that has passed a budget: its own, or that of a run around it."""
    bound = stopped.passed.bound if stopped.run_id == run.id else "the budget of the run around it"
    return Ending(_REASONS.get(stopped.passed.measure, StopReason.POLICY), notice=f"Stopped at {bound}.")


def asked_for(requests: DeferredToolRequests) -> Ending:
    """The end of a run whose tools need someone: the output says what they ask for."""
    lines = [f"Approval is needed: {_shown(call)}" for call in requests.approvals]
    lines += [f"A result is needed from outside: {_shown(call)}" for call in requests.calls]
    return Ending(StopReason.NEEDS_CLARIFICATION, output="\n".join(lines), deferred=requests)


def _shown(call: ToolCallPart) -> str:
    arguments = call.args_as_dict(raise_if_invalid=False)
    return f"{call.tool_name}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
