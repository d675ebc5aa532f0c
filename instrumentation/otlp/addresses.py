"""The addresses of receivers: why one does not work, as a line that a person can act on."""

import contextlib
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from instrumentation.otlp.probe import Probe, Seen
from instrumentation.otlp.proxies import Proxy, proxy_between
from instrumentation.otlp.settings import Protocol, Signal


def diagnosis(
    endpoint: str,
    protocol: Protocol,
    *,
    signal: Signal = "traces",
    status: int | None = None,
    web_page: bool = False,
    env: Mapping[str, str],
    timeout_s: float = 0.5,
) -> str | None:
    """What is wrong with the address, in one line; `None` where nothing is seen. It never raises.

    It takes a second at most, and looking the name up; neither telemetry nor credentials are sent.

    Args:
        endpoint: Where it is sent, with the path.
        protocol: How.
        signal: What.
        status: HTTP's, of a request that was refused.
        web_page: A request was answered by a web page.
        env: Where proxies are named.
        timeout_s: For each of the host's addresses.

    Example:
        >>> diagnosis("http://localhost:4317/v1/traces", "http/protobuf", env={})
        'http://localhost:4317 speaks gRPC, not HTTP: ...'
    """
    try:
        place = Place.of(endpoint, protocol, signal)
        proxy = place and proxy_between(place.host, place.port, place.scheme or "http", protocol, env)
        if place is None or proxy:
            said = _answered(endpoint, signal, status, web_page=web_page)
            return _through(proxy, place, said, timeout_s) if place and proxy else said
        # A server that speaks TLS answers 400 to plain HTTP, if anything.
        if web_page or status not in (None, 400):
            return _answered(endpoint, signal, status, web_page=web_page)
        return _seen_at(place, env, Probe(timeout_s)) or _answered(endpoint, signal, status)
    except Exception:  # whatever it is, telling why nothing arrives must do no harm
        return None


def unreachable(endpoint: str, timeout_s: float = 0.5) -> str | None:
    """Why no TCP connection to the endpoint's host and port can be made; `None` where one can, or that says nothing.

    It says nothing where a proxy is in between, or where the endpoint has no host, as a Unix socket.

    Args:
        endpoint: A URL, or `host:port`.
        timeout_s: For each of the host's addresses; looking the name up comes on top.
    """
    try:
        place = Place.of(endpoint, "http/protobuf")
        if place is None or ((place.scheme or "http") in getproxies() and not proxy_bypass(place.host)):
            return None
        socket.create_connection((place.host, place.port), timeout_s).close()
    except (socket.gaierror, UnicodeError):
        return "its host cannot be found"
    except (OSError, ValueError):
        return "nothing listens"
    return None


def shown(endpoint: str) -> str:
    """The endpoint without what may be secret in it: scheme, host and port.

    Example:
        >>> shown("http://user:secret@localhost:4318/v1/traces?key=1")
        'http://localhost:4318'
    """
    try:
        parts = _split(endpoint)
        parts.port  # noqa: B018 - of what is no URL it cannot be said what in it is secret
    except ValueError:
        return "***"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".removeprefix("://")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A host and port that something is sent to."""

    signal: Signal
    protocol: Protocol
    scheme: str
    """Empty where none was given, which gRPC allows."""
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, endpoint: str, protocol: Protocol, signal: Signal = "traces") -> Self | None:
        """The place of an endpoint; `None` where gRPC does not find it by host and port.

        Raises:
            ValueError: The port is none.
        """
        if re.match(r"(?:unix|unix-abstract|vsock|dns|ipv4|ipv6|xds):", endpoint):
            return None
        parts = _split(endpoint)
        if not parts.hostname:
            return None
        default = 443 if parts.scheme == "https" or protocol == "grpc" else 80
        port = default if parts.port is None else parts.port
        return cls(
            signal=signal,
            protocol=protocol,
            scheme=parts.scheme,
            host=parts.hostname,
            port=port,
            path=parts.path,
        )

    def at(self, host: str) -> str:
        """Its URL, or `host:port`, with another host."""
        named = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        return f"{self.scheme}://{named}" if self.scheme else named

    def __str__(self) -> str:
        return self.at(self.host)

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it is a loopback address."""
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"

    def uses_tls(self, env: Mapping[str, str]) -> bool:
        """Whether the exporter speaks TLS to it; gRPC's does unless it is told otherwise."""
        if self.scheme == "https" or self.protocol != "grpc":
            return self.scheme == "https"
        own = f"OTEL_EXPORTER_OTLP_{self.signal.upper()}_INSECURE"
        insecure = env.get(own, env.get("OTEL_EXPORTER_OTLP_INSECURE"))
        return self.scheme != "http" if insecure is None else insecure.lower() != "true"


