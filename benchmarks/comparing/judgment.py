"""From pairs of values to rows with a word.

What is deterministic has no tolerance and needs no test: any difference counts.

Where chance has a part, a difference has to exceed the threshold, and the test's p-value, corrected for all
comparisons, decides: up to the significance there is a difference, up to the suspicion nothing can be said, and beyond
it there is no more than chance gives. Nor can anything be said where there are fewer attempts than any test could
decide on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from benchmarks.comparing.comparison import Row, Side, Threshold, Word
from benchmarks.comparing.pairs import Pair, Values
from benchmarks.comparing.significance import can_decide, holm, p_of_numbers, p_of_rates, repeats_needed
from benchmarks.comparing.thresholds import Thresholds
from benchmarks.judging.measures import PASS_RATE, is_time
from nanoagent.texts import plural


def rows_of(pairs: Sequence[Pair], thresholds: Thresholds, *, deterministic: bool) -> list[Row]:
    """A row for each pair, in the same order.

    Args:
        pairs: All that are compared: the correction is for as many as chance has a part in.
        thresholds: What a difference must exceed.
        deterministic: Whether chance has a part in times only.
    """
    tested = [
        place for place, pair in enumerate(pairs) if pair.word is None and (is_time(pair.metric) or not deterministic)
    ]
    by_place = dict(zip(tested, _tested([pairs[place] for place in tested], thresholds), strict=True))
    return [by_place.get(place) or _exact(pair) for place, pair in enumerate(pairs)]


# -- what is deterministic ------------------------------------------------------------------------------------------


def _exact(pair: Pair) -> Row:
    if pair.word is not None:
        return _row(pair, pair.word, pair.reason)
    matched = pair.matched
    # Beside fewer attempts than the baseline has, only those of it count that were made again.
    row = _row(pair, *_difference(pair, matched))
    return replace(row, baseline=replace(row.baseline, value=fmean(before for before, _ in matched)))


def _difference(pair: Pair, matched: Sequence[tuple[float, float]]) -> tuple[Word, str]:
    more, fewer = any(now > before for before, now in matched), any(now < before for before, now in matched)
    if more and fewer:
        ranges = f"{_range(pair.current)} now, and {_range(pair.baseline)} before"
        return Word.INCONCLUSIVE, f"some attempts are above the baseline's and others below: {ranges}"
    if not more and not fewer:
        return Word.SAME, "no difference"
    return _direction(pair, more=more), "any difference counts: nothing is left to chance"


def _range(values: Values) -> str:
    least, greatest = min(values.values()), max(values.values())
    return f"{least:,.4g}" if least == greatest else f"{least:,.4g} to {greatest:,.4g}"


def _direction(pair: Pair, *, more: bool) -> Word:
    return Word.BETTER if more == (pair.metric == PASS_RATE) else Word.WORSE


# -- where chance has a part ----------------------------------------------------------------------------------------


def _tested(pairs: Sequence[Pair], thresholds: Thresholds) -> Iterable[Row]:
    """One row each; those that no test is made of count for the correction all the same."""
    limits = [thresholds.of(pair.metric, tier=pair.tier, goal_id=pair.goal_id) for pair in pairs]
    found = [_p(pair, limit, thresholds, len(pairs)) for pair, limit in zip(pairs, limits, strict=True)]
    corrected = holm([1.0 if p is None else p for p in found])
    for pair, limit, alone, p in zip(pairs, limits, found, corrected, strict=True):
        if not _can_decide(pair, thresholds, len(pairs)):
            yield _too_few(pair, limit, thresholds.significance, len(pairs))
        elif alone is None:
            yield _row(pair, Word.SAME, f"within the threshold of {limit}", threshold=limit)
        else:
            yield _decided(pair, limit, p, thresholds, len(pairs))


def _p(pair: Pair, limit: Threshold, thresholds: Thresholds, comparisons: int) -> float | None:
    """How often chance alone gives as much; `None` where it does not matter, or cannot be said."""
    before, now = list(pair.baseline.values()), list(pair.current.values())
    if not limit.is_exceeded(fmean(before), fmean(now)) or not _can_decide(pair, thresholds, comparisons):
        return None
    return p_of_rates(before, now) if pair.metric == PASS_RATE else p_of_numbers(before, now)


def _can_decide(pair: Pair, thresholds: Thresholds, comparisons: int) -> bool:
    return can_decide(len(pair.baseline), len(pair.current), thresholds.significance, comparisons)


def _too_few(pair: Pair, limit: Threshold, significance: float, comparisons: int) -> Row:
    needed = repeats_needed(significance, comparisons)
    made = f"{len(pair.baseline):,} and {len(pair.current):,} attempts"
    among = plural(comparisons, "comparison")
    reason = f"{made} cannot decide it among {among}; {needed:,} a side could"
    return _row(pair, Word.INCONCLUSIVE, reason, threshold=limit, repeats_needed=needed)


def _decided(pair: Pair, limit: Threshold, p: float, thresholds: Thresholds, comparisons: int) -> Row:
    found = f"past the threshold of {limit}, and p = {p:.2g} among {plural(comparisons, 'comparison')}"
    word, reason = Word.SAME, f"{found}: no more than chance gives"
    if p <= thresholds.significance:
        more = fmean(pair.current.values()) > fmean(pair.baseline.values())
        word, reason = _direction(pair, more=more), found
    elif p <= thresholds.suspicion:
        word, reason = Word.INCONCLUSIVE, f"{found}: attempt it more often, or compare this goal alone"
    return _row(pair, word, reason, threshold=limit, p_value=p)


# -- the row --------------------------------------------------------------------------------------------------------


def _row(
    pair: Pair,
    word: Word,
    reason: str,
    *,
    threshold: Threshold | None = None,
    p_value: float | None = None,
    repeats_needed: int | None = None,
) -> Row:
    return Row(
        goal_id=pair.goal_id,
        tier=pair.tier,
        metric=pair.metric,
        word=word,
        reason=reason,
        baseline=_side(pair.baseline),
        current=_side(pair.current),
        threshold=threshold,
        p_value=p_value,
        repeats_needed=repeats_needed,
    )


def _side(values: Values) -> Side:
    return Side(n=len(values), value=fmean(values.values()) if values else None)
