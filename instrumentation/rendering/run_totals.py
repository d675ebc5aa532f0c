"""Totals: the numbers of many runs added up. A run that is nested in another one is in that one's numbers."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import MONEY

MAX_REMEMBERED: Final = 100_000
"""Ids of runs that are remembered, so that what is nested in one of them is known."""
MAX_WAITING: Final = 10_000
"""Nested runs that wait for the one around them; beyond, the first of them counts as outermost."""


_SUMMED: Final = (
    "api_calls",
    "failed_api_calls",
    "cancelled_api_calls",
    "unmeasured_api_calls",
    "unpriced_api_calls",
    "input_tokens",
    "output_tokens",
    "tool_calls",
    "failed_tool_calls",
    "llm_ns",
    "tool_ns",
    "other_ns",
    "parallel_ns",
    "untracked_api_calls",
    "untracked_tokens",
    "remote_usage",
)


class RunTotals:
    """Sums over runs as they come, in memory that does not grow with their number."""

    def __init__(self) -> None:
        """Start at 0."""
        self.runs = 0
        """All of them."""
        self.nested = 0
        """Those that are in the numbers of another one, and so not added."""
        self.incomplete = 0
        """Those that are not complete."""
        self._sums: Counter[str] = Counter()
        self._cost_usd_known = Decimal(0)
        self._unknown: set[str] = {"input_tokens", "output_tokens"}
        """Sums of which no part is known."""
        self._known: set[int] = set()
        self._older: set[int] = set()
        self._waiting: dict[str | None, list[PerformanceMetrics]] = {}
        self._waiting_number = 0

    def metrics(self) -> PerformanceMetrics:
        """The sums as the numbers of one run that lasted as long as all of them together."""
        sums: dict[str, Any] = {name: self._sums[name] for name in _SUMMED}
        if sums["api_calls"]:
            sums |= dict.fromkeys(self._unknown)
        answered = sums["api_calls"] - sums["failed_api_calls"] - sums["cancelled_api_calls"]
        is_priced = answered > 0 and not sums["unpriced_api_calls"]
        cost_usd = self._cost_usd_known if is_priced else None
        return PerformanceMetrics(**sums, cost_usd=cost_usd, cost_usd_known=self._cost_usd_known)

    def add(self, run: PerformanceMetrics) -> None:
        """Add a run; a nested one when it turns out that the run around it is not there."""
        self.runs += 1
        self.incomplete += run.complete is False
        self._remember(run.run_id)
        self._nest(self._waiting.pop(run.run_id, ()))
        if run.parent_run_id is None:
            self._count(run)
        elif self._knows(run.parent_run_id):
            self.nested += 1
        else:
            self._waiting.setdefault(run.parent_run_id, []).append(run)
            self._waiting_number += 1
            if self._waiting_number > MAX_WAITING:
                self._give_up(next(iter(self._waiting)))

    def end(self) -> None:
        """There are no more runs: nested ones whose outer run did not come count as outermost."""
        for parent in list(self._waiting):
            self._give_up(parent)

    def _nest(self, runs: Sequence[PerformanceMetrics]) -> None:
        self.nested += len(runs)
        self._waiting_number -= len(runs)

    def _give_up(self, parent: str | None) -> None:
        runs = self._waiting.pop(parent)
        self._waiting_number -= len(runs)
        for run in runs:
            self._count(run)

    def _count(self, run: PerformanceMetrics) -> None:
        for name in _SUMMED:
            value = getattr(run, name)
            if value is not None:
                self._sums[name] += value
                if run.api_calls:
                    self._unknown.discard(name)
        self._cost_usd_known = MONEY.add(self._cost_usd_known, run.cost_usd_known)

    def _remember(self, run_id: str | None) -> None:
        self._known.add(hash(run_id))
        if len(self._known) >= MAX_REMEMBERED // 2:
            self._older, self._known = self._known, set()

    def _knows(self, run_id: str) -> bool:
        return hash(run_id) in self._known or hash(run_id) in self._older
