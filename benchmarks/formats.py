"""The forms in which numbers are shown: unknown is a dash, never a zero."""

from typing import Final

UNKNOWN: Final = "-"


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


def listed(items: "list[str] | tuple[str, ...]") -> str:
    """Items as one writes them in a sentence."""
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]])) if items else "none"


def plural(number: int, noun: str) -> str:
    """A number with its noun, such as `1 goal` or `2 goals`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
