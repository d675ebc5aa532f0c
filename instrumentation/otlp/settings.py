"""The settings of OTLP exporters, from the standard environment variables."""

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from instrumentation.otlp.headers import headers_in, parsed_headers
from nanoagent.errors import ConfigurationError

SHORTEST_CREDENTIAL: Final = 8

Signal = Literal["traces", "metrics"]
"""What is sent, as the names of variables and the paths of receivers have it."""
Protocol = Literal["http/protobuf", "grpc"]
Compression = Literal["none", "gzip", "deflate"]


@dataclass(frozen=True, kw_only=True)
class OtlpSettings:
    """What the standard `OTEL_EXPORTER_OTLP_*` variables say about a signal, its own before the general ones."""

    signal: Signal
    protocol: Protocol
    endpoint: str
    """The whole URL, path included."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; the values are often credentials."""
    timeout_s: float
    """For one attempt to send a batch; as in the Python SDK, the variable is in seconds."""
    compression: Compression


def otlp_settings(
    env: Mapping[str, str], *, signal: Signal = "traces", compression: Compression = "none"
) -> OtlpSettings:
    """The settings of an OTLP exporter.

    Args:
        env: The environment variables; an empty one counts as unset.
        signal: What it sends.
        compression: What is used when no variable says so.

    Raises:
        ConfigurationError: A variable has a value that cannot be used.
    """
    said = _Said(env=env, signal=signal)
    protocol = _protocol(said)
    return OtlpSettings(
        signal=signal,
        protocol=protocol,
        endpoint=_endpoint(said, protocol),
        headers=headers_in(*said("HEADERS"), as_metadata=protocol == "grpc"),
        timeout_s=_timeout_s(said),
        compression=_compression(said, protocol, compression),
    )


def credentials_in(env: Mapping[str, str]) -> list[str]:
    """What may be a credential of a receiver: values of headers, the password and the query of the address.

    Short ones are left out: they are names, such as a tenant's, and may be words of any text.
    """
    found: list[str] = []
    for signal in get_args(Signal):
        said = _Said(env=env, signal=signal)
        headers, _ = parsed_headers(said("HEADERS")[1])
        found += [part for value in headers.values() for part in (value, value.rpartition(" ")[2])]
        with contextlib.suppress(ValueError):
            parts = urlsplit(said("ENDPOINT")[1])
            found += [unquote(parts.password or ""), *(value for _, value in parse_qsl(parts.query))]
    return [one for one in dict.fromkeys(found) if len(one) >= SHORTEST_CREDENTIAL]


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What is said about a signal: the variable that decides, and its value; an empty value where none is set."""

    env: Mapping[str, str]
    signal: Signal

    def __call__(self, suffix: str) -> tuple[str, str]:
        variables = (f"OTEL_EXPORTER_OTLP_{self.signal.upper()}_{suffix}", f"OTEL_EXPORTER_OTLP_{suffix}")
        variable = next((variable for variable in variables if self.env.get(variable)), variables[-1])
        return variable, self.env.get(variable, "")


def _protocol(said: _Said) -> Protocol:
    variable, value = said("PROTOCOL")
    match value.strip().lower() if value else "http/protobuf":
        case "http/protobuf":
            return "http/protobuf"
        case "grpc":
            return "grpc"
    raise ConfigurationError(f"{variable} must be http/protobuf or grpc, got {value!r}")


def _endpoint(said: _Said, protocol: Protocol) -> str:
    variable, value = said("ENDPOINT")
    path = f"/v1/{said.signal}"
    if not value:
        return "http://localhost:4317" if protocol == "grpc" else f"http://localhost:4318{path}"
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
            f"{variable} must be a URL such as http://localhost:4318{path}, got {_masked(value)!r}"
        )
    return f"{value.removesuffix('/')}{path}" if variable == "OTEL_EXPORTER_OTLP_ENDPOINT" else value


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


def _timeout_s(said: _Said) -> float:
    variable, value = said("TIMEOUT")
    try:
        timeout_s = float(value or 10)
    except ValueError:
        timeout_s = math.nan
    if not 0 < timeout_s < math.inf:
        raise ConfigurationError(f"{variable} must be a number of seconds > 0, got {value!r}")
    return timeout_s


def _compression(said: _Said, protocol: Protocol, default: Compression) -> Compression:
    variable, value = said("COMPRESSION")
    match value.strip().lower() if value else default:
        case "none":
            return "none"
        case "gzip":
            return "gzip"
        case "deflate" if protocol != "grpc":
            return "deflate"
    raise ConfigurationError(f"{variable} must be none, gzip or (without grpc) deflate, got {value!r}")
