"""The facts of a goal: what results keep of it, so that they can be read, judged and compared without its code."""

from dataclasses import dataclass

from benchmarks.suite.goals import Budget, Goal, Tier
from nanoagent.core.result import Status, StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalFacts:
    """A goal as results hold it."""

    id: str
    tier: Tier
    text: str
    stop_reason: StopReason
    """How the run is expected to end."""
    check: str
    """What is checked of the answer, in words."""
    max_iterations: int
    timeout_s: float
    budget: Budget
    tools: tuple[str, ...] = ()
    """Names of the tools beyond the built-in ones."""

    @property
    def status(self) -> Status:
        """The expected status; it follows from the stop reason."""
        return self.stop_reason.status


def facts_of(goal: Goal) -> GoalFacts:
    """What results keep of a goal."""
    return GoalFacts(
        id=goal.id,
        tier=goal.tier,
        text=goal.text,
        stop_reason=goal.stop_reason,
        check=goal.check.name,
        max_iterations=goal.max_iterations,
        timeout_s=goal.timeout_s,
        budget=goal.tier.budget,
        tools=tuple(tool.__name__ for tool in goal.tools),
    )
