"""An answer of ClickHouse's: its rows as they come, and the proof that it is whole.

The format is JSONCompact, https://clickhouse.com/docs/interfaces/formats/JSONCompact: the names of the columns, a line
a row, and at the end how many rows there were. ClickHouse says 200 before it knows whether it will come to that end;
what goes wrong later stands as text among the rows, or the connection ends, which a proxy may hide.
"""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice, takewhile
from typing import Any, Final

from nanoagent.texts import plural

MAX_LINE: Final = 64 << 20
"""Bytes of the longest row that is read; a run of 1,000 iterations takes about 0.5 MB."""
_TAIL: Final = 1 << 16
_FURTHER: Final = 1_000


class BrokenAnswer(Exception):  # noqa: N818 - reads as what it says
    """An answer is none, or not whole; the message says what came instead of what."""


class Lines:
    """The lines of an answer, without the blanks around them."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Read nothing yet."""
        self._pieces = pieces
        self.tail = b""
        """The last of what came: when an answer breaks off, the reason stands here, if ClickHouse could say it."""

    def __iter__(self) -> Iterator[bytes]:
        """The lines, in their order.

        Raises:
            BrokenAnswer: One is too long.
        """
        rest = bytearray()
        for piece in self._pieces:
            self.tail = (self.tail + piece)[-_TAIL:]
            rest += piece
            if b"\n" in piece:
                *lines, rest = rest.split(b"\n")
                yield from (bytes(line.strip()) for line in lines)
            if len(rest) > MAX_LINE:
                raise BrokenAnswer(f"a row of more than {MAX_LINE:,} bytes")
        yield bytes(rest.strip())


def rows_in(answer: Lines) -> Iterator[dict[str, Any]]:
    """The rows, each by the names of its columns; numbers with a point are decimals.

    Raises:
        BrokenAnswer: The answer is not whole. Rows that came before are good, and not all.
    """
    lines = iter(answer)
    columns = _columns(lines)
    count = 0
    for line in lines:
        if line.startswith(b"]"):
            break
        if line:
            yield _row(columns, line, lines)
            count += 1
    told = _end(lines)
    if told != count:
        raise BrokenAnswer(f"{plural(count, 'row')}, and no word that these are all")


def _columns(lines: Iterator[bytes]) -> list[str]:
    head = b"".join(takewhile(lambda line: line != b'"data":', lines)).removesuffix(b",")
    try:
        names = [str(column["name"]) for column in _value(head + b"}")["meta"]]
    except (ValueError, LookupError, TypeError) as error:
        raise BrokenAnswer(f"{_shown(head)} where the columns are named") from error
    next(lines, None)  # the [ around the rows
    return names


def _row(columns: list[str], line: bytes, further: Iterator[bytes]) -> dict[str, Any]:
    try:
        return dict(zip(columns, _value(line.removesuffix(b",")), strict=True))
    except (ValueError, TypeError) as error:
        for _ in islice(further, _FURTHER):  # so that the tail holds all of what is said
            pass
        raise BrokenAnswer(f"{_shown(line)} where a row should be") from error


def _end(lines: Iterator[bytes]) -> int | None:
    try:
        end = _value(b"{" + b"".join(islice(lines, _FURTHER)))
        return int(end["rows"]) if "exception" not in end else None
    except (ValueError, LookupError, TypeError):
        return None


def _value(text: bytes) -> Any:
    return json.loads(text.decode(errors="replace"), parse_float=Decimal)


def _shown(line: bytes) -> str:
    return repr(line[:80].decode(errors="replace")) if line else "nothing"
