"""A model provider that answers from a script, over HTTP, and keeps the ledger of what it answered.

It speaks as much of OpenAI's Chat Completions and Responses and of Anthropic's Messages as the producers here ask for.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the provider answers to one request."""

    text: str = "done"
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """The tools that it asks for, with their arguments; the text is then left out."""
    input: int = 0
    """All input tokens, cached ones included."""
    output: int = 0
    """All output tokens, reasoning included."""
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    status: int = 200
    repeated: bool = False
    """Whether the client's own library repeats the request by itself: then it is no model call of its own."""
    no_tools: frozenset[str] = frozenset()
    """Names in `calls` that are no tools of the user's, as an output tool or a handoff."""
    delay_s: float = 0.0
    """How long the provider thinks before it answers."""
    unread: bool = False
    """Whether the caller has gone before the answer came."""


class Served(NamedTuple):
    """One request that was answered."""

    model: str
    reply: Reply


@dataclass
class Ledger:
    """What really happened in a case."""

    served: list[Served] = field(default_factory=list)
    failed_tool_calls: int = 0
    """The tools themselves note it here before they raise."""

    def answered(self) -> list[Served]:
        """The calls that came back with an answer."""
        return [one for one in self.served if one.reply.status == 200 and not one.reply.unread]

    def totals(self) -> dict[str, Any]:
        """The totals of the case, as the manifest names them."""
        calls = [one.reply for one in self.served if not one.reply.repeated]
        answered = [one.reply for one in self.answered()]
        tools = Counter(name for reply in answered for name, _ in reply.calls if name not in reply.no_tools)
        return {
            "model_calls": len(calls),
            "failed_calls": sum(reply.status != 200 for reply in calls),
            "cancelled_calls": sum(reply.unread for reply in calls),
            "calls_with_unknown_usage": len(calls) - len(answered),
            "input_tokens": sum(reply.input for reply in answered),
            "output_tokens": sum(reply.output for reply in answered),
            "cache_read_tokens": sum(reply.cached for reply in answered),
            "cache_write_tokens": sum(reply.written for reply in answered),
            "reasoning_tokens": sum(reply.reasoning for reply in answered),
            "tool_calls": sum(tools.values()),
            "failed_tool_calls": self.failed_tool_calls,
            "tools": dict(tools),
            "cost_usd": None,
        }


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
            make = {"completions": _chat_chunks, "responses": _response_events, "messages": _message_events}[kind]
            self._send("".join(make(model, reply, number)), content_type="text/event-stream")
        else:
            body = {"completions": _chat, "responses": _response, "messages": _message}[kind](model, reply, number)
            self._send(json.dumps(body))

    def _send(self, body: str, *, status: int = 200, content_type: str = "application/json") -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Stay silent."""


def _event(data: Mapping[str, Any] | str, name: str = "") -> str:
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "") + f"data: {text}\n\n"


def _chat_usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.input,
        "completion_tokens": reply.output,
        "total_tokens": reply.input + reply.output,
        "prompt_tokens_details": {"cached_tokens": reply.cached},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning},
    }


def _chat_message(reply: Reply, number: int) -> dict[str, Any]:
    if not reply.calls:
        return {"role": "assistant", "content": reply.text}
    calls = [
        {
            "id": f"call_{number}_{at}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for at, (name, arguments) in enumerate(reply.calls)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _chat(model: str, reply: Reply, number: int) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": _chat_message(reply, number),
        "finish_reason": "tool_calls" if reply.calls else "stop",
        "logprobs": None,
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": _chat_usage(reply),
    }


def _chat_chunks(model: str, reply: Reply, number: int) -> Iterator[str]:
    base = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": model}
    message = _chat_message(reply, number)
    if reply.calls:
        message["tool_calls"] = [{"index": at, **call} for at, call in enumerate(message["tool_calls"])]
    yield _event({**base, "choices": [{"index": 0, "delta": message, "finish_reason": None}]})
    ending = "tool_calls" if reply.calls else "stop"
    yield _event({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": ending}]})
    yield _event({**base, "choices": [], "usage": _chat_usage(reply)})
    yield _event("[DONE]")


def _response(model: str, reply: Reply, number: int) -> dict[str, Any]:
    output: list[dict[str, Any]] = [
        {
            "type": "function_call",
            "id": f"fc_{number}_{at}",
            "call_id": f"call_{number}_{at}",
            "name": name,
            "arguments": json.dumps(arguments),
            "status": "completed",
        }
        for at, (name, arguments) in enumerate(reply.calls)
    ]
    if not output:
        content = [{"type": "output_text", "text": reply.text, "annotations": []}]
        output = [
            {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content}
        ]
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "model": model,
        "status": "completed",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": reply.input,
            "input_tokens_details": {"cached_tokens": reply.cached},
            "output_tokens": reply.output,
            "output_tokens_details": {"reasoning_tokens": reply.reasoning},
            "total_tokens": reply.input + reply.output,
        },
    }


def _response_events(model: str, reply: Reply, number: int) -> Iterator[str]:
    response = _response(model, reply, number)
    sequence = 0
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    yield _event({"type": "response.created", "response": begun, "sequence_number": sequence}, "response.created")
    for at, item in enumerate(response["output"]):
        for kind in ("response.output_item.added", "response.output_item.done"):
            sequence += 1
            yield _event({"type": kind, "output_index": at, "item": item, "sequence_number": sequence}, kind)
    kind = "response.completed"
    yield _event({"type": kind, "response": response, "sequence_number": sequence + 1}, kind)


def _message(model: str, reply: Reply, number: int) -> dict[str, Any]:
    content: list[dict[str, Any]] = [
        {"type": "tool_use", "id": f"toolu_{number}_{at}", "name": name, "input": dict(arguments)}
        for at, (name, arguments) in enumerate(reply.calls)
    ]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content or [{"type": "text", "text": reply.text}],
        "stop_reason": "tool_use" if content else "end_turn",
        "stop_sequence": None,
        # This provider's own input count leaves out what was read from and written to its cache.
        "usage": {
            "input_tokens": reply.input - reply.cached - reply.written,
            "output_tokens": reply.output,
            "cache_read_input_tokens": reply.cached,
            "cache_creation_input_tokens": reply.written,
        },
    }


def _message_events(model: str, reply: Reply, number: int) -> Iterator[str]:
    message = _message(model, reply, number)
    usage = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield _event({"type": "message_start", "message": begun}, "message_start")
    for at, block in enumerate(message["content"]):
        if block["type"] == "text":
            start, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield _event({"type": "content_block_start", "index": at, "content_block": start}, "content_block_start")
        yield _event({"type": "content_block_delta", "index": at, "delta": delta}, "content_block_delta")
        yield _event({"type": "content_block_stop", "index": at}, "content_block_stop")
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    last = {"type": "message_delta", "delta": ending, "usage": {"output_tokens": reply.output}}
    yield _event(last, "message_delta")
    yield _event({"type": "message_stop"}, "message_stop")
