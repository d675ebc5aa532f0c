"""A provider for tests: a real HTTP server that speaks OpenAI's chat completions and fails as it is told to."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from pydantic_ai.models import override_allow_model_requests
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

LONGEST_WAIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Failing:
    """An answer that is none; status 0 breaks the connection off."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An answer that comes when somebody says so."""

    reply: str
    until: threading.Event


Reply = str | Failing | Waiting


@dataclass
class Provider:
    """What the server was asked, and when."""

    url: str
    model: OpenAIChatModel
    replies: list[Reply]
    """Given one after the other; the last one again and again."""
    asked_s: list[float] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def provider(*replies: Reply, model: str = "gpt-5-mini") -> Iterator[Provider]:
    """Start one on a free port of this machine; meanwhile models may be asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    url = f"http://127.0.0.1:{server.server_port}/v1"
    chat = OpenAIChatModel(model, provider=OpenAIProvider(base_url=url, api_key="none"))
    found = server.provider = Provider(url, chat, list(replies))  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with override_allow_model_requests(True):
            yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state: Provider = self.server.provider  # type: ignore[attr-defined]
        state.asked_s.append(time.monotonic())
        state.bodies.append(asked)
        reply = state.replies.pop(0) if len(state.replies) > 1 else state.replies[0]
        if isinstance(reply, Waiting):
            reply.until.wait(LONGEST_WAIT_S)
            reply = reply.reply
        if isinstance(reply, Failing) and reply.status == 0:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif isinstance(reply, Failing):
            self._send(reply.status, b'{"error": {"message": "not now"}}', reply.headers)
        elif asked.get("stream"):
            self._send(200, _stream(asked["model"], reply), {"Content-Type": "text/event-stream"})
        else:
            self._send(200, json.dumps(_completion(asked["model"], reply)).encode(), {})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | dict(headers)).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):  # who asked waits no more
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server asks for
        """Say nothing."""


_USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}


def _completion(model: str, text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": _USAGE,
    }


def _stream(model: str, text: str) -> bytes:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks = [head | {"choices": [choice]}, head | {"choices": [end]}, head | {"choices": [], "usage": _USAGE}]
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
