"""Markdown: tables, and texts that mean nothing but themselves."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from instrumentation.rendering.quantities import UNKNOWN
from instrumentation.rendering.visible import visible

_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>()#+!|~&-]")
_INVISIBLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NUMBERED: Final = re.compile(r"^(\d+)(?=[.)](?:\s|$))")
_ADDRESS: Final = re.compile(r"(?<=[A-Za-z])(?=://)|(?<=www)(?=\.)", re.IGNORECASE)
"""Where a backslash keeps a reader from making a link of a bare address."""


def escaped(text: str) -> str:
    r"""The text so that it is shown as it is, on one line, wherever it stands.

    Example:
        >>> escaped("15% of *360* | 2")
        '15% of \\*360\\* \\| 2'
    """
    line = visible(_INVISIBLE.sub(" ", text).strip())
    shown = _SPECIAL.sub(lambda found: f"\\{found[0]}" if _needs_escape(line, found) else found[0], line)
    return _ADDRESS.sub(r"\\", _NUMBERED.sub(r"\1\\", shown))


def cell(text: str) -> str:
    """A cell of a table: the text, escaped, or the dash of what is not known."""
    return text if text == UNKNOWN else escaped(text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int | None = None) -> list[str]:
    """The lines of a table whose cells are escaped already; columns from `numbers_from` on are set to the right."""
    first = len(header) if numbers_from is None else numbers_from
    rule = ["---:" if place >= first else "---" for place in range(len(header))]
    return [_row(header), _row(rule), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _needs_escape(line: str, found: re.Match[str]) -> bool:
    """Parentheses, dashes and the like mean something in one place only, and texts are full of them."""
    character, place = found[0], found.start()
    if character in "+-#":
        return place == 0
    return character not in "(){}!"
