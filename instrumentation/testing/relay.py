"""A port that leads to another, so that connections can be broken off."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from instrumentation.testing.sockets import reserved, reset, shut


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
        for number, client in enumerate(accepted(self._listener, self._ended)):
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


def accepted(listener: socket.socket, ended: threading.Event) -> Iterator[socket.socket]:
    """Its connections, until the end."""
    listener.settimeout(0.02)
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            yield listener.accept()[0]
