"""What goes wrong below HTTP and gRPC: closed ports, connections that break off, servers of something else."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


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
    for connection in _accepted(server, ended):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            connection.recv(65_536)
            for part in parts:
                connection.sendall(part)
                ended.wait(0.02)


def _accepted(listener: socket.socket, ended: threading.Event) -> Iterator[socket.socket]:
    """Its connections, until the end."""
    listener.settimeout(0.02)
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            yield listener.accept()[0]


@contextlib.contextmanager
def reset_often(url: str, *, after_bytes: int = 300) -> Iterator[str]:
    """A URL whose connections lead to `url`, but every other one breaks off, beginning with the first.

    It breaks off when the client has sent so much: of gRPC, 300 bytes are within the first request.
    """
    with Relay(urlsplit(url).port or 0, 0.0, reset_after_bytes=after_bytes) as relay:
        yield relay.url


class Relay:
    """A port of its own that leads to another, so that connections can be broken off."""

    def __init__(self, port: int, comes_after_s: float, *, reset_after_bytes: int | None = None) -> None:
        self._port = port
        self._comes_after_s = comes_after_s
        self._reset_after_bytes = reset_after_bytes
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        self._listener, port = self._stack.enter_context(reserved())
        self.url = f"http://127.0.0.1:{port}"
        if not self._comes_after_s:
            self._listener.listen(128)
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            shut(client)
        for thread in self._threads:
            thread.join(5)
        self._stack.close()

    def reset_connections(self) -> None:
        """Break all connections off, without a word."""
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            reset(client)

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        if self._comes_after_s and not self._ended.wait(self._comes_after_s):
            self._listener.listen(128)
        for number, client in enumerate(_accepted(self._listener, self._ended)):
            self._start(self._connect, client, None if number % 2 else self._reset_after_bytes)

    def _connect(self, client: socket.socket, reset_after_bytes: int | None) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self._port)) as server:
            with self._lock:
                self._clients.add(client)
            self._start(_pass_on, server, client, None)
            _pass_on(client, server, reset_after_bytes)
            with self._lock:
                self._clients.discard(client)


def _pass_on(source: socket.socket, sink: socket.socket, reset_after_bytes: int | None) -> None:
    count = 0
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            count += len(data)
            if reset_after_bytes is not None and count > reset_after_bytes:
                reset(source)
                break
            sink.sendall(data)
    shut(sink)


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
