"""The spool: a private file of the process, for spans that could not be delivered."""

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.otlp.sizes import parts_of, shortened
from instrumentation.reading.lines import MAX_LINE
from nanoagent.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # no such locks on Windows
    fcntl = None  # type: ignore[assignment]

_logger = logging.getLogger(__name__)

DIRECTORY_VARIABLE: Final = "NANOAGENT_SPOOL_DIR"
"""The directory of the spools; by default `nanoagent/spool` in the user's state directory."""
SIZE_VARIABLE: Final = "NANOAGENT_SPOOL_MAX_MB"
"""How much all files in the directory may take together, in megabytes of 1,000,000 bytes."""
DEFAULT_MAX_MB: Final = 256
PREFIX: Final = "spans-"
SUFFIX: Final = ".jsonl"
SPANS_A_LINE: Final = 64
LINE_BYTES: Final = 4 * 2**20
"""About what the spans of a line take at most; one that takes more is alone in its line."""
_CHECKS: Final = 64
"""So many times while the directory fills up it is looked what others have written there."""


class Spool:
    """Takes spans as lines of OTLP JSON, each written whole or not at all. Safe under threads and forks.

    The file is open only while a line is written: there is nothing to close, and whoever sends spools need not wait for
    the end of the process.
    """

    def __init__(self, directory: Path, *, max_bytes: int = DEFAULT_MAX_MB * 1_000_000) -> None:
        """Make no file yet: there is one, of this process alone, once there is something to write."""
        self._directory = directory
        self._max_bytes = max_bytes
        # A finalizer that ends a span may come here again, where no thread can start to do it: in a file of its own.
        self._lock = threading.RLock()
        self._descriptor: int | None = None
        """The file while it is written to."""
        self._others_bytes = 0
        self._check_at = 0
        self._told: set[str] = set()
        self.path: Path | None = None
        """The file, once there is one."""

    def write(self, spans: Sequence[ReadableSpan]) -> int:
        """Write the spans; how many of them are on disk now. It never raises."""
        with self._lock:
            return sum(
                self._written(part)
                for start in range(0, len(spans), SPANS_A_LINE)
                for part in parts_of(spans[start : start + SPANS_A_LINE], LINE_BYTES)
            )

    def after_fork(self) -> None:
        """The process is a forked child: what it writes goes to a file of its own."""
        self._lock = threading.RLock()
        self.path = None
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:  # another thread was writing
            os.close(descriptor)

    def _written(self, spans: Sequence[ReadableSpan]) -> int:
        line = self._line(spans)
        if line is None:
            # One that cannot be encoded must not take the others with it.
            return sum(self._written([span]) for span in spans) if len(spans) > 1 else 0
        try:
            return len(spans) if self._append(line) else 0
        except OSError as error:
            self._tell_once(f"{type(error).__name__}: {error.strerror}")
            return 0

    def _line(self, spans: Sequence[ReadableSpan]) -> bytes | None:
        try:
            line = as_line(spans)
            # Nobody reads longer lines.
            return line if len(line) <= MAX_LINE else as_line([shortened(span) for span in spans])
        except Exception as error:
            self._tell_once(f"a span cannot be encoded: {type(error).__name__}")
            return None

    def _append(self, line: bytes) -> bool:
        around, descriptor = self._descriptor, self._opened()
        self._descriptor = descriptor
        try:
            size = os.fstat(descriptor).st_size
            if not self._has_room(size, len(line)):
                self._tell_once(f"{self._max_bytes / 1e6:,.0f} MB are reached: send them, or raise {SIZE_VARIABLE}")
                return False
            try:
                rest = line
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            except OSError:
                self._take_back(descriptor, size)
                raise
            return True
        finally:
            _free(descriptor)
            os.close(descriptor)
            self._descriptor = around

    def _take_back(self, descriptor: int, size: int) -> None:
        """What is there of a line that could not be written goes."""
        try:
            os.ftruncate(descriptor, size)
        except OSError:
            self.path = None  # the next line must not continue it

    def _has_room(self, own_bytes: int, length: int) -> bool:
        """Whether so many bytes more are within what all files may take; others write, too, and files are sent."""
        size = own_bytes + length
        if size > self._check_at or self._others_bytes + size > self._max_bytes:
            self._others_bytes = max(0, _bytes_in(self._directory) - own_bytes)
            self._check_at = size + self._max_bytes // _CHECKS
        return self._others_bytes + size <= self._max_bytes

    def _opened(self) -> int:
        """The file of this process, taken; a new one where there is none, or where somebody sends or has sent it."""
        if self.path is not None:
            with suppress(OSError):
                descriptor = _taken(self.path, 0)
                if descriptor is not None:
                    return descriptor
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            path = self._directory / f"{PREFIX}{stamp}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
            # Whoever sends spools can be faster, and takes an empty one away.
            descriptor = _taken(path, os.O_CREAT | os.O_EXCL)
            if descriptor is not None:
                self.path, self._check_at = path, 0
                return descriptor

    def _tell_once(self, what: str) -> None:
        if what not in self._told and len(self._told) < 8:
            self._told.add(what)
            _logger.warning("spans cannot be spooled in %s: %s", self._directory, what)


