"""The selection of goals, from what the command line names."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Final

from benchmarks.formats import quoted
from benchmarks.suite.goals import Goal, Tier
from nanoagent.errors import ConfigurationError

_NAMED: Final = 5
"""Of what there is, in a message; `--list` has all goals."""


def select(goals: Sequence[Goal], *, ids: Sequence[str] = (), tiers: Sequence[str] = ()) -> tuple[Goal, ...]:
    """The goals that have one of the ids and one of the tiers, in their own order; no selector selects all.

    Raises:
        ConfigurationError: An id or a tier is unknown, or nothing is left.
    """
    for id_ in ids:
        _check_known("--goal", id_, [goal.id for goal in goals])
    for tier in tiers:
        _check_known("--tier", tier, [known.value for known in Tier])
    chosen = tuple(goal for goal in goals if (not ids or goal.id in ids) and (not tiers or goal.tier in tiers))
    if not chosen:
        given = [*(f"--goal {id_}" for id_ in ids), *(f"--tier {tier}" for tier in tiers)]
        raise ConfigurationError(
            f"at least one goal must be selected, got none for {' '.join(given) or 'an empty list of goals'}; "
            f"{_near(goals, ids, tiers)}"
        )
    return chosen


def _check_known(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigurationError(
            f"{option} must be a known one, got {quoted(value)}; the nearest are "
            f"{', '.join(nearest(value, known)[:_NAMED])}"
        )


def _near(goals: Sequence[Goal], ids: Sequence[str], tiers: Sequence[str]) -> str:
    """The goals that are nearest to what was asked for: those with the ids, else those of the tiers."""
    asked = [goal for goal in goals if goal.id in ids] or [goal for goal in goals if goal.tier in tiers] or goals
    return f"the nearest are {', '.join(f'{goal.id} ({goal.tier})' for goal in asked[:_NAMED]) or 'none'}"


def nearest(value: str, known: Iterable[str]) -> list[str]:
    """The known names, those that are most like the value first."""
    return sorted(known, key=lambda name: -SequenceMatcher(None, value.casefold(), name.casefold()).ratio())
