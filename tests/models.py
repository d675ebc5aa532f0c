"""A model whose answers are given in advance: a real `Model`, so that everything above it is the real thing."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    TextPart,
    ToolCallPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

Reply = ModelResponse | BaseException | Callable[[], Awaitable[ModelResponse]]


class CannedModel(Model):
    """Gives its replies in order; an exception is raised, a function is awaited."""

    def __init__(
        self,
        replies: Sequence[Reply],
        *,
        name: str = "canned",
        base_url: str | None = None,
        before_chunk: Callable[[int], Awaitable[object]] | None = None,
    ) -> None:
        super().__init__()
        self._before_chunk = before_chunk or at_once
        self.chunks_read: list[int] = []
        """The numbers of the chunks that streams gave, in order."""
        self._replies = list(replies)
        self._name = name
        self._base_url = base_url
        self.prompts: list[str] = []
        """What each request showed the model: the text of its last message."""

    @property
    def model_name(self) -> str:
        return self._name

    @property
    def system(self) -> str:
        return "canned"

    @property
    def base_url(self) -> str | None:
        return self._base_url

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        return await self._next(messages)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        reply = await self._next(messages)
        yield CannedStream(model_request_parameters, reply, self._before_chunk, self.chunks_read)

    async def _next(self, messages: list[ModelMessage]) -> ModelResponse:
        self.prompts.append(_text(messages[-1]))
        if not self._replies:
            raise AssertionError("the model was called more often than it has replies")
        reply = self._replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply if isinstance(reply, ModelResponse) else await reply()

    @property
    def left(self) -> int:
        """How many replies were not asked for."""
        return len(self._replies)


def response(
    *parts: TextPart | ToolCallPart, model: str = "canned-2026", usage: RequestUsage | None = None, **usage_fields: Any
) -> ModelResponse:
    """A response with 100 input and 10 output tokens unless told otherwise."""
    fields: dict[str, Any] = {"input_tokens": 100, "output_tokens": 10} | usage_fields
    return ModelResponse(parts=list(parts), usage=usage or RequestUsage(**fields), model_name=model)


def plan(*tasks: str, questions: Sequence[str] = (), **fields: Any) -> ModelResponse:
    return final({"tasks": list(tasks), "questions": list(questions)}, **fields)


def executed(output: str, *, success: bool = True, **fields: Any) -> ModelResponse:
    return final({"success": success, "output": output}, **fields)


def reflected(answer: str | None = None, **fields: Any) -> ModelResponse:
    """Done with this answer, or not done."""
    usage = {key: fields.pop(key) for key in list(fields) if key in ("usage", "input_tokens", "output_tokens", "cost")}
    return final({"done": answer is not None, "answer": answer} | fields, **usage)


def final(output: dict[str, Any], **fields: Any) -> ModelResponse:
    return response(TextPart(json.dumps(output)), **fields)


def call(tool: str, call_id: str = "c1", **arguments: Any) -> ToolCallPart:
    return ToolCallPart(tool, arguments, tool_call_id=call_id)


def blocking(reached: asyncio.Event) -> Callable[[], Awaitable[ModelResponse]]:
    """A reply that says when it was asked for, and never comes."""

    async def block() -> ModelResponse:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    return block


def priced(usd: str) -> dict[str, Any]:
    return {"cost": Decimal(usd)}


def _text(message: ModelMessage) -> str:
    if not isinstance(message, ModelRequest):
        return ""
    return "\n".join(str(getattr(part, "content", "")) for part in message.parts)


@dataclass
class CannedStream(StreamedResponse):
    """A reply as a stream: its texts word by word, its tool calls whole, its usage with the last chunk."""

    reply: ModelResponse
    before_chunk: Callable[[int], Awaitable[object]]
    read: list[int]
    _usage_received: bool | None = field(default=False, init=False)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        for number, chunk in enumerate(_chunks(self.reply)):
            await self.before_chunk(number)
            self.read.append(number)
            if isinstance(chunk, ToolCallPart):
                yield self._parts_manager.handle_part(vendor_part_id=chunk.tool_call_id, part=chunk)
            else:
                for event in self._parts_manager.handle_text_delta(vendor_part_id="text", content=chunk):
                    yield event
        self._add_usage(self.reply.usage, reported=self.reply.usage.has_values())

    async def close_stream(self) -> None:
        pass

    @property
    def model_name(self) -> str:
        return self.reply.model_name or ""

    @property
    def provider_name(self) -> str | None:
        return "canned"

    @property
    def provider_url(self) -> str | None:
        return None

    @property
    def timestamp(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


def _chunks(reply: ModelResponse) -> Iterator[str | ToolCallPart]:
    for part in reply.parts:
        if isinstance(part, TextPart):
            yield from re.findall(r"\S+\s*", part.content)
        elif isinstance(part, ToolCallPart):
            yield part


async def at_once(number: int) -> None:
    """Chunks that come without waiting."""


def waiting_at(chunk: int, reached: asyncio.Event | None = None) -> Callable[[int], Awaitable[object]]:
    """Chunks that come at once, up to this one, which never comes."""

    async def before(number: int) -> None:
        await asyncio.sleep(0)
        if number == chunk:
            if reached is not None:
                reached.set()
            await asyncio.Event().wait()

    return before


def raising_at(chunk: int, error: Exception) -> Callable[[int], Awaitable[object]]:
    """Chunks that come at once, up to this one, in whose place the stream breaks."""

    async def before(number: int) -> None:
        if number == chunk:
            raise error

    return before
