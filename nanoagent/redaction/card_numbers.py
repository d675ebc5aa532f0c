"""Card numbers: 13 to 19 digits that an issuer gives out and whose check digit is right.

They may be set in groups by single blanks or dashes. Other numbers of that length stay: times in nanoseconds begin
like no card, and of ids and counts nine in ten fail the check.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Final

from nanoagent.redaction.masks import START, JsonStrings, mask_of

KIND: Final = "card number"
FEWEST_DIGITS: Final = 13
MOST_DIGITS: Final = 19
FEWEST_IN_GROUP: Final = 3
"""Digits of the first group."""

_ISSUERS: Final = (
    r"4|5[0-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(?:0[0-5]|[689])|35(?:2[89]|[3-8])"
    r"|6(?:011|4[4-9]|5|2|304|759|76[1-3])"
)
"""How the numbers begin of Visa, Mastercard, American Express, Diners Club, JCB, Discover, UnionPay, Maestro."""

_WITHOUT_SIGNS: Final = {ord(" "): None, ord("-"): None}
_DOUBLED: Final = dict(zip("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9), strict=True))
_RUN: Final = r"[0-9][0-9 -]{11,}[0-9]"
_FREE_START: Final = START + r"(?<![0-9]\.)(?<![:,\[]-)(?<![:,\[] -)"
_FREE_END: Final = r"(?![A-Za-z0-9_])(?!\.[0-9])"
_ASIDE: Final = 200
"""Characters beside a number that tell whether it is a value of a JSON document."""


def with_cards_masked(text: str) -> str:
    """The text without card numbers."""
    if not _pattern(_RUN).search(text):
        return text
    strings = JsonStrings(text)
    parts: list[str] = []
    done = 0
    for run in _pattern(_RUN).finditer(text):
        for start, end in _cards(text, run.start(), run.end()):
            parts += text[done:start], _mask(text, start, end, strings)
            done = end
    return "".join((*parts, text[done:])) if parts else text


def _cards(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The card numbers in a run of digits, blanks and dashes, in their order."""
    groups = [group.span() for group in _pattern("[0-9]+").finditer(text, start, end)]
    firsts = [number for number, (first, last) in enumerate(groups) if _may_be_first(text, first, last)]
    if not firsts:
        return
    counts = [0, *accumulate(last - first for first, last in groups)]
    sums, free = _Sums(text[start:end].translate(_WITHOUT_SIGNS)), 0
    for first in firsts:
        last = _last_group(groups, counts, sums, first) if first >= free else None
        if last is not None and _is_free(text, groups[first][0], groups[last][1]):
            yield groups[first][0], groups[last][1]
            free = last + 1


def _may_be_first(text: str, start: int, end: int) -> bool:
    return end - start >= FEWEST_IN_GROUP and _pattern(_ISSUERS).match(text, start) is not None


def _last_group(groups: list[tuple[int, int]], counts: list[int], sums: "_Sums", first: int) -> int | None:
    """The last group of the longest number with a check digit whose first group this is."""
    found = None
    for last in range(first, len(groups)):
        digits = counts[last + 1] - counts[first]
        if digits > MOST_DIGITS or (last > first and groups[last][0] - groups[last - 1][1] > 1):
            break
        if digits >= FEWEST_DIGITS and sums.has_check_digit(counts[first], counts[last + 1]):
            found = last
    return found


class _Sums:
    """Luhn's sums (ISO/IEC 7812-1, annex B) of any part of a row of digits.

    From the last digit to the left every second one counts double, the digits of a product each for itself; the sum of
    a number with its check digit ends in 0.
    """

    def __init__(self, digits: str) -> None:
        plain, doubled = list(map(int, digits)), [_DOUBLED[digit] for digit in digits]
        odd_doubled, even_doubled = plain.copy(), doubled.copy()
        odd_doubled[1::2], even_doubled[1::2] = doubled[1::2], plain[1::2]
        self._up_to = [0, *accumulate(even_doubled)], [0, *accumulate(odd_doubled)]

    def has_check_digit(self, start: int, end: int) -> bool:
        """Whether the last digit of this part is the check digit of the others."""
        up_to = self._up_to[end % 2]
        return (up_to[end] - up_to[start]) % 10 == 0


def _is_free(text: str, start: int, end: int) -> bool:
    """Whether the digits are no part of a word, of a fraction or of a negative number."""
    return bool(_pattern(_FREE_START).match(text, start)) and bool(_pattern(_FREE_END).match(text, end))


def _mask(text: str, start: int, end: int, strings: JsonStrings) -> str:
    before, after = text[max(0, start - _ASIDE) : start].rstrip(), text[end : end + _ASIDE].lstrip()
    is_element = before.endswith((",", "[")) or (before.endswith(":") and before[:-1].rstrip().endswith('"'))
    if is_element and after.startswith((",", "]", "}")) and text[start:end].isdigit():
        return strings.mask_of_number(KIND, start)
    return mask_of(KIND)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
