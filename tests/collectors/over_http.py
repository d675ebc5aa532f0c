"""Collectors of OTLP over HTTP."""

import gzip
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.collectors.behaviours import Behaviour, HttpExchange, Refusal
from tests.collectors.collector import Collector
from tests.collectors.sockets import reserved, reset, shut

PROTOBUF = {"Content-Type": "application/x-protobuf"}
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
        number = self.server.collector.asked(self.path, dict(self.headers.items()))
        self.server.behaviour(_Exchange(self, number))

    def do_GET(self) -> None:
        """A look at the address is no request for spans."""
        self.send_response(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Exchange(HttpExchange):
    def __init__(self, handler: _Handler, number: int) -> None:
        super().__init__(handler.server.collector, number)
        self.path = handler.path
        self._handler = handler
        self._request: ExportTraceServiceRequest | None = None

    def request(self) -> ExportTraceServiceRequest:
        if self._request is None:
            headers = self._handler.headers
            body = self._handler.rfile.read(int(headers.get("Content-Length") or 0))
            decoded = _DECODERS.get(headers.get("Content-Encoding"), bytes)(body)
            self._request = ExportTraceServiceRequest.FromString(decoded)
        return self._request

    def read_some(self, count: int) -> None:
        self._handler.rfile.read(count)

    def accept(self, rejected_spans: int) -> None:
        partial = ExportTracePartialSuccess(rejected_spans=rejected_spans) if rejected_spans else None
        self.answer(200, ExportTraceServiceResponse(partial_success=partial).SerializeToString(), PROTOBUF)

    def refuse(self, refusal: Refusal) -> None:
        self.request()
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
