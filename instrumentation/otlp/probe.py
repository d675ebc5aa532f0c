"""The probe: what listens at a host and port, found out without sending it anything that matters."""

import contextlib
import re
import socket
import time
from dataclasses import dataclass
from typing import Final, Literal

MAX_TIME_S: Final = 1.0
"""For all connections and answers of a probe; looking a name up comes on top."""
_MAX_BYTES: Final = 4_096
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""What a gRPC client says first: HTTP/2's preface, and an empty SETTINGS frame."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What answered."""

    speaks: Literal["http", "http/2", "tls"] | None
    """`None` where it said nothing in time, or nothing that is known."""
    is_web_page: bool = False


class Probe:
    """Connects to addresses and listens to them, for a bounded time in all."""

    def __init__(self, timeout_s: float) -> None:
        """Wait for each connection and each answer no longer than `timeout_s`."""
        self._timeout_s = timeout_s
        self._until_s = time.monotonic() + MAX_TIME_S

    def connect(self, host: str, port: int) -> socket.socket | OSError:
        """A connection to the first of the host's addresses that takes one, or why the first one did not."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        failures: list[OSError] = []
        for address in dict.fromkeys(str(entry[4][0]) for entry in found):
            try:
                return socket.create_connection((address, port), self._left_s())
            except OSError as error:
                failures.append(error)
        return failures[0]

    def greet_as_http(self, connection: socket.socket, host: str, path: str) -> Seen:
        """What the other side says to a GET."""
        request = f"GET {path or '/'} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
        return _seen(self._answer_to(connection, request.encode("ascii", "replace")))

    def greet_as_grpc(self, connection: socket.socket) -> Seen:
        """What the other side says to the beginning of an HTTP/2 connection."""
        return _seen(self._answer_to(connection, _PREFACE))

    def _answer_to(self, connection: socket.socket, greeting: bytes) -> bytes:
        answer = b""
        with contextlib.suppress(OSError), connection:
            connection.settimeout(self._left_s())
            connection.sendall(greeting)
            while len(answer) < _MAX_BYTES and not _is_enough(answer):
                connection.settimeout(self._left_s())
                if not (data := connection.recv(_MAX_BYTES)):
                    break
                answer += data
        return answer

    def _left_s(self) -> float:
        """Raises TimeoutError when there is no time left."""
        left_s = min(self._timeout_s, self._until_s - time.monotonic())
        if left_s <= 0:
            raise TimeoutError
        return left_s


def _is_enough(answer: bytes) -> bool:
    # What TLS servers answer to plain HTTP is a 400 that says so in its body.
    if answer.startswith(b"HTTP/"):
        return b"\r\n\r\n" in answer and b" 400" not in answer[:12]
    return len(answer) >= 9


def _seen(answer: bytes) -> Seen:
    if answer[3:9] == b"\4\0\0\0\0\0":  # a SETTINGS frame
        return Seen(speaks="http/2")
    if answer[:2] == b"\x15\3":  # a TLS alert
        return Seen(speaks="tls")
    if not answer.startswith(b"HTTP/1."):
        # Some servers answer what is no HTTP/1 to them with a bare page.
        return Seen(speaks="http" if answer[:9].lower().startswith((b"<!doctype", b"<html")) else None)
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 400" in head[:12] and re.search(rb"\b(?:HTTPS|SSL|TLS)\b", body):
        return Seen(speaks="tls")
    is_html = re.search(rb"\r\ncontent-type:\s*text/html", head, re.IGNORECASE) is not None
    return Seen(speaks="http", is_web_page=is_html and b" 200" in head[:12])
