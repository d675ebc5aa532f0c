"""Quantities as a person reads them: counts, sums that may be lower bounds, money, durations, sizes."""

from decimal import Decimal
from typing import Final

from nanoagent.core.performance import Counts, IterationCounts, PhaseCounts

UNKNOWN: Final = "-"
"""Stands for a value that is not known; it is never shown as 0."""
AT_LEAST: Final = "≥"
"""Before a sum that has unknown parts."""


def count_text(count: int | None, *, is_lower_bound: bool = False) -> str:
    """A count with its thousands apart: `9,569`, `≥9,569` for a lower bound, `-` where it is not known."""
    return UNKNOWN if count is None else f"{AT_LEAST if is_lower_bound else ''}{count:,}"


def money_text(cost_usd: Decimal | None, known_usd: Decimal = Decimal(0)) -> str:
    """US dollars in two digits or more: `$0.00018`, `$0.0123`, `$1.50`, `$1,234.50`.

    Args:
        cost_usd: `None` where it is not known.
        known_usd: The part of it that is known, which is then shown as a lower bound, unless it is 0.
    """
    if cost_usd is None:
        return AT_LEAST + money_text(known_usd) if known_usd else UNKNOWN
    if not cost_usd or cost_usd >= 1:
        return f"${cost_usd:,.2f}"
    if cost_usd < _SHOWN_USD:
        return f"<${_SHOWN_USD:f}"
    # A tenth has the exponent -1.
    digits = 3 if cost_usd >= _CENT else 2
    return f"${cost_usd:.{digits - 1 - cost_usd.adjusted()}f}"


def part_text(row: Counts, duration_ns: int | None) -> str:
    """A part of a row's time; `-` where it is not known, as when the span whose time it would be is missing."""
    is_unknown = duration_ns is None or (not row.duration_ns and isinstance(row, PhaseCounts | IterationCounts))
    return UNKNOWN if is_unknown or duration_ns is None else duration_text(duration_ns)


_CENT: Final = Decimal("0.01")
_SHOWN_USD: Final = Decimal("0.000001")


def duration_text(duration_ns: int) -> str:
    """A duration in three digits or so: `950 us`, `4.1 ms`, `410 ms`, `1.20 s`, `12.3 s`, `2 m 03 s`, `1 h 02 m`."""
    for limit_ns, unit_ns, digits, unit in _UNITS:
        if duration_ns < limit_ns:
            return f"{duration_ns / unit_ns:.{digits}f} {unit}"
    seconds = round(duration_ns / 1e9)
    if seconds < 3_600:
        return f"{seconds // 60} m {seconds % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} m"


# The limits lie where the number would be rounded up to one digit more.
_UNITS: Final = (
    (999_500, 1e3, 0, "us"),
    (99_950_000, 1e6, 1, "ms"),
    (999_500_000, 1e6, 0, "ms"),
    (9_995_000_000, 1e9, 2, "s"),
    (59_950_000_000, 1e9, 1, "s"),
)
