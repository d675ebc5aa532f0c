"""Replies as providers word them: OpenAI's Chat Completions and Responses, Anthropic's Messages, streamed or not."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ledger import Reply


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
        start: dict[str, Any]
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


BODIES: Final[Mapping[str, Callable[[str, Reply, int], dict[str, Any]]]] = {
    "completions": _chat,
    "responses": _response,
    "messages": _message,
}
"""The body of an answer, by the last part of the path that was asked; from the model, the reply and its number."""
STREAMS: Final[Mapping[str, Callable[[str, Reply, int], Iterator[str]]]] = {
    "completions": _chat_chunks,
    "responses": _response_events,
    "messages": _message_events,
}
"""The same as server-sent events."""
