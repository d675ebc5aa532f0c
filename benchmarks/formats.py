"""The forms in which numbers are shown: unknown is a dash, never a zero."""

import re
from collections.abc import Sequence
from typing import Final

from instrumentation.rendering.quantities import UNKNOWN

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LONGEST_QUOTE: Final = 100
"""Characters of a value that a message quotes."""


def count(value: int | None) -> str:
    """A count, with thousands set off."""
    return UNKNOWN if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """A time, to three digits."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"


def percent(part: float | None, whole: float | None) -> str:
    """A share; unknown when a side is, or when there is no whole."""
    return UNKNOWN if part is None or not whole else f"{100 * part / whole:.0f} %"


def shares(parts: Sequence[float]) -> list[str]:
    """The parts of a whole in percent, rounded so that they add up to 100; unknown where the whole is 0.

    Example:
        >>> shares([1, 1, 1])
        ['34 %', '33 %', '33 %']
    """
    whole = sum(parts)
    if not whole:
        return [UNKNOWN] * len(parts)
    exact = [100 * part / whole for part in parts]
    rounded = [int(share) for share in exact]
    by_rest = sorted(range(len(parts)), key=lambda place: rounded[place] - exact[place])
    for place in by_rest[: 100 - sum(rounded)]:
        rounded[place] += 1
    return [f"{share} %" for share in rounded]


def listed(items: "list[str] | tuple[str, ...]") -> str:
    """Items as one writes them in a sentence."""
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]])) if items else "none"


def printable(text: str) -> str:
    """The text with U+FFFD in place of what no encoding can write: halves of surrogate pairs."""
    return _SURROGATE.sub("\ufffd", text)


def first_line(error: BaseException) -> str:
    """What an exception says, on one line; its class where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__


def reason_of(error: OSError) -> str:
    """What the system says of an error; its class where it says nothing."""
    return error.strerror or type(error).__name__


def quoted(value: str) -> str:
    """A value as messages show it: on one line, and short."""
    if len(value) <= _LONGEST_QUOTE:
        return repr(value)
    return f"{value[:_LONGEST_QUOTE]!r}... ({len(value):,} characters)"
