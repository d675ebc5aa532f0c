"""A small model as an agent's model: one that knows no tool calling, and fills in forms instead.

Each request becomes a conversation and a JSON schema over what may be answered, tools and output, to which the server
holds the model. It is shown less than others: a few examples in place of instructions, and of a prompt what it is
about; the rest it would only copy from. A tool's arguments come before its name, for they are what it finds more
easily. Once a tool has answered, only the output is offered: it would go on calling. What it says is never changed: its
form alone is made into that of a tool call.
"""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import CompletedStreamedResponse, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from benchmarks.subjects.examples import examples_of

SETTINGS: Final = ModelSettings(temperature=0.0, seed=1, max_tokens=256)
"""The same request gets the same answer, and an answer that finds no end gets one."""
_FORM: Final = "Answer with one JSON object and nothing else."
_SCHEMA_NAME: Final = "answer"
_TASK: Final = "Your task"
_ABOUT: Final = ("Goal:", "Is the goal reached?")
_RESULTS: Final = "Results so far:\n"
_NO_RESULTS: Final = f"{_RESULTS}(none"


class SmallModel(WrapperModel):
    """Asks for JSON and gives tool calls. Every answer is streamed, so that the time to its start is known."""

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request, and read the answer to its end."""
        async with self.request_stream(messages, model_settings, model_request_parameters) as stream:
            return stream.get()

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Make the request, and give the answer once its form is known: at its end."""
        offered = _offered(messages, model_request_parameters)
        asked = list(_conversation(messages, offered))
        settings = ModelSettings(**{**SETTINGS, **(model_settings or {})})
        async with self.wrapped.request_stream(asked, settings, _form(offered), run_context) as stream:
            async for _ in stream:
                pass
            response = stream.get()
        yield CompletedStreamedResponse(
            replace(response, parts=[_answer(response.text or "", offered)]),
            model_request_parameters=model_request_parameters,
            replay_events=True,
        )


def _offered(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> list[ToolDefinition]:
    """What may be answered: the output alone once a tool has answered, and where there are no tools."""
    has_answered = any(
        isinstance(part, ToolReturnPart) for message in messages for part in message.parts if part.part_kind != "text"
    )
    if has_answered:
        return parameters.output_tools or parameters.function_tools
    return [*parameters.function_tools, *parameters.output_tools]


def _form(offered: Sequence[ToolDefinition]) -> ModelRequestParameters:
    schema = _schema(offered)
    return ModelRequestParameters(
        output_mode="native",
        output_object=OutputObjectDefinition(json_schema=schema, name=_SCHEMA_NAME, strict=False),
        allow_text_output=False,
    )


def _schema(offered: Sequence[ToolDefinition]) -> dict[str, Any]:
    if len(offered) == 1:
        return offered[0].parameters_json_schema
    definitions: dict[str, Any] = {}
    calls = []
    for tool in offered:
        arguments = dict(tool.parameters_json_schema)
        definitions |= arguments.pop("$defs", {})
        calls.append(
            {
                "type": "object",
                "properties": {"arguments": arguments, "tool": {"const": tool.name}},
                "required": ["arguments", "tool"],
            }
        )
    return {"anyOf": calls} | ({"$defs": definitions} if definitions else {})


def _conversation(messages: Sequence[ModelMessage], offered: Sequence[ToolDefinition]) -> Iterator[ModelMessage]:
    yield ModelRequest(parts=[SystemPromptPart(_FORM)])
    for question, answer in examples_of(offered):
        yield ModelRequest(parts=[UserPromptPart(question)])
        yield ModelResponse(parts=[TextPart(answer)])
    for message in messages:
        if isinstance(message, ModelRequest):
            yield ModelRequest(parts=[UserPromptPart("\n".join(_said(message)))])
        else:
            yield ModelResponse(parts=[TextPart("\n".join(_answered(message)))])


def _said(message: ModelRequest) -> Iterator[str]:
    for part in message.parts:
        if isinstance(part, ToolReturnPart):
            yield f"{part.tool_name} gave: {part.model_response_str()}\nReport the result."
        elif isinstance(part, RetryPromptPart):
            yield part.model_response()
        elif isinstance(part, UserPromptPart | SystemPromptPart) and isinstance(part.content, str):
            yield _brief(part.content)


def _brief(prompt: str) -> str:
    """The paragraphs that say what to do, and what it is to be done with; the prompt where there are none."""
    paragraphs = prompt.split("\n\n")
    has_task = any(paragraph.startswith(_TASK) for paragraph in paragraphs)
    kept = [
        paragraph
        for paragraph in paragraphs
        if paragraph.startswith((_TASK, *(() if has_task else _ABOUT)))
        or (paragraph.startswith(_RESULTS) and not paragraph.startswith(_NO_RESULTS))
    ]
    return "\n\n".join(kept) or prompt


def _answered(message: ModelResponse) -> Iterator[str]:
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            yield json.dumps({"arguments": part.args_as_dict(raise_if_invalid=False), "tool": part.tool_name})
        elif isinstance(part, TextPart):
            yield part.content


def _answer(text: str, offered: Sequence[ToolDefinition]) -> TextPart | ToolCallPart:
    """The answer as a call; as it is where it is none, so that the agent says what is wrong with it."""
    try:
        found = json.loads(text)
    except ValueError:
        return TextPart(text)
    if len(offered) == 1:
        return ToolCallPart(offered[0].name, found)
    match found:
        case {"tool": str(name), "arguments": Mapping() as arguments}:
            return ToolCallPart(name, dict(arguments))
    return TextPart(text)
