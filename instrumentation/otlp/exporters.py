"""The exporters, built from the standard environment variables."""

import io
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar, cast

from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.trace.export import SpanExporter

from instrumentation.otlp.answers import Answer, hear
from instrumentation.otlp.settings import OtlpSettings, Protocol, Signal, otlp_settings
from instrumentation.selection import FILE, JAEGER
from nanoagent.errors import ConfigurationError

FILE_VARIABLE: Final = "OTEL_EXPORTER_FILE_PATH"
"""Where the `file` exporter appends."""
DEFAULT_FILE: Final = "nanoagent-traces.jsonl"
"""Where it appends when the variable is unset or empty: in the working directory."""

_MAX_BATCH_BYTES: Final = {"http/protobuf": 16 * 2**20, "grpc": 3 * 2**20}
"""What receivers take by default is 20 and 4 MiB; the rest is room for what an estimate misses."""
ExporterT = TypeVar("ExporterT")


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Who telemetry is for."""

    name: str
    """The name that chose it, as otlp."""
    endpoint: str | None = None
    """The URL it is sent to; `None` for a file and the console."""
    protocol: Protocol | None = None
    signal: Signal = "traces"


@dataclass(frozen=True, kw_only=True)
class Outlet(Receiver):
    """An exporter of spans, where it sends, and how much at a time."""

    build: Callable[[], SpanExporter]
    """Makes the exporter, at set-up and anew in a forked child, which cannot share a connection."""
    max_batch_bytes: int = 2**63
    """A batch above this, as `sizes` estimates it, is not sent in one."""


def outlet_of(name: str, env: Mapping[str, str]) -> Outlet:
    """How to get spans out under that name.

    Args:
        name: file, jaeger or otlp.
        env: The environment variables; an empty one counts as unset. Certificates and credential providers are read
            by the OpenTelemetry exporters themselves, from the environment of the process.

    Raises:
        ConfigurationError: A variable has a value that cannot be used. `Outlet.build` raises it, too, where the file
            cannot be opened or an exporter refuses its settings.
    """
    if name == FILE:
        path = env.get(FILE_VARIABLE) or DEFAULT_FILE
        return Outlet(name=name, build=lambda: _file_exporter(path))
    settings = otlp_settings(env, compression="gzip" if name == JAEGER else "none")
    build = _grpc_exporter if settings.protocol == "grpc" else _http_exporter
    return Outlet(
        name=name,
        build=lambda: built(name, build, settings),
        endpoint=settings.endpoint,
        protocol=settings.protocol,
        max_batch_bytes=_MAX_BATCH_BYTES[settings.protocol],
    )


def built(name: str, build: Callable[[OtlpSettings], ExporterT], settings: OtlpSettings) -> ExporterT:
    """What `build` makes of the settings.

    Raises:
        ConfigurationError: It refuses them.
    """
    try:
        return build(settings)
    except Exception as error:
        # What an exporter says of a bad header can quote it.
        reason = str(error)
        for value in settings.headers.values():
            reason = reason.replace(value, "***")
        raise ConfigurationError(f"the exporter {name} cannot be set up: {type(error).__name__}: {reason}") from None


def http_arguments(settings: OtlpSettings) -> dict[str, Any]:
    """What the official HTTP exporters are made of, whatever they send."""
    from opentelemetry.exporter.otlp.proto.http import Compression

    from instrumentation.otlp.http_session import HeardSession

    variables = ("HTTP_CREDENTIAL_PROVIDER", f"HTTP_{settings.signal.upper()}_CREDENTIAL_PROVIDER")
    return {
        "endpoint": settings.endpoint,
        "headers": settings.headers,
        "timeout": settings.timeout_s,
        "compression": Compression(settings.compression),
        # A credential provider makes a session of its own.
        "session": None
        if any(os.environ.get(f"OTEL_PYTHON_EXPORTER_OTLP_{variable}") for variable in variables)
        else HeardSession(),
    }


def grpc_arguments(settings: OtlpSettings) -> dict[str, Any]:
    """What the official gRPC exporters are made of, whatever they send."""
    # Read when gRPC is loaded. By default it says on stderr, in words of its own, that a receiver has restarted.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from grpc import Compression, StatusCode  # type: ignore[import-untyped]

    return {
        "endpoint": settings.endpoint,
        "headers": dict(settings.headers),
        "timeout": settings.timeout_s,
        "compression": Compression.Gzip if settings.compression == "gzip" else Compression.NoCompression,
        # It is not to try again by itself, because nobody can interrupt that; of no code at all it would take its own.
        "retryable_error_codes": [StatusCode.OK],
    }


def _http_exporter(settings: OtlpSettings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(**http_arguments(settings))


def _grpc_exporter(settings: OtlpSettings) -> SpanExporter:
    arguments = grpc_arguments(settings)
    from instrumentation.otlp.grpc_exporter import HeardSpanExporter

    return HeardSpanExporter(**arguments)


def _file_exporter(path: str) -> SpanExporter:
    try:
        return _AppendingExporter(_LineFile(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"{FILE_VARIABLE} must name a file that can be written, got {path!r}: {reason}"
        ) from error


class _AppendingExporter(FileSpanExporter):
    """The official exporter, which leaves a stream that it was given open, on one that ends with it."""

    def __init__(self, stream: "_LineFile") -> None:
        super().__init__(stream=cast("IO[str]", stream))
        self._line_file = stream

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        super().shutdown(timeout_millis, **kwargs)
        self._line_file.close()


class _LineFile(io.TextIOBase):
    """A private file that each line reaches in one write(2), so that several processes can append to it."""

    _descriptor: int | None = None
    """`None` when the file could not be opened; Python closes what was only half made, too."""

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._descriptor = descriptor = os.open(path, flags, 0o600)
        # Whoever wrote before may have been killed within a line; ours must not continue it.
        self._is_torn = _ends_within_a_line(path, descriptor)

    def write(self, text: str, /) -> int:
        data = ("\n" if self._is_torn else "").encode() + text.encode()
        self._is_torn = True
        try:
            while data:
                data = data[os.write(self._open_descriptor, data) :]
        except OSError as error:
            hear(Answer(error=type(error).__name__))
            raise
        self._is_torn = False
        return len(text)

    def close(self) -> None:
        if not self.closed and self._descriptor is not None:
            os.close(self._descriptor)
        super().close()

    @property
    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise ValueError("the file is not open")
        return self._descriptor


def _ends_within_a_line(path: str, descriptor: int) -> bool:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        return False
    try:
        with Path(path).open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False
