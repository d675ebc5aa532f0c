"""Repeats: what a request says again that stands in the trace already, so that a trace grows with what is new."""

from collections.abc import Iterator
from typing import Final

PIECE_CHARACTERS: Final = 128
"""Texts are compared by pieces of a line: a line that was cut elsewhere is known again up to its cut."""
MIN_REPEAT_CHARACTERS: Final = 512
"""A shorter repeat is shown again."""
START_CHARACTERS: Final = 64
"""Shown of each repeat, to know it by."""
MAX_PIECES: Final = 16_384
"""Remembered; beyond, the oldest are forgotten and shown again."""


class Repeats:
    """Knows the texts that a run has shown. Safe under threads."""

    def __init__(self) -> None:
        self._known: dict[int, None] = {}

    def remember(self, text: str) -> None:
        """The text stands in the trace now."""
        if len(text) < MIN_REPEAT_CHARACTERS // 8:
            return
        for piece in _pieces(text):
            self._known[hash(piece)] = None
        while len(self._known) > MAX_PIECES:
            self._known.pop(next(iter(self._known), 0), None)

    def left_out(self, text: str) -> str:
        """The text with its long repeats left out, each with a marker that says how long it was."""
        if len(text) < MIN_REPEAT_CHARACTERS:
            return text
        new: list[str] = []
        repeat: list[str] = []
        for piece in _pieces(text):
            if hash(piece) in self._known:
                repeat.append(piece)
            else:
                new += (_marked("".join(repeat)), piece)
                repeat.clear()
        return "".join((*new, _marked("".join(repeat))))


def _marked(repeat: str) -> str:
    if len(repeat) < MIN_REPEAT_CHARACTERS:
        return repeat
    line_end = "\n" if repeat.endswith("\n") else ""
    return f"{repeat[:START_CHARACTERS]}…[shown before: {len(repeat):,} characters]{line_end}"


def _pieces(text: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), PIECE_CHARACTERS):
            yield line[start : start + PIECE_CHARACTERS]
