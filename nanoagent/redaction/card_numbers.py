"""Card numbers: of a length that their issuer gives out, with a check digit that is right.

They are set in one piece, or in groups as on the card, set apart by single blanks or single dashes; a security code of
three digits may follow. Groups of two to six digits that go on before or after are a table's. Other numbers stay: times
in nanoseconds begin like no card, ids of 64 bits are as long as few cards are, and of the rest nine in ten fail the
check.
"""

import re
from functools import cache
from typing import Final

from nanoagent.redaction.masks import START, JsonStrings, mask_of

KIND: Final = "card number"

_ISSUED: Final = r"""
    4 (?: [0-9]{12} | [0-9]{15} )
  | (?: 5[1-5][0-9]{2} | 22(?: 2[1-9] | [3-9][0-9] ) | 2[3-6][0-9]{2} | 27(?: [01][0-9] | 20 ) ) [0-9]{12}
  | 3[47][0-9]{13}
  | 3(?: 0[0-5] | [689][0-9] ) [0-9]{11}
  | (?: 35(?: 2[89] | [3-8][0-9] ) | 6011 | 64[4-9][0-9] | 65[0-9]{2} ) [0-9]{12}
  | 62[0-9]{14,17}
  | (?: 50[0-9]{2} | 6304 | 6759 | 676[1-3] ) (?: [0-9]{12} | [0-9]{14,15} )
"""
"""Visa, Mastercard, American Express, Diners Club, JCB and Discover, UnionPay, Maestro."""
_ISSUED_IN_GROUPS: Final = r"4[0-9]{18}"
"""Visa's longest: in one piece they look like every twentieth id of 64 bits."""

_DOUBLED: Final = dict(zip("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9), strict=True))
_FREE: Final = r"(?<![0-9]\.)(?<![:,\[]-)(?<![:,\[] -)"
_RUN: Final = (
    r"(?=[2-6][0-9]{3})"
    + START
    + _FREE
    + r"(?:[0-9]{13,19}|(?:(?<![0-9]{2}[ -])|(?<=[0-9]{7}[ -]))[0-9]{4}(?P<sign>[ -])"
    + r"(?:[0-9]{4}(?P=sign)[0-9]{4}(?P=sign)[0-9]{4}(?:(?P=sign)[0-9]{3})?(?!(?P=sign)[0-9]{2,6}+(?![0-9/]))"
    + r"|[0-9]{6}(?P=sign)[0-9]{4,5}))(?![A-Za-z0-9_])(?!\.[0-9])"
)
"""A month and a year may follow: `12/27`."""
_ASIDE: Final = 200
"""Characters beside a number that tell whether it is a value of a JSON document."""


def with_cards_masked(text: str) -> str:
    """The text without card numbers."""
    if not _pattern(r"[0-9][0-9 -]{11}").search(text):
        return text
    strings = JsonStrings(text)
    parts: list[str] = []
    done = 0
    for run in _pattern(_RUN).finditer(text):
        if _is_card(run):
            parts += text[done : run.start()], _mask(text, run.start(), run.end(), strings)
            done = run.end()
    return "".join((*parts, text[done:])) if parts else text


def _is_card(run: re.Match[str]) -> bool:
    if run["sign"] is None:
        return _is_issued(run[0], _ISSUED)
    # Without its last group, too, which can be a security code.
    return any(_is_issued(some, f"{_ISSUED}|{_ISSUED_IN_GROUPS}") for some in (run[0], run[0][:-4]))


def _is_issued(number: str, lengths: str) -> bool:
    digits = number.replace(" ", "").replace("-", "")
    return _pattern(lengths, re.VERBOSE).fullmatch(digits) is not None and _has_check_digit(digits)


def _has_check_digit(digits: str) -> bool:
    """Luhn's sum (ISO/IEC 7812-1, annex B): from the last digit to the left every second one counts double."""
    return (sum(map(int, digits[-1::-2])) + sum(_DOUBLED[digit] for digit in digits[-2::-2])) % 10 == 0


def _mask(text: str, start: int, end: int, strings: JsonStrings) -> str:
    before, after = text[max(0, start - _ASIDE) : start].rstrip(), text[end : end + _ASIDE].lstrip()
    is_element = before.endswith((",", "[")) or (before.endswith(":") and before[:-1].rstrip().endswith('"'))
    if is_element and after.startswith((",", "]", "}")) and text[start:end].isdigit():
        return strings.mask_of_number(KIND, start)
    return mask_of(KIND)


@cache
def _pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | flags)
