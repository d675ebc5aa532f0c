"""A web server of the tests' own that answers as it is told to, well or badly, over real sockets."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Behaviour = Callable[[socket.socket, threading.Event], object]
"""What is done with a connection whose request was read, until the server closes."""


@dataclass
class WebServer:
    """Where it is, and what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)
    """The first line and the headers of each request."""


@contextmanager
def serving(*behaviours: Behaviour) -> Iterator[WebServer]:
    """Answer each request with the next behaviour, the last one again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        server, closing = WebServer(f"http://{host}:{port}"), threading.Event()
        left, threads = list(behaviours), list[threading.Thread]()

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                behaviour = left.pop(0) if len(left) > 1 else left[0]
                threads.append(threading.Thread(target=handle, args=(connection, behaviour)))
                threads[-1].start()

        def handle(connection: socket.socket, behaviour: Behaviour) -> None:
            with connection:
                server.asked.append(connection.recv(65_536).decode())
                with suppress(OSError):  # whoever asked has gone
                    behaviour(connection, closing)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def answer(body: bytes | str, status: int = 200, content_type: str = "text/plain") -> Behaviour:
    """Answer as a good server does."""
    data = body.encode() if isinstance(body, str) else body
    return raw(head(status, len(data), content_type) + data)


def raw(data: bytes) -> Behaviour:
    """Send just these bytes."""
    return lambda connection, closing: connection.sendall(data)


def head(status: int, length: int, content_type: str = "text/plain") -> bytes:
    """The head of an answer."""
    return f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n".encode()


def hang(connection: socket.socket, closing: threading.Event) -> None:
    """Say nothing."""
    closing.wait(30)


def drip_body(connection: socket.socket, closing: threading.Event) -> None:
    """Promise an answer, and send a byte of it now and then."""
    connection.sendall(head(200, 1_000_000))
    while not closing.wait(0.02):
        connection.sendall(b" ")


def drip_pieces(connection: socket.socket, closing: threading.Event) -> None:
    """Promise a large answer, and send much of it now and then."""
    connection.sendall(head(200, 1_000_000_000))
    while not closing.wait(0.02):
        connection.sendall(b" " * 100_000)


def drip_head(connection: socket.socket, closing: threading.Event) -> None:
    """Send a header, byte by byte, that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not closing.wait(0.02):
        connection.sendall(b"x")


def cut(connection: socket.socket, closing: threading.Event) -> None:
    """End in the middle of an answer."""
    connection.sendall(head(200, 1_000) + b'{"result":')


def hang_up(connection: socket.socket, closing: threading.Event) -> None:
    """End without an answer."""


def closed_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
