"""The bytes of a file or of standard input, unpacked where they are gzip, whatever their number in constant memory."""

import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from instrumentation.reading.problems import Problems
from nanoagent.errors import ConfigurationError

STDIN: Final = "-"
"""The path that means standard input."""
PIECE: Final = 1 << 20
"""So many bytes are read, and unpacked, at a time."""
Progress = Callable[[int, int | None], object]
"""Told how many bytes of a file were read, and how many it has: `None` where that is not known."""
_GZIP: Final = b"\x1f\x8b"
_ANY_WINDOW: Final = zlib.MAX_WBITS | 16


@contextmanager
def opened(path: str, problems: Problems, progress: Progress) -> Iterator[BinaryIO]:
    """The content of a file, to be read once from its start to its end.

    Args:
        path: A file; `-` for standard input.
        problems: Hears of a gzip file that ends too early.
        progress: Told after each piece.

    Raises:
        ConfigurationError: There is no such file, or it cannot be read.
    """
    if path == STDIN:
        yield _unpacked(_Counted(sys.stdin.buffer, None, progress), problems, "stdin")
        return
    try:
        file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - closed below
    except IsADirectoryError as error:
        raise ConfigurationError(
            f"a trace file must be a file, got the directory {path!r}: name a file in it"
        ) from error
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"a trace file must exist, got {path!r}: check the path, or use - for standard input"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"a trace file must be readable, got {path!r} ({reason}): check its permissions"
        raise ConfigurationError(message) from error
    with file:
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        yield _unpacked(_Counted(file, size, progress), problems, path)


def _unpacked(raw: "_Counted", problems: Problems, where: str) -> BinaryIO:
    packed = io.BufferedReader(raw, PIECE)
    if packed.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
        return packed
    return io.BufferedReader(_Gunzipped(packed, problems, where), PIECE)


class _Counted(io.RawIOBase):
    """Bytes as they are, while somebody is told how far they were read."""

    def __init__(self, source: IO[bytes], size: int | None, progress: Progress) -> None:
        super().__init__()
        # A pipe's bytes are read as they come.
        self._next = source.read1 if isinstance(source, io.BufferedIOBase) else source.read
        self._size = size
        self._progress = progress
        self._read = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what fits."""
        read = self._next(len(buffer))
        buffer[: len(read)] = read
        self._read += len(read)
        self._progress(self._read, self._size)
        return len(read)


class _Gunzipped(io.RawIOBase):
    """What the members of a gzip file unpack to; what comes after a broken place is lost, and told."""

    def __init__(self, packed: BinaryIO, problems: Problems, where: str) -> None:
        super().__init__()
        self._packed = packed
        self._problems = problems
        self._where = where
        self._inflate = zlib.decompressobj(_ANY_WINDOW)
        self._ahead = b""
        self._begun = False
        """Whether a member has begun that has not ended."""
        self._over = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Unpack what fits."""
        while not self._over:
            unpacked = self._next(len(buffer))
            if unpacked:
                buffer[: len(unpacked)] = unpacked
                return len(unpacked)
        return 0

    def _next(self, limit: int) -> bytes:
        if self._inflate.eof:
            self._ahead = self._inflate.unused_data
            self._inflate, self._begun = zlib.decompressobj(_ANY_WINDOW), False
        if not self._begun:
            # Zeros may fill up the file behind a member.
            self._ahead = self._ahead.lstrip(b"\0")
        if not self._ahead:
            self._ahead = self._packed.read(PIECE)
            if not self._ahead:
                # What fits in no buffer yet may still be inside.
                rest = self._inflate.decompress(b"", limit)
                if not rest:
                    self._over = True
                    if self._begun and not self._inflate.eof:
                        self._stop("is gzip that ends too early")
                return rest
            if not self._begun:
                return b""
        self._begun = True
        before = self._inflate.copy()
        try:
            unpacked = self._inflate.decompress(self._ahead, limit)
        except zlib.error as error:
            self._stop(f"is broken gzip ({error})")
            return _up_to_error(before, self._ahead)[:limit]
        self._ahead = self._inflate.unconsumed_tail
        return unpacked

    def _stop(self, what: str) -> None:
        self._over = True
        self._problems.add(self._where, f"{what}: what could be unpacked is read, the rest is lost")


def _up_to_error(inflate: Any, packed: bytes) -> bytes:
    """What some bytes unpack to, up to the broken place in them."""
    unpacked = bytearray()
    try:
        for at in range(len(packed)):
            unpacked += inflate.decompress(packed[at : at + 1])
    except zlib.error:
        pass
    return bytes(unpacked)
