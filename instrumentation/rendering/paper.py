"""Paper: lines as a console would write them, as text."""

import io
from collections.abc import Iterable
from typing import Any, Final, cast

from rich.console import Console
from rich.text import Text


def rendered(lines: Iterable[Text], console: Console) -> str:
    """What the console would write: escape codes only on a terminal that shows colours."""
    if console.no_color or console.legacy_windows or not console.is_terminal:
        return "".join(f"{line.plain}\n" for line in lines)
    buffer = io.StringIO()
    paper = Console(
        file=buffer, width=console.width, force_terminal=True, color_system=cast("Any", console.color_system)
    )
    for line in lines:
        paper.print(line, soft_wrap=True, markup=False, highlight=False)
    return buffer.getvalue()


def encodable(text: str, encoding: str) -> str:
    """The text with what a stream of this encoding cannot take replaced by what looks much the same."""
    if not encoding.lower().startswith("utf"):
        text = text.translate(_LOOKALIKES)
    return text.encode(encoding, "replace").decode(encoding)


_LOOKALIKES: Final = str.maketrans({"├": "|", "└": "`", "│": "|", "…": "~", "≥": ">="})
