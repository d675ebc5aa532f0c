"""The limits of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

from nanoagent.core.amounts import positive_integer, positive_number
from nanoagent.core.budgets import Bound, Budget, Measure, Number, Passed, Policy, bounds_of, lowest
from nanoagent.tracing.run import Run, RunStopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may use. `None` is no limit.

    Raises:
        ConfigurationError: A limit is not a positive number of its kind.
    """

    max_iterations: int = 10
    """Iterations, each of which executes one task."""
    max_tokens: int | None = None
    """Input plus output tokens of everything the run does; checked before each model call, so it is passed by at most
    one call."""
    max_tasks: int | None = None
    """Tasks that may be created; further ones are refused."""
    timeout_s: float | None = None
    """Seconds that the run may take; the call in flight is cancelled."""
    budgets: Sequence[Budget | Policy] = ()
    """Further bounds, of which somebody is told."""

    def __post_init__(self) -> None:
        """Refuse what is not a limit."""
        positive_integer("max_iterations", self.max_iterations)
        for name in ("max_tokens", "max_tasks"):
            if getattr(self, name) is not None:
                positive_integer(name, getattr(self, name))
        if self.timeout_s is not None:
            positive_number("timeout_s", self.timeout_s, "seconds")

    @property
    def in_force(self) -> dict[Measure, Number]:
        """What stops the run first: these limits, or a budget that is lower."""
        given = {
            Measure.ITERATIONS: self.max_iterations,
            Measure.TOKENS: self.max_tokens,
            Measure.TASKS: self.max_tasks,
            Measure.TIME: self.timeout_s,
        }
        own = [Bound(measure, limit, "stop") for measure, limit in given.items() if limit is not None]
        return lowest([*own, *bounds_of(self.budgets)])

    def guard(self, run: Run) -> None:
        """Stop the run before a model call that it has no tokens for.

        Raises:
            RunStopped: `max_tokens` are spent.
        """
        if self.max_tokens is not None and run.tokens_used >= self.max_tokens:
            raise RunStopped(run.id, Passed(Measure.TOKENS, "stop", self.max_tokens, run.tokens_used))
