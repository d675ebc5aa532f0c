"""Files that are sent: a spool shrinks to what is left of it, and any other file stays as it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

from instrumentation.reading.lines import MAX_LINE, Line, lines_of
from instrumentation.spooling.spool import is_spool, is_taken

UNREADABLE_SUFFIX: Final = ".unreadable"
"""Beside a spool: its lines that are no OTLP JSON."""
_REST: Final = ".{}.rest"
"""While a spool is rewritten: what is left of it."""
_PIECE: Final = 1 << 20
_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Stretch(NamedTuple):
    """A stretch of a file: a line of it, its end included."""

    start: int
    end: int


class SentFile(Protocol):
    """A file while it is sent."""

    def lines(self) -> Iterator[tuple[Stretch, Line]]:
        """Its lines, and where they are."""

    def keep(self, what: Stretch | bytes) -> None:
        """Keep a line, or another one in its place."""

    def set_aside(self, what: Stretch) -> None:
        """Keep a line that is none, where it is in nobody's way."""

    def settle(self, end: int) -> None:
        """All up to here is sent, kept or set aside."""

    def finish(self) -> None:
        """Drop what is neither kept nor unsettled."""


@contextmanager
def sent_file(path: Path) -> Iterator[SentFile | None]:
    """The file, which nobody else sends meanwhile; `None` for a spool that somebody else has, or has just sent.

    Raises:
        OSError: It cannot be read.
    """
    is_ours = is_spool(path)
    try:
        file = open(path, "rb", opener=_open_itself if is_ours else None)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        yield None
        return
    with file:
        if not is_ours:
            yield _Kept(file)
        elif is_taken(file.fileno()) and _is_still_there(path, file):
            yield _Shrinking(path, file)
        else:
            yield None


class _Kept:
    """A file of somebody else's: nothing of it is changed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def lines(self) -> Iterator[tuple[Stretch, Line]]:
        yield from _lines_in(self._file)

    def keep(self, what: Stretch | bytes) -> None:
        pass

    def set_aside(self, what: Stretch) -> None:
        pass

    def settle(self, end: int) -> None:
        pass

    def finish(self) -> None:
        pass


class _Shrinking:
    """A spool: what is left of it takes its place at the end, in one step.

    Until then it is as it was: whoever is killed in between sends some spans twice, and loses none.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        """For copying; lines are read through another one, which has a place of its own."""
        self._rest_path = path.with_name(_REST.format(path.name))
        self._unreadable_path = path.with_name(path.name + UNREADABLE_SUFFIX)
        self._rest: BinaryIO | None = None
        self._unreadable: BinaryIO | None = None
        self._settled = 0, 0
        """So many bytes of the spool, and of the rest by then; set in one step, since Ctrl-C can come anywhere."""

    def lines(self) -> Iterator[tuple[Stretch, Line]]:
        with self._path.open("rb") as file:
            yield from _lines_in(file)

    def keep(self, what: Stretch | bytes) -> None:
        if self._rest is None:
            self._rest = self._opened_rest()
        self._write(what, self._rest)

    def set_aside(self, what: Stretch) -> None:
        if self._unreadable is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINKS
            self._unreadable = os.fdopen(os.open(self._unreadable_path, flags, 0o600), "ab")
        self._write(what, self._unreadable)
        self._file.seek(what.end - 1)
        if self._file.read(1) != b"\n":
            self._unreadable.write(b"\n")

    def settle(self, end: int) -> None:
        self._settled = end, self._rest.tell() if self._rest is not None else 0

    def finish(self) -> None:
        try:
            if self._unreadable is not None:
                _synced(self._unreadable)
            self._shrink()
        finally:
            for file in (self._unreadable, self._rest):
                if file is not None:
                    with suppress(OSError):  # of what could not be written; what had to be is synced by now
                        file.close()
            self._unreadable = self._rest = None
            with suppress(FileNotFoundError):
                self._rest_path.unlink()

    def _shrink(self) -> None:
        settled, kept = self._settled
        size = os.fstat(self._file.fileno()).st_size
        if settled == kept and size:
            return  # all of it is left
        if settled == size and not kept:
            self._let_go()
            self._path.unlink()
            return
        rest = self._rest = self._rest or self._opened_rest()
        rest.truncate(kept)
        rest.seek(kept)
        self._write(Stretch(settled, size), rest)
        _synced(rest)
        rest.close()
        self._let_go()
        self._rest_path.replace(self._path)
        _sync_directory(self._path.parent)

    def _opened_rest(self) -> BinaryIO:
        with suppress(FileNotFoundError):
            self._rest_path.unlink()  # of somebody who was killed
        return os.fdopen(os.open(self._rest_path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINKS, 0o600), "wb")

    def _write(self, what: Stretch | bytes, target: BinaryIO) -> None:
        if isinstance(what, bytes):
            target.write(what)
            return
        self._file.seek(what.start)
        left = what.end - what.start
        while left and (piece := self._file.read(min(left, _PIECE))):
            target.write(piece)
            left -= len(piece)

    def _let_go(self) -> None:
        if os.name == "nt":
            self._file.close()  # Windows takes no open file away


def _open_itself(path: str, flags: int) -> int:
    """Open a file that has not become a link since it was looked at."""
    return os.open(path, flags | _NO_LINKS)


def _lines_in(file: BinaryIO) -> Iterator[tuple[Stretch, Line]]:
    start = 0
    for line in lines_of(file, limit=MAX_LINE):
        end = start + (line.too_long or len(line.data)) + line.ended
        yield Stretch(start, end), line
        start = end


def _is_still_there(path: Path, file: BinaryIO) -> bool:
    """Whether nobody has sent the file between our opening and our taking it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False


def _synced(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    with suppress(OSError):  # there is no such thing on Windows
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
