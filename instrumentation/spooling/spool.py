"""The spool: a private file of the process, for spans that could not be delivered."""

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
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
    """Takes spans as lines of OTLP JSON, each written whole or not at all. Safe under threads and forks."""

    def __init__(self, directory: Path, *, max_bytes: int = DEFAULT_MAX_MB * 1_000_000) -> None:
        """Make no file yet: there is one, of this process alone, once there is something to write."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._others_bytes = 0
        self._size = 0
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
        self._lock = threading.Lock()
        self._leave_file()

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
        descriptor = self._opened()
        if not self._has_room(len(line)):
            self._tell_once(f"{self._max_bytes / 1e6:,.0f} MB are reached: send them, or raise {SIZE_VARIABLE}")
            return False
        try:
            rest = line
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            self._take_back(descriptor)
            raise
        self._size += len(line)
        return True

    def _take_back(self, descriptor: int) -> None:
        """What is there of a line that could not be written goes."""
        try:
            os.ftruncate(descriptor, self._size)
        except OSError:
            self._leave_file()  # the next line must not continue it

    def _has_room(self, length: int) -> bool:
        """Whether so many bytes more are within what all files may take; others write, too, and files are sent."""
        size = self._size + length
        if size > self._check_at or self._others_bytes + size > self._max_bytes:
            self._others_bytes = max(0, _bytes_in(self._directory) - self._size)
            self._check_at = size + self._max_bytes // _CHECKS
        return self._others_bytes + size <= self._max_bytes

    def _opened(self) -> int:
        """The file of this process; a new one where there is none, or where somebody has taken it away."""
        if self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0:
            self._leave_file()
        return self._open() if self._descriptor is None else self._descriptor

    def _open(self) -> int:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path = self._directory / f"{PREFIX}{stamp}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o600)
        # Whoever sends spools can have been faster, and takes an empty one away.
        if not is_taken(descriptor) or os.fstat(descriptor).st_nlink == 0:
            os.close(descriptor)
            return self._open()
        self._descriptor, self.path, self._size, self._check_at = descriptor, path, 0, 0
        return descriptor

    def _leave_file(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self.path = None, None

    def _tell_once(self, what: str) -> None:
        if what not in self._told and len(self._told) < 8:
            self._told.add(what)
            _logger.warning("spans cannot be spooled in %s: %s", self._directory, what)


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
    """Where the spools of this user are."""
    said = env.get(DIRECTORY_VARIABLE, "").strip()
    if said:
        return Path(said).expanduser()
    from platformdirs import user_state_path

    return user_state_path("nanoagent", appauthor=False) / "spool"
