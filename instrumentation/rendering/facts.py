"""Facts: a name and what is said of it, as lines."""

from typing import Final

from rich.cells import cell_len
from rich.text import Text

from instrumentation.rendering.visible import visible

INDENT: Final = 11
"""Cells of the name, and of what stands before further lines."""


def fact_lines(name: str, value: str, *, width: int, style: str = "") -> list[Text]:
    """The fact in lines of at most `width` cells, unless a single word is longer.

    Args:
        name: Of the fact.
        value: What is said of it, in words.
        width: Cells of a line.
        style: Of the value, in rich's words.
    """
    lines = [""]
    for word in visible(value).split(" "):
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) > width - INDENT:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    heads = [name, *("" for _ in lines[1:])]
    return [
        Text.assemble((f"{head:<{INDENT}}", "bold"), (line, style)) for head, line in zip(heads, lines, strict=True)
    ]
