"""How attempts are dealt to shards: each to one of them, alike everywhere, and evenly."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sharding import MOST_SHARDS, Key, Shard, keys_of, shard_named
from benchmarks.suite.facts import GoalFacts
from benchmarks.suite.goals import GOALS, Tier
from nanoagent.errors import ConfigurationError
from tests.benchmarks.results_made import facts


def goals_of(*tiers: Tier) -> list[GoalFacts]:
    return [facts(f"goal-{number}", tier=tier) for number, tier in enumerate(tiers)]


def test_a_shard_is_named_by_its_number_and_how_many_there_are() -> None:
    assert shard_named(" 2/8 ") == Shard(number=2, of=8)
    for named in ("1/1", "2/8", "8/8", f"1/{MOST_SHARDS}"):
        assert str(shard_named(named)) == named
    assert shard_named("2/8").file_name("attempts.jsonl") == "attempts.2-of-8.jsonl"


@pytest.mark.parametrize(
    "named", ["0/4", "5/4", "a/b", "", "2", "2/", "/2", "1/0", "-1/4", "1.0/2", "1/2/3", "²/4", "1/100001", "1/9999999"]
)
def test_what_names_no_shard_is_refused(named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        shard_named(named)
    assert str(refused.value) == (
        f"--shard must be K/N, such as 2/8 for the second of 8, with K from 1 to N and N up to {MOST_SHARDS:,}, got "
        f"{named!r}; leave it out for all attempts"
    )


def test_the_plan_has_dear_tiers_first_then_tiers_ids_and_numbers() -> None:
    goals = goals_of(Tier.SIMPLE, Tier.ITERATIVE, Tier.MEDIUM, Tier.COMPLEX, Tier.COMPLEX)
    assert keys_of(reversed(goals), 2) == [
        ("goal-3", 1),
        ("goal-3", 2),
        ("goal-4", 1),
        ("goal-4", 2),
        ("goal-1", 1),
        ("goal-1", 2),
        ("goal-0", 1),
        ("goal-0", 2),
        ("goal-2", 1),
        ("goal-2", 2),
    ]
    assert keys_of(goals, 2, Shard(number=2, of=3)) == [("goal-3", 2), ("goal-1", 1), ("goal-0", 2)]


@given(
    tiers=st.lists(st.sampled_from(Tier), min_size=1, max_size=8),
    repeat=st.integers(1, 5),
    of=st.integers(1, 50),
    order=st.randoms(use_true_random=False),
)
def test_every_attempt_is_dealt_once_and_evenly_whatever_the_order_of_the_goals(
    tiers: list[Tier], repeat: int, of: int, order: random.Random
) -> None:
    goals = goals_of(*tiers)
    shuffled = [*goals]
    order.shuffle(shuffled)
    shards = [keys_of(shuffled, repeat, Shard(number=number, of=of)) for number in range(1, of + 1)]
    assert sorted(key for keys in shards for key in keys) == sorted(keys_of(goals, repeat))
    for counted in [[len(keys) for keys in shards], *(_of_tier(shards, goals, tier) for tier in set(tiers))]:
        assert max(counted) - min(counted) <= 1


def _of_tier(shards: Sequence[Sequence[Key]], goals: list[GoalFacts], tier: Tier) -> list[int]:
    ids = {goal.id for goal in goals if goal.tier is tier}
    return [sum(goal_id in ids for goal_id, _ in keys) for keys in shards]


def test_goals_that_are_attempted_often_are_spread_over_all_shards() -> None:
    for number in range(1, 9):
        counted = Counter(goal_id for goal_id, _ in keys_of(GOALS, 16, Shard(number=number, of=8)))
        assert counted == {goal.id: 2 for goal in GOALS}
