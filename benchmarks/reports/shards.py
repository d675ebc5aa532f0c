"""The shards that results were put together from: which they are, and what is missing of them."""

from collections.abc import Iterator
from typing import Final

from benchmarks.reports.naming import named
from benchmarks.results.results import Provenance, Results
from benchmarks.sharding import Shard
from nanoagent.texts import plural

MOST_NAMED: Final = 10
"""Shards in one sentence, and lines of what is missing; results.json names all."""


def shards_of(source: Provenance) -> list[Shard]:
    """The shards that results were put together from, in order."""
    return sorted({part.shard for part in source.parts if part.shard}, key=lambda shard: shard.number)


def shards_text(source: Provenance) -> str | None:
    """The shards with the sessions of their traces; `None` where there are none."""
    sessions = [f"{part.shard} {part.session_id}" for part in source.parts if part.shard]
    return named(sessions, MOST_NAMED) if sessions else None


def lacking(results: Results) -> list[str]:
    """What is missing of the shards, a sentence each; empty where nothing is."""
    found = list(_lacking(results))
    rest = len(found) - MOST_NAMED
    return found if rest <= 0 else [*found[:MOST_NAMED], f"And {plural(rest, 'more shard')}."]


def _lacking(results: Results) -> Iterator[str]:
    source = results.provenance
    there = shards_of(source)
    if not there:
        return
    plan, made, without_end = results.planned, results.made, source.open_shards
    for number in range(1, there[0].of + 1):
        shard = Shard(number=number, of=there[0].of)
        dealt = shard.share_of(plan)
        left = sum(key not in made for key in dealt)
        if shard in without_end:
            yield f"{shard.text.capitalize()} came to no end: {_counted(len(dealt) - left, len(dealt))} there."
        elif left:
            yield f"{shard.text.capitalize()} is missing: {_counted(left, len(dealt))} not there."


def _counted(some: int, every: int) -> str:
    return f"{some:,} of {plural(every, 'attempt')} {'is' if some == 1 else 'are'}"
