"""How often chance alone gives as much: tests of two samples, and what they come to where many are made.

numbers   Mann and Whitney's test (1947), which asks nothing of how values lie: exact where no two are alike, over all
          permutations where some are and the samples are small, and approximated beyond that.
rates     Fisher's exact test (1934).
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
from typing import Any, Final

_MOST_PERMUTATIONS: Final = 200_000
"""All of as many are looked at: ten attempts a side."""


def p_of_numbers(baseline: Sequence[float], current: Sequence[float]) -> float:
    """How often chance alone gives numbers that lie as far apart."""
    from scipy.stats import mannwhitneyu  # type: ignore[import-untyped]

    direction = "greater" if fmean(current) > fmean(baseline) else "less"
    found = mannwhitneyu(current, baseline, alternative=direction, method=_method(baseline, current))
    return min(1.0, 2 * float(found.pvalue))


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


def _method(baseline: Sequence[float], current: Sequence[float]) -> Any:
    if len({*baseline, *current}) == len(baseline) + len(current):
        return "exact"
    if math.comb(len(baseline) + len(current), len(current)) > _MOST_PERMUTATIONS:
        return "asymptotic"
    from scipy.stats import PermutationMethod

    return PermutationMethod(n_resamples=_MOST_PERMUTATIONS)
