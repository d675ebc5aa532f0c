"""Columns: labelled rows of figures as lines, in as many tables one below the other as the width asks for."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

GAP: Final = 2
"""Blanks between two columns."""


class Column(NamedTuple):
    """One column of figures, set flush right."""

    head: str
    cells: Sequence[str]
    """One a row."""
    style: str = ""
    """Of its cells, in rich's words."""


def table(labels: Sequence[str], groups: Iterable[Sequence[Column]], *, width: int) -> list[Text]:
    """Lines of at most `width` cells, unless a single column is wider than that.

    Args:
        labels: The name of each row, set flush left.
        groups: Columns that belong together: a group that does not fit beside the ones before it starts a table of
            its own, and goes over several when it is wider than one.
        width: Cells of a line.
    """
    room = width - max(map(cell_len, labels), default=0)
    tables: list[list[Column]] = [[]]
    for group in groups:
        if tables[-1] and _width(tables[-1]) + _width(group) > room:
            tables.append([])
        for column in group:
            if tables[-1] and _width(tables[-1]) + _width([column]) > room:
                tables.append([])
            tables[-1].append(column)
    lines: list[Text] = []
    for number, columns in enumerate(tables):
        lines += [Text()] if number else []
        lines += _lines(labels, columns)
    return lines


def _width(columns: Sequence[Column]) -> int:
    return sum(GAP + _cells(column) for column in columns)


def _cells(column: Column) -> int:
    return max(map(cell_len, (column.head, *column.cells)))


def _lines(labels: Sequence[str], columns: Sequence[Column]) -> list[Text]:
    room = max(map(cell_len, labels), default=0)
    lines = [Text("", "bold").append(" " * room)]
    lines += [Text(label + " " * (room - cell_len(label))) for label in labels]
    for column in columns:
        width = GAP + _cells(column)
        for line, cell in zip(lines, (column.head, *column.cells), strict=True):
            line.append(" " * (width - cell_len(cell)) + cell, "" if line is lines[0] else column.style)
    for line in lines:
        line.rstrip()
    return lines
