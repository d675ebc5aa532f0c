"""Repeats: what a request says again that stands in the trace already, so that a trace grows with what is new."""

from collections.abc import Iterator
from typing import Final

from nanoagent.tracing.turns import Turns

PIECE_CHARACTERS: Final = 128
"""Texts are compared by pieces of a line: a line that was cut elsewhere is known again up to its cut."""
MIN_REPEAT_CHARACTERS: Final = 512
"""A shorter repeat is shown again."""
START_CHARACTERS: Final = 64
"""Shown of each repeat, to know it by."""
MAX_PIECES: Final = 16_384
"""Remembered; beyond, the oldest are forgotten and shown again."""


class Repeats:
    """Knows the texts that a run has shown, and the order of their pieces. Safe under threads.

    A repeat is a stretch of one text. Where a piece stands in several, the one that was shown last is followed, from
    where the piece stands there first: so the time is that of one look for each piece, and a repeat that begins with
    a common line may be noticed a line later.
    """

    def __init__(self) -> None:
        self._pieces: dict[int, int] = {}
        """The hash of the piece at each place. Places are counted through all texts, with one free after each text."""
        self._places: dict[int, int] = {}
        """Where a piece of this hash stands."""
        self._next_place = 0
        self._turns = Turns()

    def remember(self, text: str) -> None:
        """The text stands in the trace now."""
        if len(text) >= MIN_REPEAT_CHARACTERS // 8:
            self._turns.take(self._add, text)

    def left_out(self, text: str) -> str:
        """The text with its long repeats left out, each with a marker that says how long it was."""
        if len(text) < MIN_REPEAT_CHARACTERS:
            return text
        written: list[str] = []
        repeat: list[str] = []
        place: int | None = None
        for piece in _pieces(text):
            known = hash(piece)
            if place is not None and self._pieces.get(place + 1) == known:
                place += 1
            else:
                written.append(_marked("".join(repeat)))
                repeat.clear()
                place = self._places.get(known)
            (written if place is None else repeat).append(piece)
        return "".join((*written, _marked("".join(repeat))))

    def _add(self, text: str) -> None:
        start = self._next_place
        for place, piece in enumerate(map(hash, _pieces(text)), start):
            self._pieces[place] = piece
            if self._places.get(piece, -1) < start:
                self._places[piece] = place
            self._next_place = place + 2
        while len(self._pieces) > MAX_PIECES:
            self._forget(next(iter(self._pieces)))

    def _forget(self, place: int) -> None:
        piece = self._pieces.pop(place)
        if self._places.get(piece) == place:
            del self._places[piece]


def _marked(repeat: str) -> str:
    if len(repeat) < MIN_REPEAT_CHARACTERS:
        return repeat
    line_end = "\n" if repeat.endswith("\n") else ""
    return f"{repeat[:START_CHARACTERS]}…[shown before: {len(repeat):,} characters]{line_end}"


def _pieces(text: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), PIECE_CHARACTERS):
            yield line[start : start + PIECE_CHARACTERS]
