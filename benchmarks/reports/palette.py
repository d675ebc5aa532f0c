"""The colours of charts and page, for light and for dark surroundings.

Every pair can be told apart by people who see few colours, and stands out from its background: a test computes both.
"""

import re
from typing import Final, NamedTuple


class Colour(NamedTuple):
    """A colour in both surroundings, as `#rrggbb`."""

    light: str
    dark: str


BACKGROUND: Final = Colour("#ffffff", "#0d1117")
TEXT: Final = Colour("#1f2328", "#e6edf3")
QUIET: Final = Colour("#59636e", "#9ea7b0")
"""Of what stands beside the data: axes and their numbers."""
GRID: Final = Colour("#d8dee4", "#30363d")
FIRST: Final = Colour("#0072b2", "#58a6ff")
SECOND: Final = Colour("#c87a00", "#f2cc60")
THIRD: Final = Colour("#3b3f46", "#b0b7c3")
BAD: Final = Colour("#b3261e", "#ff7b72")
"""Of what stands against a pass; it is never told by its colour alone."""

COLOURS: Final = (BACKGROUND, TEXT, QUIET, GRID, FIRST, SECOND, THIRD, BAD)
_DARK: Final = {colour.light: colour.dark for colour in COLOURS}
_CODE: Final = re.compile("|".join(_DARK))


def darkened(svg: str) -> str:
    """A picture that was drawn in the light colours, in the dark ones."""
    return _CODE.sub(lambda found: _DARK[found[0]], svg)
