"""Masks: what stands in the place of a secret, and how JSON stays JSON around one."""

from bisect import bisect
from collections.abc import Iterator
from typing import Final


def start(read: int) -> str:
    """Pattern of where a word began, so many characters before: JSON's escapes and a URL's `%20` may end there, too."""
    before = (r"(?<![A-Za-z0-9]", r"(?<=\\[nrtbf]", r"(?<=\\u[0-9A-Fa-f]{4}", r"(?<=%[0-9A-Fa-f]{2}")
    return f"(?:{'|'.join(f'{one}.{{{read}}})' for one in before)})"


START: Final = start(0)
"""Pattern of where a word begins."""


def mask_of(kind: str) -> str:
    """What is shown in place of a secret of this kind."""
    return f"[redacted: {kind}]"


class JsonStrings:
    """Where the strings of a text end that is JSON, or has JSON in it.

    A quote belongs to the text's own strings, or to those of JSON inside JSON so many levels deep: its depth. At depth
    0 none, at depth 1 one, at depth 2 three backslashes before a quote make it an opening or a closing one.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._own: list[int] | None = None

    def end_of(self, start: int, depth: int) -> int | None:
        """Where the string ends that begins at `start`, or one around it; `None` where the text ends before."""
        for quote, backslashes in self._quotes(start):
            found = depth_of(backslashes)
            if found <= depth:
                return quote - backslashes_at(found)
        return None

    def mask_of_number(self, kind: str, at: int) -> str:
        """The mask of a bare number at this place: a string of its own, unless it stands in one."""
        if self._own is None:
            self._own = [quote for quote, backslashes in self._quotes(0) if not depth_of(backslashes)]
        stands_in_one = bisect(self._own, at) % 2
        return mask_of(kind) if stands_in_one else f'"{mask_of(kind)}"'

    def _quotes(self, start: int) -> Iterator[tuple[int, int]]:
        """Every quote from `start` on: where it is, and how many backslashes are before it."""
        text = self._text
        at = text.find('"', start)
        while at >= 0:
            first = at
            while first > start and text[first - 1] == "\\":
                first -= 1
            yield at, at - first
            at = text.find('"', at + 1)


def depth_of(backslashes: int) -> int:
    """The depth of a quote after so many backslashes: each level deeper doubles them, and adds the quote's own."""
    return (~backslashes & (backslashes + 1)).bit_length() - 1


def backslashes_at(depth: int) -> int:
    """How many backslashes a quote of this depth has of its own; more of them belong to the string before it."""
    return (1 << depth) - 1
