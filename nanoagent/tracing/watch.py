"""The watch over a run: tells of the budgets that it passes while it runs, and stops it where they say so."""

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, get_args

from opentelemetry.util.types import AttributeValue

from nanoagent.content.shown import shown_name
from nanoagent.core.budgets import Action, Budget, Measure, Number, Passed, Policy, bounds_of
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import MAX_COUNT
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names
from nanoagent.tracing.failures import log_failure
from nanoagent.tracing.run import Run, RunStopped

_logger = logging.getLogger(names.SCOPE_NAME)

LIMIT_KEYS: Final = {
    Measure.ITERATIONS: names.MAX_ITERATIONS,
    Measure.TOKENS: names.MAX_TOKENS,
    Measure.COST: names.MAX_COST_USD,
    Measure.TASKS: names.MAX_TASKS,
    Measure.TIME: names.TIMEOUT_S,
}
"""Where a run's root says what the limit of each measure is."""
_DOUBLES: Final = (Measure.COST, Measure.TIME)


class Watch:
    """Looks at a run's live numbers. Safe to use from several threads, as the calls of one run are."""

    def __init__(
        self,
        budgets: Sequence[Budget | Policy],
        *,
        metrics: Callable[[Run], PerformanceMetrics] = Run.metrics,
        on_passed: Callable[[Passed], object] | None = None,
    ) -> None:
        """Begin to watch one run.

        Args:
            budgets: See `checked_budgets`.
            metrics: What policies are told.
            on_passed: Called at once with each budget that the run passes, in the thread that found out.
        """
        self._bounds = tuple(bounds_of(budgets))
        self._policies = tuple(budget for budget in budgets if not isinstance(budget, Budget))
        self._metrics = metrics
        self._on_passed = on_passed
        self._told: dict[Hashable, Passed] = {}
        self._stopped: Passed | None = None

    def look(self, run: Run, *, iterations: int = 0) -> None:
        """Look before the run goes on.

        Args:
            run: What is watched.
            iterations: Those that have begun, where one is about to: between calls their number stays the same.

        Raises:
            RunStopped: The run may not go on.
        """
        for key, passed in self._passed(run, iterations):
            if passed.action == "stop":
                self._stopped = self._stopped or passed
            self._tell(run, key, passed)
        if self._stopped is not None:
            raise RunStopped(run.id, self._stopped)

    def last_look(self, run: Run) -> None:
        """Look once more when the run is over: nothing is left to be stopped, and nothing is raised."""
        try:
            for key, passed in self._passed(run):
                self._tell(run, key, passed._replace(action="warn"))
        except Exception:
            log_failure(_logger, "a policy failed at the end of the run %s", run.id)

    def _passed(self, run: Run, iterations: int = 0) -> Iterator[tuple[Hashable, Passed]]:
        """What the run has passed so far, each with what it is known by."""
        for bound in self._bounds:
            used = iterations if bound.measure is Measure.ITERATIONS else _used(run, bound.measure)
            if used > bound.limit:
                if bound.measure is Measure.ITERATIONS and bound.action == "stop":
                    used -= 1  # the one that was about to begin will not
                yield bound, Passed(bound.measure, bound.action, bound.limit, used)
        if not self._policies:
            return
        metrics = self._metrics(run)
        for number, policy in enumerate(self._policies):
            action = _asked(policy, metrics)
            if action is not None:
                yield (number, action), Passed(_name_of(policy), action)

    def _tell(self, run: Run, key: Hashable, passed: Passed) -> None:
        """Tell of it once, whichever thread comes first."""
        if self._told.setdefault(key, passed) is not passed:
            return
        _logger.warning("run %s has passed %s%s", run.id, passed, "; it stops" if passed.action == "stop" else "")
        if run.root is not None:
            run.root.event(names.BUDGET_EVENT, _attributes(passed))
        if self._on_passed is not None:
            self._on_passed(passed)


def limits_in_force(limits: Mapping[Measure, Number]) -> dict[str, AttributeValue]:
    """What a run's root says of the run's limits; one that is larger than an attribute can be limits nothing."""
    return {
        LIMIT_KEYS[measure]: float(limit) if measure in _DOUBLES else int(limit)
        for measure, limit in limits.items()
        if measure in _DOUBLES or limit < MAX_COUNT
    }


def _used(run: Run, measure: Measure) -> Number:
    if measure is Measure.TOKENS:
        return run.tokens_used
    return run.cost_usd_known if measure is Measure.COST else run.lasted_s


def _asked(policy: Policy, metrics: PerformanceMetrics) -> Action | None:
    action = policy(metrics)
    if action is not None and action not in get_args(Action):
        raise ConfigurationError(f"a policy must return 'stop', 'warn' or None, got {action!r} of {_name_of(policy)}")
    return action


def _name_of(policy: Policy) -> str:
    while isinstance(policy, partial):
        policy = policy.func
    return shown_name(getattr(policy, "__name__", type(policy).__name__))


def _attributes(passed: Passed) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {names.BUDGET: str(passed.budget), names.ACTION: passed.action}
    if passed.limit is not None and passed.used is not None:
        attributes |= {names.BUDGET_LIMIT: float(passed.limit), names.BUDGET_USED: float(passed.used)}
    return attributes
