"""Text that a terminal may be given: it shows all of it, and is steered by none of it."""

import unicodedata
from typing import Final

from rich.cells import cell_len, set_cell_size


def visible(text: str) -> str:
    """The text without characters that steer a terminal: controls, formats such as bidi marks, line separators."""
    return "".join("\ufffd" if unicodedata.category(char) in _STEERING else char for char in text)


def visible_lines(text: str) -> str:
    """As `visible`, but the text keeps its lines and tabs."""
    return "".join(char if char in "\n\t" else visible(char) for char in text)


_STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shortened(text: str, room: int) -> str:
    """The text in at most `room` cells, and no fewer than 3, the middle left out where it is longer."""
    room = max(room, 3)
    if cell_len(text) <= room:
        return text
    start, end = set_cell_size(text, room // 2), text[-((room - 1) // 2) :]
    while cell_len(start) + 1 + cell_len(end) > room:
        end = end[1:]
    return f"{start}…{end}"