def _taken(path: Path, flags: int) -> int | None:
    """The file, opened to append to it and taken; `None` where somebody else has it or has replaced it."""
    flags |= os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    if is_taken(descriptor) and os.fstat(descriptor).st_nlink:
        return descriptor
    os.close(descriptor)
    return None


def is_taken(descriptor: int) -> bool:
    """Take the file for as long as the descriptor is open; false where somebody else has it.

    Where there are no such locks, it is taken by everybody who wants it.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _free(descriptor: int) -> None:
    """Let others take the file, though a child that was forked meanwhile may have it open."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_spool(path: Path) -> bool:
    """Whether it is a file that a spool has made, as its name says."""
    return path.name.startswith(PREFIX) and path.name.endswith(SUFFIX) and path.is_file() and not path.is_symlink()


def as_line(spans: Sequence[ReadableSpan]) -> bytes:
    """The spans as a line of OTLP JSON, its end included."""
    return json.dumps(encode_spans(spans).to_dict(), separators=(",", ":")).encode() + b"\n"


def _bytes_in(directory: Path) -> int:
    return sum(map(_bytes_of, os.scandir(directory)))


def _bytes_of(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size if entry.is_file(follow_symlinks=False) else 0
    except OSError:  # it has just been sent
        return 0


def spool_in(env: Mapping[str, str]) -> Spool:
    """The spool that the environment asks for.

    Raises:
        ConfigurationError: The size is no positive number.
    """
    value = env.get(SIZE_VARIABLE, "").strip() or str(DEFAULT_MAX_MB)
    if not value.isdecimal() or int(value) < 1:
        raise ConfigurationError(f"{SIZE_VARIABLE} must be a whole number of megabytes from 1, got {value!r}")
    return Spool(spool_directory(env), max_bytes=int(value) * 1_000_000)


def spool_directory(env: Mapping[str, str]) -> Path:
    """Where the spools of this user are.

    Raises:
        ConfigurationError: The variable names no directory that can be written.
    """
    said = env.get(DIRECTORY_VARIABLE, "").strip()
    if said:
        return _directory(said)
    from platformdirs import user_state_path

    return user_state_path("nanoagent", appauthor=False) / "spool"


def _directory(said: str) -> Path:
    """The directory of that name, wherever the process goes from here; it may have to be made."""
    try:
        directory = Path(said).expanduser().absolute()
        there = next(path for path in (directory, *directory.parents) if path.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return directory
        problem = f"{there} cannot be written" if there.is_dir() else f"{there} is no directory"
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: of ~name, where there is no such user
        problem = getattr(error, "strerror", None) or str(error)
    raise ConfigurationError(f"{DIRECTORY_VARIABLE} must name a directory that can be written, got {said!r}: {problem}")
