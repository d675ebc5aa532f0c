"""Ports that are closed, and connections that break off."""

import contextlib
import socket
import struct
from collections.abc import Iterator


@contextlib.contextmanager
def reserved() -> Iterator[tuple[socket.socket, int]]:
    """A socket that nobody else can have the port of, and its port: closed until `listen` is called."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener, listener.getsockname()[1]


@contextlib.contextmanager
def closed_port() -> Iterator[str]:
    """The URL of a port where nothing listens."""
    with reserved() as (_, port):
        yield f"http://127.0.0.1:{port}"


def reset(connection: socket.socket) -> None:
    """Break a connection off with RST, also where another thread is reading from it."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Whoever reads holds the connection open, and a file made of it would end it politely.
        connection.shutdown(socket.SHUT_RD)
        socket.close(connection.detach())


def shut(connection: socket.socket) -> None:
    """End a connection or a listener, and wake up who waits for it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
