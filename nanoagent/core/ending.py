"""How a run ended, and what its output is then."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_ai import DeferredToolRequests
from pydantic_ai.messages import ToolCallPart

from nanoagent.core.limits import Limits
from nanoagent.core.result import StopReason
from nanoagent.models.schemas import Task

_NOTICES: Final = {
    StopReason.MAX_ITERATIONS: "Stopped at the limit of {limits.max_iterations} iterations.",
    StopReason.TOKEN_BUDGET: "Stopped at the budget of {token_budget}.",
    StopReason.TIME_BUDGET: "Stopped at the time limit of {limits.timeout_s:g} s.",
    StopReason.TASK_BUDGET: "Stopped at the limit of {limits.max_tasks} tasks.",
    StopReason.NO_PROGRESS: "Stopped without reaching the goal: nothing is left to do.",
    StopReason.PLANNING_FAILED: "Stopped: no plan could be made.",
    StopReason.MODEL_ERROR: "Stopped: the model could not be reached or refused to answer.",
    StopReason.ERROR: "Stopped by an error.",
    StopReason.CANCELLED: "Cancelled.",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    stop_reason: StopReason
    output: str | None = None
    """`None` where the output is the results so far."""
    gaps: Sequence[str] = ()
    error: Exception | None = None
    deferred: DeferredToolRequests | None = None
    """The tool calls that somebody else has to approve or to make."""

    def output_of(self, limits: Limits, results: Sequence[Task]) -> str:
        """The answer, or the work so far under a one-line notice: nothing that was done is thrown away."""
        return self.output if self.output is not None else self._so_far(limits, results)

    def _so_far(self, limits: Limits, results: Sequence[Task]) -> str:
        # A run that is nested in another one stops at that one's budget, too.
        token_budget = "the run around it" if limits.max_tokens is None else f"{limits.max_tokens:,} tokens"
        lines = [_NOTICES[self.stop_reason].format(limits=limits, token_budget=token_budget)]
        lines += [f"- missing: {gap}" for gap in self.gaps]
        shown = [f"- {task.description}: {task.result}" for task in results if task.result]
        return "\n".join([*lines, "Results so far:", *shown] if shown else lines)


def asked_for(requests: DeferredToolRequests) -> Ending:
    """The end of a run whose tools need someone: the output says what they ask for."""
    lines = [f"Approval is needed: {_shown(call)}" for call in requests.approvals]
    lines += [f"A result is needed from outside: {_shown(call)}" for call in requests.calls]
    return Ending(StopReason.NEEDS_CLARIFICATION, output="\n".join(lines), deferred=requests)


def _shown(call: ToolCallPart) -> str:
    arguments = call.args_as_dict(raise_if_invalid=False)
    return f"{call.tool_name}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
