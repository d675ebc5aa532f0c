"""A model whose answers are given in advance: a real `Model`, so that everything above it is the real thing."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

Reply = ModelResponse | BaseException | Callable[[], Awaitable[ModelResponse]]


class CannedModel(Model):
    """Gives its replies in order; an exception is raised, a function is awaited."""

    def __init__(self, replies: Sequence[Reply], *, name: str = "canned", base_url: str | None = None) -> None:
        super().__init__()
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