def _seen_at(place: Place, env: Mapping[str, str], probe: Probe) -> str | None:
    connection = probe.connect(place.host, place.port)
    if isinstance(connection, OSError):
        return _unreachable(place, connection, probe)
    uses_tls = place.uses_tls(env)
    if place.protocol == "grpc":
        seen = probe.greet_as_grpc(connection)
    else:
        # The path is for the receiver alone, and what is said here is not encrypted.
        seen = probe.greet_as_http(connection, place.host, "/" if uses_tls else place.path)
    return _wrong_security(place, seen, uses_tls=uses_tls) or _wrong_protocol(place, seen)


def _unreachable(place: Place, reason: OSError, probe: Probe) -> str:
    if isinstance(reason, socket.gaierror):
        return f"the host {place.host} of {place} cannot be found: {place.signal} will not arrive. Check its name"
    if place.is_on_this_machine:
        for host in ("127.0.0.1", "::1"):
            other = None if host == place.host else probe.connect(host, place.port)
            if isinstance(other, socket.socket):
                other.close()
                return f"nothing listens at {place}, but something does at {place.at(host)}: use that address"
        return f"nothing listens at {place}: {place.signal} will not arrive. {_START[place.signal]}"
    if isinstance(reason, ConnectionRefusedError):
        return f"nothing listens at {place}: {place.signal} will not arrive. Check the host and the port"
    return (
        f"{place} cannot be reached: {place.signal} will not arrive. Check the host, the port and firewalls in between"
    )


def _wrong_security(place: Place, seen: Seen, *, uses_tls: bool) -> str | None:
    if seen.speaks == "tls" and not uses_tls:
        return f"{place} speaks TLS: write https:// in the endpoint"
    if seen.speaks in ("http", "http/2") and uses_tls:
        insecure = " and leave OTEL_EXPORTER_OTLP_INSECURE unset" if place.protocol == "grpc" else ""
        return f"{place} does not speak TLS: write http:// in the endpoint{insecure}"
    return None


def _wrong_protocol(place: Place, seen: Seen) -> str | None:
    if place.protocol == "grpc" and seen.speaks == "http":
        return (
            f"{place} speaks HTTP, not gRPC: send to the port for gRPC, usually 4317, "
            "or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
        )
    if place.protocol == "http/protobuf" and seen.speaks == "http/2":
        return (
            f"{place} speaks gRPC, not HTTP: send to the port for HTTP, usually 4318, "
            "or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
        )
    return f"{place} {_web_page(place.signal)}" if seen.is_web_page else None


def _through(proxy: Proxy, place: Place, said: str | None, timeout_s: float) -> str | None:
    way_out = f"{proxy.exemption}={place.host} exempts it"
    if said is not None:
        return f"{said} (by way of the proxy that {proxy.variable} names; {way_out})"
    if place.is_on_this_machine:
        return f"{proxy.variable} sends what is for {place} to a proxy, though it is on this machine: {way_out}"
    proxy_place = Place.of(proxy.url, "http/protobuf")
    connection = proxy_place and Probe(timeout_s).connect(proxy_place.host, proxy_place.port)
    if isinstance(connection, socket.socket):
        connection.close()
        return None
    return f"the proxy that {proxy.variable} names for {place} cannot be reached: correct it; {way_out}"


_START: Final[Mapping[Signal, str]] = {
    "traces": "Start Jaeger with: docker compose up -d jaeger",
    "metrics": "Start a collector that takes metrics; Jaeger takes traces only",
}
_CREDENTIALS_WORDS: Final = "check the credentials in OTEL_EXPORTER_OTLP_HEADERS"
_PLAIN_WORDS: Final[Mapping[int | None, str]] = {
    401: _CREDENTIALS_WORDS,
    403: _CREDENTIALS_WORDS,
    407: "the proxy wants a user and a password, which stand in the URL of its variable",
    413: "a batch is too large for it. Raise its limit, max_request_body_size in an OpenTelemetry Collector",
}
_REDIRECTION_WORDS: Final = "it is not followed, because credentials are for this address alone. Set the new address"


def _answered(endpoint: str, signal: Signal, status: int | None, *, web_page: bool = False) -> str | None:
    if web_page:
        return f"{shown(endpoint)} {_web_page(signal)}"
    if status is None or 200 <= status < 300:
        return None
    words = _PLAIN_WORDS.get(status, _REDIRECTION_WORDS if 300 <= status < 400 else "see what the receiver logged")
    if status in (404, 405):
        words = _path_words(signal)
    return f"{shown(endpoint)}{_split(endpoint).path} answered {status}{_phrase(status)}: {words}"


def _web_page(signal: Signal) -> str:
    items = "spans" if signal == "traces" else signal
    return (
        f"answers with a web page and takes no {items}: send to the receiver, usually port 4318. "
        "Port 16686 is Jaeger's UI"
    )


def _path_words(signal: Signal) -> str:
    return (
        f"no receiver is at this path. OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT is used as it is, "
        f"to OTEL_EXPORTER_OTLP_ENDPOINT /v1/{signal} is added"
        + ("; Jaeger takes traces only" if signal == "metrics" else "")
    )


def _split(endpoint: str) -> SplitResult:
    return urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""
