"""Pairs: each number of each goal, of each tier and of all goals, with its values on both sides."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.comparing.comparability import differences_of_goals, differences_of_times
from benchmarks.comparing.comparison import Word
from benchmarks.formats import listed
from benchmarks.judging.measures import MEASURES, PASS_RATE, Kind, Measure
from benchmarks.judging.outcomes import ending_of, meaning_of
from benchmarks.judging.statistics import measuring
from benchmarks.judging.verdict import VerdictWord
from benchmarks.results.results import Attempt, GoalResults, Results

Values = Mapping[int, float]
"""By the number of the attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A number with its values on both sides."""

    goal_id: str | None
    tier: str | None
    metric: str
    baseline: Values
    current: Values
    word: Word | None = None
    """What it comes to whatever the values are; `None` where they decide."""
    reason: str = ""
    """Why, where the word is given."""

    @property
    def matched(self) -> list[tuple[float, float]]:
        """Each attempt beside the one of the baseline with the same number; over several goals, only their shares.

        Recordings are taken in turn: where the baseline has fewer attempts, it starts anew.
        """
        before, now = self.baseline, self.current
        if self.goal_id is None:
            return [(fmean(before.values()), fmean(now.values()))]
        in_turn = list(before.values())
        return [(before.get(number, in_turn[(number - 1) % len(in_turn)]), value) for number, value in now.items()]


def pairs_of(baseline: Results, current: Results) -> list[Pair]:
    """The pairs of all goals that both have, then of their tiers, then of all."""
    before = {row.goal.id: row for row in baseline.goals}
    times = differences_of_times(baseline.provenance, current.provenance)
    pairs: list[Pair] = []
    for row in current.goals:
        if row.goal.id in before:
            pairs += _of_goal(before[row.goal.id], row, times)
    return [*pairs, *_of_groups(pairs)]


def _of_goal(before: GoalResults, now: GoalResults, times: str) -> Iterator[Pair]:
    facts = differences_of_goals(before.goal, now.goal)
    lack = _unmeasured("this run", now.attempts) or _unmeasured("the baseline", before.attempts)
    scores = [_passed(before), _passed(now)]
    if facts:
        yield _pair(now, PASS_RATE, scores, Word.NOT_COMPARABLE, facts)
    elif lack:
        yield _pair(now, PASS_RATE, scores, Word.INCONCLUSIVE, lack)
    else:
        yield _pair(now, PASS_RATE, scores, *_lack(Kind.SCORE, before, now, scores))
        yield from _of_measures(before, now, times)


def _of_measures(before: GoalResults, now: GoalResults, times: str) -> Iterator[Pair]:
    for measure in MEASURES:
        values = [_values(measure, before), _values(measure, now)]
        if not any(values):
            continue
        word, reason = _lack(measure.kind, before, now, values)
        if measure.kind is Kind.TIME and times:
            word, reason = Word.NOT_COMPARABLE, times
        yield _pair(now, measure.name, values, word, reason)


def _of_groups(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pass rates of tiers and of all goals, of those that say something on both sides; one goal is no group."""
    scores = [pair for pair in pairs if pair.metric == PASS_RATE and pair.word is None]
    tiers = list(dict.fromkeys(pair.tier for pair in scores))
    for tier in tiers:
        yield from _of_group(tier, [pair for pair in scores if pair.tier == tier])
    if len(tiers) > 1:
        yield from _of_group(None, scores)


def _of_group(tier: str | None, scores: Sequence[Pair]) -> Iterator[Pair]:
    """As many attempts at each goal as both sides have: so no goal weighs more on one side than on the other."""
    if len(scores) < 2:
        return
    before: list[float] = []
    now: list[float] = []
    for pair in scores:
        both = min(len(pair.baseline), len(pair.current))
        before += list(pair.baseline.values())[:both]
        now += list(pair.current.values())[:both]
    sides = [dict(enumerate(values, 1)) for values in (before, now)]
    yield Pair(goal_id=None, tier=tier, metric=PASS_RATE, baseline=sides[0], current=sides[1])


def _pair(row: GoalResults, metric: str, values: Sequence[Values], word: Word | None, reason: str) -> Pair:
    before, now = values
    tier = row.goal.tier.value
    return Pair(goal_id=row.goal.id, tier=tier, metric=metric, baseline=before, current=now, word=word, reason=reason)


def _passed(row: GoalResults) -> Values:
    return {
        attempt.number: float(attempt.verdict.word is VerdictWord.PASS)
        for attempt in measuring(Kind.SCORE, row.attempts)
    }


def _values(measure: Measure, row: GoalResults) -> Values:
    values = {attempt.number: measure.of(attempt.metrics) for attempt in measuring(measure.kind, row.attempts)}
    return {number: value for number, value in values.items() if value is not None}


# -- what is lacking ------------------------------------------------------------------------------------------------


def _unmeasured(side: str, attempts: Sequence[Attempt]) -> str:
    """Why nothing at all is known of a side; empty where something is."""
    if any(meaning_of(attempt).measures for attempt in attempts):
        return ""
    return f"{side} says nothing of it: {_endings(attempts)}" if attempts else f"{side} has no attempt at it"


def _lack(kind: Kind, before: GoalResults, now: GoalResults, values: Sequence[Values]) -> tuple[Word | None, str]:
    """What a side lacks for a number to be compared: nothing, where there is no word."""
    sides = (("this run", now.attempts, values[1]), ("the baseline", before.attempts, values[0]))
    for side, attempts, known in sides:
        counted = len(measuring(kind, attempts))
        if not counted:
            word = Word.INCONCLUSIVE if kind is Kind.SCORE else Word.NOT_COMPARABLE
            return word, f"no attempt of {side} says anything of it: {_endings(attempts)}"
        if len(known) < counted:
            return Word.NOT_COMPARABLE, f"{side} does not know it of {counted - len(known)} of {counted} attempts"
    return None, ""


def _endings(attempts: Sequence[Attempt]) -> str:
    counted = Counter(ending_of(attempt).value for attempt in attempts)
    return listed([f"{times} {ending}" for ending, times in counted.items()])
