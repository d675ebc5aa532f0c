"""Lines of bytes, none of them longer than a limit: the rest of a longer one is read and forgotten."""

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

MAX_LINE: Final = 64 << 20
"""Bytes of the longest line that is read; the exporter's longest are below 1 MiB."""
_PIECE: Final = 1 << 20


class Line(NamedTuple):
    """One line."""

    number: int
    """From 1 on."""
    data: bytes
    """Without its end; empty for one that is too long."""
    too_long: int = 0
    """How many bytes it has, where those are more than the limit; else 0."""
    ended: bool = True
    """Whether its end was there."""


def lines_of(source: BinaryIO, *, limit: int = MAX_LINE) -> Iterator[Line]:
    """The lines of a source, in their order."""
    number, most = 0, min(_PIECE, limit + 1)
    while piece := source.readline(most):
        number += 1
        if piece.endswith(b"\n"):
            yield Line(number, piece[:-1])
            continue
        pieces, length = [piece], len(piece)
        while not piece.endswith(b"\n") and (piece := source.readline(most)):
            length += len(piece)
            if length <= limit:
                pieces.append(piece)
            else:
                pieces.clear()
        ended = piece.endswith(b"\n")
        if length > limit:
            yield Line(number, b"", length - ended, ended)
        else:
            yield Line(number, b"".join(pieces).removesuffix(b"\n"), 0, ended)
