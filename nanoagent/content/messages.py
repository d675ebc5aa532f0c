"""pydantic-ai's messages as the GenAI conventions write them, and what of a conversation a chat has to show.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ links the JSON schemas.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from opentelemetry.util.types import AttributeValue
from pydantic_ai.messages import InstructionPart, ModelMessage, ModelRequest, ModelResponse, ToolReturn
from pydantic_ai.models import ModelRequestParameters

from nanoagent.content.content import Content
from nanoagent.content.fingerprints import fingerprint
from nanoagent.content.json_forms import Frame, JsonText, Messages, Parts
from nanoagent.tracing import names

Shown = Mapping[str, AttributeValue | None]
"""Attributes that hold content."""
_FINISH_REASON_OF_ANSWER = "stop"


@dataclass(kw_only=True, slots=True)
class _Conversation:
    """What the chats of one agent run have shown so far: no messages, which may change, but their fingerprints."""

    messages: int
    """How many the last request had."""
    fingerprint: int
    """Of these."""
    count: int
    """How many these are as the conventions count."""
    instructions: str | None
    answer: int | None = None
    """The fingerprint of the answer to that request."""


def chat_input(
    content: Content, span_id: str, messages: Sequence[ModelMessage], parameters: ModelRequestParameters
) -> Shown:
    """What a request shows: the messages that no chat before it in the agent's span has shown."""
    before: _Conversation | None = content.conversation(span_id)
    fingerprints = [fingerprint(message) for message in messages]
    offset, seen = _seen(before, fingerprints)
    written = Messages(message for one in messages[seen:] for message in _written(one))
    instructions = _instructions(messages, parameters)
    now = _Conversation(
        messages=len(messages),
        fingerprint=hash(tuple(fingerprints)),
        count=offset + len(written),
        instructions=instructions,
    )
    content.remember(span_id, now)
    is_told = instructions and (before is None or before.instructions != instructions)
    return {
        names.SYSTEM_INSTRUCTIONS: content.json_of_request(Parts([_text(instructions or "")])) if is_told else None,
        names.INPUT_MESSAGES: content.json_of_request(written) if written else None,
        names.INPUT_OFFSET: offset,
    }


def chat_output(content: Content, span_id: str, response: ModelResponse, *, failed: bool = False) -> Shown:
    """What an answer shows, as far as it came; `failed` says that an exception ended it."""
    conversation: _Conversation | None = content.conversation(span_id)
    if conversation is not None:
        conversation.answer = fingerprint(response)
    (message,) = _written(response)
    reason = "error" if failed else response.finish_reason or _reason_of(response)
    return {names.OUTPUT_MESSAGES: content.json(Messages([_finished(message, reason)]))}


def run_input(content: Content, prompt: Any) -> Shown:
    """What a run was asked, as a user's message; what pydantic-ai takes as a prompt is one."""
    parts = list(_user_parts(prompt))
    return {names.INPUT_MESSAGES: content.json(Messages([_message("user", parts)])) if parts else None}


def run_output(content: Content, output: object, finish_reason: str | None = None) -> Shown:
    """What a run answered, as an assistant's message."""
    text = output if isinstance(output, str) else content.json(output, is_shown=False)
    message = _message("assistant", [_text(text or "")])
    finished = _finished(message, finish_reason or _FINISH_REASON_OF_ANSWER)
    return {names.OUTPUT_MESSAGES: content.json(Messages([finished]))}


def tool_input(content: Content, arguments: Any) -> Shown:
    """What a tool was called with."""
    return {names.TOOL_ARGUMENTS: content.json(_arguments(arguments))}


def tool_output(content: Content, result: object) -> Shown:
    """What a tool returned."""
    return {names.TOOL_RESULT: content.json(result.return_value if isinstance(result, ToolReturn) else result)}


def _seen(before: _Conversation | None, fingerprints: Sequence[int]) -> tuple[int, int]:
    """How many messages stand on earlier chats, as the conventions count and as pydantic-ai does.

    Of a history that was rewritten none do.
    """
    if before is None or hash(tuple(fingerprints[: before.messages])) != before.fingerprint:
        return 0, 0
    if before.answer is not None and fingerprints[before.messages : before.messages + 1] == [before.answer]:
        return before.count + 1, before.messages + 1
    return before.count, before.messages


def _reason_of(response: ModelResponse) -> str:
    """Why an answer ended whose provider does not say."""
    if response.state in ("incomplete", "interrupted"):
        return "error"
    has_calls = any(part.part_kind == "tool-call" for part in response.parts)
    return "tool_call" if has_calls else _FINISH_REASON_OF_ANSWER


