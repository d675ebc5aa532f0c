"""What goes wrong below HTTP and gRPC: connections that nobody reads or that break off, servers of something else."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from instrumentation.testing.relay import Relay, accepted


@contextlib.contextmanager
def accepting_only() -> Iterator[str]:
    """The URL of a server that takes connections, reads nothing and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def answering(*parts: bytes, host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a server that says this to whatever it is sent first, part by part, and closes the connection."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        ended = threading.Event()
        thread = threading.Thread(target=_answer_all, args=(server, parts, ended), daemon=True)
        thread.start()
        port = server.getsockname()[1]
        try:
            yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        finally:
            ended.set()
            thread.join(5)


def _answer_all(server: socket.socket, parts: tuple[bytes, ...], ended: threading.Event) -> None:
    for connection in accepted(server, ended):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            connection.recv(65_536)
            for part in parts:
                connection.sendall(part)
                ended.wait(0.02)


@contextlib.contextmanager
def reset_often(url: str, *, after_bytes: int = 300) -> Iterator[str]:
    """A URL whose connections lead to `url`, but every other one breaks off, beginning with the first.

    It breaks off when the client has sent so much: of gRPC, 300 bytes are within the first request.
    """
    with Relay(urlsplit(url).port or 0, 0.0, reset_after_bytes=after_bytes) as relay:
        yield relay.url
