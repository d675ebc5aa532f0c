"""The endpoint: where the metrics are scraped over HTTP."""

import errno
import gzip
import logging
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from prometheus_client.exposition import gzip_accepted

from nanoagent.tracing.failures import log_failure

_logger = logging.getLogger(__name__)

PATH: Final = "/metrics"
MAX_CONNECTIONS: Final = 32
"""Beyond these the oldest one is closed: whoever says nothing keeps nobody else out. Where that makes no room, because
all of them wait for a collection that hangs, the new one is closed."""
SILENCE_S: Final = 5.0
"""A client that sends or takes nothing for so long is left."""
NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Of an address that this machine does not have."""
_WAKING_S: Final = 0.5
"""It takes no longer to close, whatever the network is like."""
_ENDING_S: Final = 0.5
"""A client that was left is gone by then, unless metrics are being collected for it."""
_NO_FILE_S: Final = 0.1

Scrape = Callable[[str], tuple[bytes, str]]
"""Gives the metrics in the format that an `Accept` header asks for, and their content type."""


class Endpoint:
    """A small HTTP server that answers GET and HEAD of /metrics, each in a thread of its own."""

    def __init__(self, host: str, port: int, scrape: Scrape) -> None:
        """Listen; `start` begins to answer.

        Raises:
            OSError: Nobody can listen there, or somebody else does.
        """
        self._server = _server_at(host, port, scrape)
        named = f"[{host}]" if ":" in host else host
        self.port: Final[int] = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve, name="nanoagent-metrics-endpoint", daemon=True)
        self.url: Final = f"http://{named}:{self.port}{PATH}"

    def start(self) -> None:
        """Answer from now on, in a thread."""
        with suppress(RuntimeError):  # there can be no more of them
            self._thread.start()

    def close(self) -> None:
        """Answer nobody any more, and leave the port."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join(_WAKING_S)
        self._server.server_close()
        self._server.end_connections()

    def abandon(self) -> None:
        """Leave the port and the connections to the parent, in a forked child."""
        self._server.server_close()
        self._server.leave_connections()


def _server_at(host: str, port: int, scrape: Scrape) -> "_Server":
    """A server at the first of the host's addresses that can be had: some machines name one for localhost in vain."""
    failures: list[OSError] = []
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
        try:
            return _Server(family, address, scrape)
        except OSError as error:
            if error.errno not in NOT_HERE:
                raise
            failures.append(error)
    raise failures[0]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    # A port that was served a moment ago can be served again. On Windows it would be taken from whoever serves it now.
    allow_reuse_address = os.name == "posix"
    request_queue_size = 4 * MAX_CONNECTIONS

    def __init__(self, family: int, address: Any, scrape: Scrape) -> None:
        self.address_family = family
        self._scrape = scrape
        self._is_stopped = False
        self._can_scrape = True
        self._changed = threading.Condition()
        self._open: dict[Any, bool] = {}  # whether it was closed for another one, the oldest first
        super().__init__(address, _Handler)

    def serve(self) -> None:
        """Answer until it is stopped."""
        while not self._is_stopped:
            self.handle_request()

    def stop(self) -> None:
        """Let `serve` end, which would otherwise look up to see whether it shall, all the time."""
        self._is_stopped = True
        with suppress(OSError):  # it is enough on Linux, also where the process can open no more files
            self.socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError), socket.socket(self.address_family, self.socket_type) as waking:
            waking.settimeout(_WAKING_S)
            waking.connect(self.server_address)

    def get_request(self) -> Any:
        try:
            return super().get_request()
        except OSError:
            # Where the process can open no more files, the connection waits on, and would be looked at all the time.
            if not self._is_stopped:
                time.sleep(_NO_FILE_S)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self._is_stopped

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            if self._is_full():
                self._end_oldest()
                self._changed.wait_for(lambda: not self._is_full(), _ENDING_S)
            if self._is_full():
                raise ConnectionRefusedError  # whoever calls this closes it
            self._open[request] = False
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.pop(request, None)
            self._changed.notify()

    def end_connections(self) -> None:
        """Leave whoever is being answered."""
        with self._changed:
            for request in self._open:
                _end(request)

    def leave_connections(self) -> None:
        """Let another process go on answering."""
        for request in self._open:
            # Whoever answered has files of it open, which would keep it open here.
            with suppress(OSError):  # it was just closed
                os.close(request.detach())

    def scraped(self, accept: str) -> tuple[bytes, str] | None:
        """The metrics; `None` where they cannot be collected, which is said once, and anew after they could."""
        try:
            found = self._scrape(accept)
        except Exception:
            could, self._can_scrape = self._can_scrape, False
            if could:
                log_failure(_logger, "metrics could not be collected", level=logging.WARNING)
            return None
        self._can_scrape = True
        return found

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news, and no reason to write on stderr."""

    def _is_full(self) -> bool:
        return len(self._open) >= MAX_CONNECTIONS

    def _end_oldest(self) -> None:
        oldest = next((request for request, is_ended in self._open.items() if not is_ended), None)
        if oldest is not None:
            self._open[oldest] = True
            _end(oldest)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SILENCE_S
    server_version, sys_version = "nanoagent", ""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        if path == PATH:
            self._answer_with_metrics()
        elif path == "/":
            self._send(HTTPStatus.OK, f"The metrics are at {PATH}\n".encode())
        else:
            self._send(HTTPStatus.NOT_FOUND, f"Nothing is here; the metrics are at {PATH}\n".encode())

    def _answer_with_metrics(self) -> None:
        scraped = self.server.scraped(self.headers.get("Accept", ""))
        if scraped is None:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, b"The metrics could not be collected\n")
            return
        body, kind = scraped
        if gzip_accepted(self.headers.get("Accept-Encoding", "")):
            self._send(HTTPStatus.OK, gzip.compress(body), kind, {"Content-Encoding": "gzip"})
        else:
            self._send(HTTPStatus.OK, body, kind)

    def _send(
        self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8", headers: Any = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _end(connection: Any) -> None:
    with suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)
