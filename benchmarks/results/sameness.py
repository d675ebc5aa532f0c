"""What makes two files of attempts pieces of one benchmark: the same goals, on the same, by the same code."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from benchmarks.results.results import Provenance, goal_to_dict
from benchmarks.suite.facts import GoalFacts

_SAME: Final = ("model", "tools", "agent", "token_source", "concurrency", "engine", "commit", "changes")
"""Of the provenance: what must be the same whatever is put together."""
OF_SHARDS: Final = ("repeat", "settings")
"""What must be the same in all shards, too: it decides which attempts each of them makes."""


class Difference(NamedTuple):
    """Something that differs."""

    what: str
    was: str
    is_now: str


def differences(
    before: Provenance,
    goals_before: Sequence[GoalFacts],
    now: Provenance,
    goals_now: Sequence[GoalFacts],
    *,
    more: Sequence[str] = (),
) -> Iterator[Difference]:
    """What keeps two from being pieces of one benchmark.

    Args:
        before: The provenance of one.
        goals_before: What it attempts.
        now: The provenance of the other.
        goals_now: What that attempts.
        more: Facts of the provenance that must be the same beyond the usual ones.
    """
    for name in (*_SAME, *more):
        yield from _difference(f"the {_words(name)}", getattr(before, name), getattr(now, name))
    for name in sorted({*before.packages, *now.packages}):
        yield from _difference(f"the version of {name}", before.packages.get(name), now.packages.get(name))
    ids_before, ids_now = ([goal.id for goal in goals] for goals in (goals_before, goals_now))
    if ids_before != ids_now:
        yield Difference("the goals", ", ".join(ids_before), ", ".join(ids_now))
        return
    for was, is_now in zip(map(goal_to_dict, goals_before), map(goal_to_dict, goals_now), strict=True):
        for key in is_now:
            yield from _difference(f"the {_words(key)} of {is_now['id']}", was[key], is_now[key])


def _difference(what: str, was: Any, is_now: Any) -> Iterator[Difference]:
    if was != is_now:
        yield Difference(what, str(was), str(is_now))


def _words(name: str) -> str:
    return name.replace("_", " ")
