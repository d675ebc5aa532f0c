"""Budgets: what a run may use before somebody is told of it, or before it is stopped."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal, NamedTuple, get_args

from nanoagent.core.amounts import positive_integer, positive_number
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import MAX_COST_USD, as_cost_usd
from nanoagent.errors import ConfigurationError

Action = Literal["stop", "warn"]
"""What is done when a run passes a budget: `stop`, it makes no further model call; `warn`, it goes on. Told is both."""
Policy = Callable[[PerformanceMetrics], Action | None]
"""A budget of the caller's own: told a run's numbers so far, it says what is to be done; `None`, nothing."""
Number = int | float | Decimal


class Measure(StrEnum):
    """What of a run has a limit."""

    ITERATIONS = "iterations"
    TOKENS = "tokens"
    COST = "cost"
    TASKS = "tasks"
    TIME = "time"


class Bound(NamedTuple):
    """A number that a run may use of something."""

    measure: Measure
    limit: Number
    action: Action


class Passed(NamedTuple):
    """A budget that a run has passed."""

    budget: str
    """A `Measure`, or the name of a policy."""
    action: Action
    """What was done about it; `warn` also where the run was over anyway."""
    limit: Number | None = None
    """`None` of a policy, as the next one."""
    used: Number | None = None

    @property
    def measure(self) -> Measure | None:
        """`None` of a policy."""
        return None if self.limit is None else Measure(self.budget)

    @property
    def bound(self) -> str:
        """The budget, in words."""
        measure = self.measure
        return f"the policy {self.budget}" if measure is None else f"the budget of {_in_words(measure, self.limit)}"

    def __str__(self) -> str:
        """The budget and what was used of it, in words."""
        measure = self.measure
        return self.bound if measure is None else f"{self.bound}: {_in_words(measure, self.used)} used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may use; `None` is no bound.

    A run's numbers, what nested runs use included, are looked at before each model call, before each iteration and when
    the run ends. A bound is passed by a number that is greater than it, and told of once in a run: in a line of the log
    `nanoagent`, by an event on the run's stream and by one on its root span.

    Example:
        >>> Orchestrator("...", budgets=[Budget(cost_usd=0.50), Budget(tokens=20_000, action="warn")])

    Raises:
        ConfigurationError: No bound is given, one is not a positive number of its kind, or the action is none.
    """

    tokens: int | None = None
    """Input plus output tokens, as far as they are known: calls without them count for nothing."""
    cost_usd: float | Decimal | None = None
    """USD, as far as they are known: calls without a price count for nothing, so a run may have cost more."""
    iterations: int | None = None
    """Iterations, of which the one too many is not begun."""
    duration_s: float | None = None
    """Seconds. The call in flight is not cancelled; that is what `timeout_s` is for."""
    action: Action = "stop"
    """`stop`: no further model call is made, and the run ends as at any limit. `warn`: it goes on."""

    def __post_init__(self) -> None:
        """Refuse what is no budget."""
        for name in ("tokens", "iterations"):
            if getattr(self, name) is not None:
                positive_integer(name, getattr(self, name))
        if self.duration_s is not None:
            positive_number("duration_s", self.duration_s, "seconds")
        if self.cost_usd is not None and not as_cost_usd(self.cost_usd):
            raise ConfigurationError(
                f"cost_usd must be a positive number of USD below {MAX_COST_USD:,}, got {self.cost_usd!r}; "
                "leave it out for none"
            )
        if self.action not in get_args(Action):
            raise ConfigurationError(f"action must be 'stop' or 'warn', got {self.action!r}")
        if not tuple(self.bounds()):
            raise ConfigurationError("a Budget needs a bound: give it tokens, cost_usd, iterations or duration_s")

    def bounds(self) -> Iterator[Bound]:
        """Each bound that it has."""
        cost_usd = as_cost_usd(self.cost_usd)  # of a float the digits that it shows
        given = {
            Measure.TOKENS: self.tokens,
            Measure.COST: cost_usd,
            Measure.ITERATIONS: self.iterations,
            Measure.TIME: self.duration_s,
        }
        return (Bound(measure, limit, self.action) for measure, limit in given.items() if limit is not None)


_UNITS: Final[Mapping[Measure, str]] = {
    Measure.ITERATIONS: "{:,} iterations",
    Measure.TOKENS: "{:,} tokens",
    Measure.COST: "${:,.6g}",
    Measure.TIME: "{:g} s",
}


def _in_words(measure: Measure, number: Number | None) -> str:
    return _UNITS[measure].format(float(number) if isinstance(number, Decimal) else number)


def checked_budgets(budgets: object, *, of_agent: bool = False) -> tuple[Budget | Policy, ...]:
    """The budgets and policies of a run.

    Raises:
        ConfigurationError: They are no sequence, one is neither a `Budget` nor a function to be called, or one is of
            iterations and the run an agent's own, which has none.
    """
    if not isinstance(budgets, Sequence) or isinstance(budgets, str):
        raise ConfigurationError(f"budgets must be a list, got {budgets!r}; put it in brackets")
    for budget in budgets:
        if not isinstance(budget, Budget) and not _can_be_asked(budget):
            raise ConfigurationError(
                f"a budget must be a Budget, or a function that takes the metrics and is not awaited, got {budget!r}"
            )
        if of_agent and isinstance(budget, Budget) and budget.iterations is not None:
            raise ConfigurationError(f"an agent has no iterations: leave them out of {budget!r}")
    return tuple(budgets)


def _can_be_asked(policy: object) -> bool:
    """Whether it is a function, or what is called like one, whose answer is not awaited."""
    return callable(policy) and not any(map(inspect.iscoroutinefunction, (policy, type(policy).__call__)))


def bounds_of(budgets: Iterable[Budget | Policy]) -> Iterator[Bound]:
    """The bounds of those that have any."""
    return (bound for budget in budgets if isinstance(budget, Budget) for bound in budget.bounds())


def lowest(bounds: Iterable[Bound]) -> dict[Measure, Number]:
    """What stops a run first, of each measure."""
    found: dict[Measure, Number] = {}
    for bound in bounds:
        if bound.action == "stop":
            found[bound.measure] = min(bound.limit, found.get(bound.measure, bound.limit))
    return found
