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
SUFFIX: Final = ".jsonl"
SPANS_A_LINE: Final = 64


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
        self._told: set[str] = set()
        self.path: Path | None = None
        """The file, once there is one."""

    def write(self, spans: Sequence[ReadableSpan]) -> int:
        """Write the spans; how many of them are on disk now. It never raises."""
        with self._lock:
            return sum(
                self._written(spans[start : start + SPANS_A_LINE]) for start in range(0, len(spans), SPANS_A_LINE)
            )

    def after_fork(self) -> None:
        """The process is a forked child: what it writes goes to a file of its own."""
        self._lock = threading.Lock()
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self.path = None, None

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
            return json.dumps(encode_spans(spans).to_dict(), separators=(",", ":")).encode() + b"\n"
        except Exception as error:
            self._tell_once(f"a span cannot be encoded: {type(error).__name__}")
            return None

    def _append(self, line: bytes) -> bool:
        descriptor = self._descriptor if self._descriptor is not None else self._open()
        if self._others_bytes + self._size + len(line) > self._max_bytes:
            self._tell_once(f"{self._max_bytes / 1e6:,.0f} MB are reached: send them, or raise {SIZE_VARIABLE}")
            return False
        try:
            rest = line
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            os.ftruncate(descriptor, self._size)
            raise
        self._size += len(line)
        return True

    def _open(self) -> int:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._others_bytes = sum(entry.stat().st_size for entry in os.scandir(self._directory) if entry.is_file())
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path = self._directory / f"spans-{stamp}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o600)
        self._size = 0
        self.path = path
        if fcntl is not None:
            # As long as it is held, nobody takes the file away.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._descriptor

    def _tell_once(self, what: str) -> None:
        if what not in self._told and len(self._told) < 8:
            self._told.add(what)
            _logger.warning("spans cannot be spooled in %s: %s", self._directory, what)


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
