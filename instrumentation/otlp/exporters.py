"""The exporters, built from the standard environment variables."""

import contextlib
import io
import math
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Literal, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.trace.export import SpanExporter

from instrumentation.otlp.answers import Answer, hear
from instrumentation.otlp.headers import headers_in, parsed_headers
from instrumentation.selection import FILE, JAEGER
from nanoagent.errors import ConfigurationError

FILE_VARIABLE: Final = "OTEL_EXPORTER_FILE_PATH"
"""Where the `file` exporter appends."""
DEFAULT_FILE: Final = "nanoagent-traces.jsonl"
"""Where it appends when the variable is unset or empty: in the working directory."""

_MAX_BATCH_BYTES: Final = {"http/protobuf": 16 * 2**20, "grpc": 3 * 2**20}
"""What receivers take by default is 20 and 4 MiB; the rest is room for what an estimate misses."""
_CREDENTIAL_PROVIDERS: Final = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)

SHORTEST_CREDENTIAL: Final = 8

Protocol = Literal["http/protobuf", "grpc"]
Compression = Literal["none", "gzip", "deflate"]

_DEFAULT_ENDPOINTS: Final[dict[Protocol, str]] = {
    "http/protobuf": "http://localhost:4318/v1/traces",
    "grpc": "http://localhost:4317",
}


@dataclass(frozen=True, kw_only=True)
class Outlet:
    """An exporter, where it sends, and how much at a time."""

    name: str
    """The name that chose it: file, jaeger or otlp."""
    build: Callable[[], SpanExporter]
    """Makes the exporter, at set-up and anew in a forked child, which cannot share a connection."""
    endpoint: str | None = None
    """The URL it sends to; `None` for a file."""
    protocol: Protocol | None = None
    max_batch_bytes: int = 2**63
    """A batch above this, as `sizes` estimates it, is not sent in one."""


@dataclass(frozen=True, kw_only=True)
class OtlpSettings:
    """What the standard `OTEL_EXPORTER_OTLP_*` variables say about traces, the signal's own before the general ones."""

    protocol: Protocol
    endpoint: str
    """The whole URL, path included."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; the values are often credentials."""
    timeout_s: float
    """For one attempt to send a batch; as in the Python SDK, the variable is in seconds."""
    compression: Compression


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
        build=lambda: _built(name, build, settings),
        endpoint=settings.endpoint,
        protocol=settings.protocol,
        max_batch_bytes=_MAX_BATCH_BYTES[settings.protocol],
    )


def otlp_settings(env: Mapping[str, str], *, compression: Compression = "none") -> OtlpSettings:
    """The settings of an OTLP exporter.

    Args:
        env: The environment variables; an empty one counts as unset.
        compression: What is used when no variable says so.

    Raises:
        ConfigurationError: A variable has a value that cannot be used.
    """
    protocol = _protocol(env)
    return OtlpSettings(
        protocol=protocol,
        endpoint=_endpoint(env, protocol),
        headers=_headers(env, protocol),
        timeout_s=_timeout_s(env),
        compression=_compression(env, protocol, compression),
    )


def credentials_in(env: Mapping[str, str]) -> list[str]:
    """What may be a credential of a destination: values of headers, the password and the query of the address.

    Short ones are left out: they are names, such as a tenant's, and may be words of any text.
    """
    headers, _ = parsed_headers(_said(env, "HEADERS")[1])
    found = [part for value in headers.values() for part in (value, value.rpartition(" ")[2])]
    with contextlib.suppress(ValueError):
        parts = urlsplit(_said(env, "ENDPOINT")[1])
        found += [unquote(parts.password or ""), *(value for _, value in parse_qsl(parts.query))]
    return [one for one in dict.fromkeys(found) if len(one) >= SHORTEST_CREDENTIAL]


def _said(env: Mapping[str, str], suffix: str) -> tuple[str, str]:
    """The variable that decides, and its value; an empty value where none is set."""
    variables = (f"OTEL_EXPORTER_OTLP_TRACES_{suffix}", f"OTEL_EXPORTER_OTLP_{suffix}")
    variable = next((variable for variable in variables if env.get(variable)), variables[-1])
    return variable, env.get(variable, "")


def _headers(env: Mapping[str, str], protocol: Protocol) -> Mapping[str, str]:
    variable, value = _said(env, "HEADERS")
    return headers_in(variable, value, as_metadata=protocol == "grpc")


