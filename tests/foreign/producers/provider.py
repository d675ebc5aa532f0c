"""A model provider that answers from a script, over HTTP, and keeps the ledger of what it answered."""

import json
import time
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from ledger import Ledger, Reply, Served
from wires import BODIES, STREAMS


class FakeProvider:
    """The provider, at `url`."""

    def __init__(self) -> None:
        """Start to listen on a free local port."""
        self.ledger = Ledger()
        self._script: deque[Reply] = deque()
        provider = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.answer(request, provider.next_reply(request["model"]), len(provider.ledger.served))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def play(self, *replies: Reply) -> None:
        """Begin a case: a new ledger, and these replies in this order."""
        if self._script:
            raise RuntimeError(f"{len(self._script)} replies of the case before were not asked for")
        self.ledger = Ledger()
        self._script.extend(replies)

    def next_reply(self, model: str) -> Reply:
        """The reply to one request."""
        self.ledger.served.append(Served(model, self._script.popleft()))
        return self.ledger.served[-1].reply

    def check_played_out(self) -> None:
        """Fail if a reply was not asked for: the totals would be those of another case."""
        if self._script:
            raise RuntimeError(f"{len(self._script)} replies were not asked for")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, request: Mapping[str, Any], reply: Reply, number: int) -> None:
        time.sleep(reply.delay_s)
        if reply.unread:
            self.close_connection = True
            return
        if reply.status != 200:
            self._send(json.dumps({"error": {"message": "out of order", "type": "server_error"}}), status=reply.status)
            return
        kind = self.path.rsplit("/", 1)[-1].partition("?")[0]
        model = request["model"]
        if request.get("stream"):
            self._send("".join(STREAMS[kind](model, reply, number)), content_type="text/event-stream")
        else:
            self._send(json.dumps(BODIES[kind](model, reply, number)))

    def _send(self, body: str, *, status: int = 200, content_type: str = "application/json") -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Stay silent."""