def _instructions(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> str | None:
    if parameters.instruction_parts is not None:
        return InstructionPart.join(parameters.instruction_parts) or None
    requests = (message for message in reversed(messages) if isinstance(message, ModelRequest))
    return next((request.instructions for request in requests if request.instructions), None)


def _written(message: ModelMessage) -> Iterator[Frame]:
    """A message in the conventions' form; a request is one for each role that speaks in it."""
    if isinstance(message, ModelResponse):
        parts = [part for one in message.parts for part in _response_parts(one)]
        yield _finished(_message("assistant", parts), message.finish_reason)
        return
    spoken = [(role, part) for one in message.parts for role, part in _request_parts(one)]
    for role, group in groupby(spoken, key=lambda pair: pair[0]):
        yield _message(role, [part for _, part in group])


def _request_parts(part: Any) -> Iterator[tuple[str, Frame]]:
    """The parts that a part of a request is, each with who speaks it; what no model is sent is none."""
    kind = part.part_kind
    if kind == "user-prompt":
        yield from (("user", one) for one in _user_parts(part.content))
    elif kind == "tool-return":
        yield "tool", _tool_response(part.tool_call_id, part.content)
    elif kind == "retry-prompt" and part.tool_name is not None:
        yield "tool", _tool_response(part.tool_call_id, part.model_response())
    elif kind in ("retry-prompt", "retry-feedback"):
        yield "user", _text(part.model_response())
    elif kind == "instruction-delta":
        yield "system", _text(part.render())
    elif isinstance(getattr(part, "content", None), str):
        yield "system" if kind == "system-prompt" else "user", _text(part.content)


def _response_parts(part: Any) -> Iterator[Frame]:
    kind = part.part_kind
    if kind in ("tool-call", "builtin-tool-call"):
        call = {"id": part.tool_call_id, "name": part.tool_name, "arguments": _arguments(part.args)}
        yield Frame(type="tool_call", **call)
    elif kind == "builtin-tool-return":
        yield _tool_response(part.tool_call_id, part.content)
    elif kind == "thinking":
        yield Frame(type="reasoning", content=part.content)
    elif kind == "file":
        yield _blob(part.content.media_type, len(part.content.data))
    elif isinstance(getattr(part, "content", None), str):
        yield _text(part.content)
    else:
        yield Frame(type=kind)


def _user_parts(content: Any) -> Iterator[Frame]:
    """The parts of what a user said: texts whole, files by their kind and their size or address."""
    for item in [content] if isinstance(content, str) else content or ():
        kind = getattr(item, "kind", None)
        if isinstance(item, str):
            yield _text(item)
        elif kind == "binary":
            yield _blob(item.media_type, len(item.data))
        elif kind == "uploaded-file":
            media_type = item.media_type
            yield Frame(type="file", modality=_modality(media_type), file_id=item.file_id, mime_type=media_type)
        elif isinstance(getattr(item, "url", None), str):
            yield _address(kind, item.url)
        elif isinstance(getattr(item, "content", None), str):
            yield _text(item.content)
        elif kind != "cache-point":
            yield Frame(type=kind or type(item).__name__)


def _arguments(given: Any) -> Any:
    """A tool's arguments as an object, which a model gives as the JSON of it or as it is."""
    return JsonText(given) if isinstance(given, str) else given or {}


def _address(kind: str | None, url: str) -> Frame:
    if url.startswith("data:"):
        head = url[: max(0, url.find(","))]
        return _blob(head.removeprefix("data:").partition(";")[0], (len(url) - len(head) - 1) * 3 // 4)
    return Frame(type="uri", modality=_modality((kind or "").removesuffix("-url")), uri=url)


def _blob(media_type: str, size_bytes: int) -> Frame:
    """What is not a text, by what it is: never its bytes, which the conventions' `blob` has to have."""
    return Frame(type="binary", modality=_modality(media_type), mime_type=media_type, size_bytes=size_bytes)


def _modality(kind: str) -> str:
    """One of those that the conventions name, or `document`."""
    modality = kind.partition("/")[0]
    return modality if modality in ("image", "audio", "video") else "document"


def _tool_response(call_id: str, response: object) -> Frame:
    return Frame(type="tool_call_response", id=call_id, response=response)


def _text(text: str) -> Frame:
    return Frame(type="text", content=text)


def _message(role: str, parts: Iterable[Frame]) -> Frame:
    return Frame(role=role, parts=Parts(parts))


def _finished(message: Frame, reason: str | None) -> Frame:
    return message if reason is None else Frame(message, finish_reason=reason)
