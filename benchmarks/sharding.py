"""Shards: the attempts of a benchmark, dealt like cards to processes that know nothing of each other.

The plan is every attempt at every goal: goals of the tiers with the largest budgets first, then tier by tier, by the id
of the goal and by the number of the attempt. Shard K of N takes the K-th of it, and every N-th from there on. So each
shard gets its share of the dear goals, of each tier, and, where goals are attempted often, of each goal. Nothing else
is in the plan: no clock, no hash, no machine, and not the order in which goals are written down.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Protocol

from annotated_types import Ge, Le

from benchmarks.formats import quoted
from benchmarks.suite.goals import Tier
from nanoagent.errors import ConfigurationError

MOST_SHARDS: Final = 100_000
_NAME: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_TIERS: Final = sorted(Tier, key=lambda tier: -tier.budget.tokens)
"""The dear ones first."""

Key = tuple[str, int]
"""An attempt: the id of its goal, and its number, 1-based."""


class Dealt(Protocol):
    """A goal, as far as the plan needs to know it."""

    @property
    def id(self) -> str:
        """Its own among the goals."""

    @property
    def tier(self) -> Tier:
        """What kind of work it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of several processes that share the attempts of a benchmark."""

    number: Annotated[int, Ge(1)]
    """1-based."""
    of: Annotated[int, Ge(1), Le(MOST_SHARDS)]
    """How many there are."""

    def __str__(self) -> str:
        """As the command line names it, such as `2/8`."""
        return f"{self.number}/{self.of}"

    @property
    def text(self) -> str:
        """As sentences name it, such as `shard 2 of 8`."""
        return f"shard {self.number:,} of {self.of:,}"

    def share_of(self, plan: Sequence[Key]) -> Sequence[Key]:
        """The attempts that it makes of a plan, in the order of that."""
        return plan[self.number - 1 :: self.of]

    def file_name(self, name: str) -> str:
        """The name of its own file where the whole has `name`, such as `attempts.2-of-8.jsonl`."""
        stem, dot, suffix = name.partition(".")
        return f"{stem}.{self.number}-of-{self.of}{dot}{suffix}"


def shard_named(text: str) -> Shard:
    """The shard that `K/N` names.

    Raises:
        ConfigurationError: It names none.
    """
    found = _NAME.fullmatch(text.strip())
    number, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= of <= MOST_SHARDS:
        raise ConfigurationError(
            f"--shard must be K/N, such as 2/8 for the second of 8, with K from 1 to N and N up to {MOST_SHARDS:,}, "
            f"got {quoted(text)}; leave it out for all attempts"
        )
    return Shard(number=number, of=of)


def keys_of(goals: Iterable[Dealt], repeat: int, shard: Shard | None = None) -> Sequence[Key]:
    """The attempts that a shard makes, in the order of the plan.

    Args:
        goals: All goals of the benchmark, in any order.
        repeat: How often each is attempted.
        shard: `None` for all attempts.
    """
    plan = [(goal.id, number) for goal in sorted(goals, key=_place) for number in range(1, repeat + 1)]
    return plan if shard is None else shard.share_of(plan)


def _place(goal: Dealt) -> tuple[int, str]:
    return _TIERS.index(goal.tier), goal.id
