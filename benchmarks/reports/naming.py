"""Names in a sentence: not more of them than one can read."""

from collections.abc import Sequence

from benchmarks.formats import listed


def named(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - most
    return listed(list(names) if rest <= 0 else [*names[:most], f"{rest:,} more"])
