"""How often chance alone gives as much: tests of two samples, and what they come to where many are made.

numbers   Mann and Whitney's test (1947), which asks nothing of how values lie: exact where no two are alike. Where some
          are, it is the lesser of two approximations: the exact test with ties broken against the difference, which is
          close where they are few, and the normal one corrected for ties, which is close where they are many. Beside
          all permutations of 8 to 20 values a side it came to 0.58 of their p at the least between 0.0001 and 0.005,
          and never to less than their p below that. Of more than 50 values a side, it is as good as exact.
rates     Fisher's exact test (1934); of numbers too where there are but two values.
both      one-sided in the direction of the difference, and doubled: what points the other way is no evidence for it.
many      Holm's correction (1979): the chance that any of the comparisons finds a difference where there is none stays
          below the significance, however they hang together.

No test can find less than what complete separation of the samples gives, 2 / C(n + m, n); and under Holm's correction
the first of k differences that are found needs a k-th of the significance. So there is a number of attempts below which
nothing can ever be found.
"""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Final

_MOST_EXACT: Final = 50
"""Values a side that are tested exactly: the work grows with the fourth power."""


def p_of_numbers(baseline: Sequence[float], current: Sequence[float]) -> float:
    """How often chance alone gives numbers that lie as far apart."""
    from scipy.stats import mannwhitneyu  # type: ignore[import-untyped]

    values = {*baseline, *current}
    if len(values) == 2:
        return p_of_rates([value == max(values) for value in baseline], [value == max(values) for value in current])
    higher, lower = (current, baseline) if fmean(current) > fmean(baseline) else (baseline, current)
    is_small = max(len(higher), len(lower)) <= _MOST_EXACT
    candidates = []
    if is_small:
        candidates.append(mannwhitneyu(*_places(higher, lower), alternative="greater", method="exact").pvalue)
    if not is_small or len(values) < len(higher) + len(lower):
        candidates.append(mannwhitneyu(higher, lower, alternative="greater", method="asymptotic").pvalue)
    return min(1.0, max(2 * float(min(candidates)), least_p(len(baseline), len(current))))


def p_of_rates(baseline: Sequence[float], current: Sequence[float]) -> float:
    """How often chance alone gives shares that lie as far apart; each value is 1 for a pass and 0 for none."""
    from scipy.stats import fisher_exact

    direction = "greater" if fmean(current) > fmean(baseline) else "less"
    table = [[side.count(1), side.count(0)] for side in (list(current), list(baseline))]
    return min(1.0, 2 * float(fisher_exact(table, alternative=direction).pvalue))


def least_p(baseline: int, current: int) -> float:
    """The least that a test of as many attempts on each side can find."""
    return min(1.0, 2 / math.comb(baseline + current, current)) if baseline and current else 1.0


def can_decide(baseline: int, current: int, significance: float, comparisons: int) -> bool:
    """Whether as many attempts on each side could show a difference, whatever the other comparisons come to."""
    return least_p(baseline, current) <= significance / comparisons


def repeats_needed(significance: float, comparisons: int) -> int:
    """The fewest attempts on each side that can decide."""
    repeats = 1
    while not can_decide(repeats, repeats, significance, comparisons):
        repeats += 1
    return repeats


def holm(p_values: Sequence[float]) -> list[float]:
    """The same after Holm's correction, in the same order."""
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def _places(higher: Sequence[float], lower: Sequence[float]) -> tuple[list[int], list[int]]:
    """The places of both samples in one order, where of those that are alike the lower sample's come last."""
    order = sorted([*((value, False) for value in higher), *((value, True) for value in lower)])
    places = [[place for place, (_, is_lower) in enumerate(order) if is_lower is side] for side in (False, True)]
    return places[0], places[1]
