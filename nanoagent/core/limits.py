"""The limits of a run."""

import sys
from dataclasses import dataclass

from nanoagent.errors import ConfigurationError
from nanoagent.tracing.run import Run, RunStopped


class TokenBudgetSpent(RunStopped):
    """The run has spent its tokens: it may make no further model call."""


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

    def __post_init__(self) -> None:
        """Refuse what is not a limit."""
        _positive_integer("max_iterations", self.max_iterations)
        for name in ("max_tokens", "max_tasks"):
            if getattr(self, name) is not None:
                _positive_integer(name, getattr(self, name))
        if self.timeout_s is not None:
            _positive_number("timeout_s", self.timeout_s)

    def guard(self, run: Run) -> None:
        """Stop the run before a model call that it has no tokens for.

        Raises:
            TokenBudgetSpent: `max_tokens` are spent.
        """
        if self.max_tokens is not None and run.tokens_used >= self.max_tokens:
            raise TokenBudgetSpent(f"{run.tokens_used:,} of {self.max_tokens:,} tokens are spent")


def _positive_integer(name: str, value: object) -> None:
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"{name} must be a positive integer, got {value!r}; leave it out for the default")


def _positive_number(name: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Compared, not converted: an integer may be larger than any float.
    if not number or not 0 < value <= sys.float_info.max:  # type: ignore[operator]
        raise ConfigurationError(f"{name} must be a positive number of seconds, got {value!r}; leave it out for none")