def _protocol(env: Mapping[str, str]) -> Protocol:
    variable, value = _said(env, "PROTOCOL")
    match value.strip().lower() if value else "http/protobuf":
        case "http/protobuf":
            return "http/protobuf"
        case "grpc":
            return "grpc"
    raise ConfigurationError(f"{variable} must be http/protobuf or grpc, got {value!r}")


def _endpoint(env: Mapping[str, str], protocol: Protocol) -> str:
    variable, value = _said(env, "ENDPOINT")
    if not value:
        return _DEFAULT_ENDPOINTS[protocol]
    if re.search(r"[\s'\"]", value):
        raise ConfigurationError(f"{variable} must be a URL without blanks and quotes, got {_masked(value)!r}")
    # The OTLP specification lets a gRPC endpoint be whatever the gRPC library takes.
    if protocol == "grpc":
        if "@" in value.partition("://")[2].partition("/")[0]:
            raise ConfigurationError(
                f"{variable} must have no user and password with grpc, got {_masked(value)!r}; "
                "give credentials in OTEL_EXPORTER_OTLP_HEADERS"
            )
        return value
    if not _is_web_url(value):
        raise ConfigurationError(
            f"{variable} must be a URL such as {_DEFAULT_ENDPOINTS[protocol]}, got {_masked(value)!r}"
        )
    return value if "_TRACES_" in variable else f"{value.removesuffix('/')}/v1/traces"


def _is_web_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _masked(url: str) -> str:
    """The URL without what may be secret in it: user, password and query."""
    hidden, at, place = url.rpartition("@")
    scheme = re.match(r"[^:/@]*://", hidden)
    return f"{scheme[0] if scheme else ''}{'***@' if at else ''}{place}".partition("?")[0]


def _timeout_s(env: Mapping[str, str]) -> float:
    variable, value = _said(env, "TIMEOUT")
    try:
        timeout_s = float(value or 10)
    except ValueError:
        timeout_s = math.nan
    if not 0 < timeout_s < math.inf:
        raise ConfigurationError(f"{variable} must be a number of seconds > 0, got {value!r}")
    return timeout_s


def _compression(env: Mapping[str, str], protocol: Protocol, default: Compression) -> Compression:
    variable, value = _said(env, "COMPRESSION")
    match value.strip().lower() if value else default:
        case "none":
            return "none"
        case "gzip":
            return "gzip"
        case "deflate" if protocol != "grpc":
            return "deflate"
    raise ConfigurationError(f"{variable} must be none, gzip or (without grpc) deflate, got {value!r}")


def _built(name: str, build: Callable[[OtlpSettings], SpanExporter], settings: OtlpSettings) -> SpanExporter:
    try:
        return build(settings)
    except Exception as error:
        # What an exporter says of a bad header can quote it.
        reason = str(error)
        for value in settings.headers.values():
            reason = reason.replace(value, "***")
        raise ConfigurationError(f"the exporter {name} cannot be set up: {type(error).__name__}: {reason}") from None


def _http_exporter(settings: OtlpSettings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    from instrumentation.otlp.http_session import HeardSession

    return OTLPSpanExporter(
        endpoint=settings.endpoint,
        headers=settings.headers,
        timeout=settings.timeout_s,
        compression=HttpCompression(settings.compression),
        # A credential provider makes a session of its own.
        session=None if any(os.environ.get(variable) for variable in _CREDENTIAL_PROVIDERS) else HeardSession(),
    )


def _grpc_exporter(settings: OtlpSettings) -> SpanExporter:
    # Read when gRPC is loaded. By default it says on stderr, in words of its own, that a receiver has restarted.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from grpc import Compression as GrpcCompression  # type: ignore[import-untyped]
    from grpc import StatusCode

    from instrumentation.otlp.grpc_exporter import HeardExporter

    return HeardExporter(
        endpoint=settings.endpoint,
        headers=dict(settings.headers),
        timeout=settings.timeout_s,
        compression=GrpcCompression.Gzip if settings.compression == "gzip" else GrpcCompression.NoCompression,
        # It is not to try again by itself, because nobody can interrupt that; of no code at all it would take its own.
        retryable_error_codes=[StatusCode.OK],
    )


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
