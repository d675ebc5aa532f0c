"""Collectors of OTLP over HTTP."""

import gzip
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from instrumentation.testing.behaviours import Behaviour
from instrumentation.testing.collector import Collector
from instrumentation.testing.exchange import HttpExchange, Refusal
from instrumentation.testing.signals import Request, Signal, signal_at
from instrumentation.testing.sockets import reserved, reset, shut

_DECODERS: dict[str | None, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


@contextmanager
def serve_http(behaviour: Behaviour, comes_after_s: float) -> Iterator[Collector]:
    """A collector that listens after that time, on a port that is its own from now on."""
    with reserved() as (listener, port):
        collector = Collector(f"http://127.0.0.1:{port}")
        server = _Server(collector, behaviour)
        server.socket.close()
        server.socket = listener
        serving = threading.Thread(target=server.serve_after, args=(comes_after_s,), daemon=True)
        if not comes_after_s:
            server.server_activate()
        serving.start()
        try:
            yield collector
        finally:
            server.close()
            serving.join(5)


class _Server(ThreadingHTTPServer):
    """A server that closes without waiting for what hangs in it."""

    block_on_close = False
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, collector: Collector, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.collector = collector
        self.behaviour = behaviour
        self._open: set[Any] = set()

    def serve_after(self, seconds: float) -> None:
        if seconds and not self.collector.ended.wait(seconds):
            self.server_activate()
        self.serve_forever(0.01)

    def close(self) -> None:
        self.collector.ended.set()
        self.shutdown()
        for connection in list(self._open):
            shut(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that has gone is no news."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        signal = signal_at(self.path)
        number = self.server.collector.asked(self.path, dict(self.headers.items()))
        if "Content-Length" not in self.headers:
            self.close_connection = True
            self._answer_only(411)
        elif signal is None:
            self.read()
            self._answer_only(404)
        else:
            self._behave(_Exchange(self, number, signal))

    def do_GET(self) -> None:
        """A look at the address is no request."""
        self._answer_only(405)

    def read(self) -> bytes:
        """The body, as it was before it was compressed."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return _DECODERS.get(self.headers.get("Content-Encoding"), bytes)(body)

    def log_message(self, *_: object) -> None:
        pass

    def _behave(self, exchange: "_Exchange") -> None:
        try:
            self.server.behaviour(exchange)
        except (DecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            exchange.answer(400, f"this is no OTLP in protobuf: {error}".encode())

    def _answer_only(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


class _Exchange(HttpExchange):
    def __init__(self, handler: _Handler, number: int, signal: Signal) -> None:
        super().__init__(handler.server.collector, number)
        self.path = handler.path
        self._handler = handler
        self._signal = signal

    @cached_property
    def _body(self) -> bytes:
        return self._handler.read()

    def request(self) -> Request:
        request: Request = self._signal.request.FromString(self._body)
        return request

    def read_some(self, count: int) -> None:
        self._handler.rfile.read(count)

    def accept(self, rejected: int) -> None:
        content = self._signal.response(rejected).SerializeToString()
        self.answer(200, content, {"Content-Type": "application/x-protobuf"})

    def refuse(self, refusal: Refusal) -> None:
        _ = self._body
        again = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
        self.answer(refusal.status, refusal.details.encode(), {"Content-Type": "text/plain", **again})

    def reset(self) -> None:
        self._handler.close_connection = True
        reset(self._handler.connection)

    def answer(
        self, status: int, content: bytes = b"", headers: Mapping[str, str] | None = None, *, pause_s: float = 0.0
    ) -> None:
        lines = [f"HTTP/1.1 {status} {self._handler.responses.get(status, ('',))[0]}"]
        lines += [f"{key}: {value}" for key, value in {**(headers or {}), "Content-Length": len(content)}.items()]
        data = "\r\n".join([*lines, "", ""]).encode() + content
        for part in [data[at : at + 1] for at in range(len(data))] if pause_s else [data]:
            self._handler.wfile.write(part)
            if pause_s:
                self.wait(pause_s)
