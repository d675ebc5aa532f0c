"""The addresses of receivers: why one does not work."""

import socket
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def diagnosis(
    endpoint: str,
    protocol: Literal["http/protobuf", "grpc"],
    *,
    status: int | None = None,
    web_page: bool = False,
    env: Mapping[str, str],
    timeout_s: float = 0.5,
) -> str | None:
    """What is wrong with the address, in one line; None where nothing is seen."""
    if not listening(endpoint, timeout_s):
        return (
            f"nothing listens at {shown(endpoint)}: traces will not arrive. "
            "Start Jaeger with: docker compose up -d jaeger"
        )
    return None


def listening(endpoint: str, timeout_s: float = 0.5) -> bool:
    """Whether a TCP connection to the endpoint's host and port can be made; true where that says nothing.

    It says nothing where a proxy is in between, or where the endpoint has no host, as a Unix socket.

    Args:
        endpoint: A URL, or `host:port`.
        timeout_s: For each of the host's addresses; looking the name up comes on top.
    """
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        if not host or ((parts.scheme or "http") in getproxies() and not proxy_bypass(host)):
            return True
        socket.create_connection((host, port), timeout_s).close()
    except (OSError, ValueError):
        return False
    return True


def shown(endpoint: str) -> str:
    """The endpoint without what may be secret in it: scheme, host and port.

    Example:
        >>> shown("http://user:secret@localhost:4318/v1/traces?key=1")
        'http://localhost:4318'
    """
    scheme, separator, rest = endpoint.rpartition("://")
    return f"{scheme}{separator}{rest.partition('?')[0].rpartition('@')[2].partition('/')[0]}"
