"""What a request shows a model: everything that the scripted model may know, and nothing else."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic_ai.messages import ModelMessage, ModelRequest, RetryPromptPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters


class Role(StrEnum):
    """Which agent asks; its output tool tells."""

    TASK_PLANNER = "task_planner"
    EXECUTOR = "executor"
    REFLECTOR = "reflector"


_ROLE_FIELDS: Final = {"tasks": Role.TASK_PLANNER, "success": Role.EXECUTOR, "done": Role.REFLECTOR}
"""A field of the output tool that only this role has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a tool call."""

    tool: str
    value: Any
    text: str
    """The value as the model is shown it."""
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A line of the results so far."""

    id: str
    status: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A request, read."""

    role: Role | None
    """`None` where no output tool of a role is offered."""
    output_tool: str
    goal: str | None
    """`None` where the prompt shows none under its label; so are the next two."""
    task: str | None
    results: Mapping[str, Result]
    """By task id; empty where none are shown."""
    listed_tools: frozenset[str]
    """Tools that the planner's prompt names."""
    offered_tools: Mapping[str, Mapping[str, Any]]
    """Tools that can be called, with the schemas of their parameters."""
    turns: Sequence[Sequence[Outcome]]
    """The tool outcomes of this conversation, by the response that asked for them."""

    @property
    def values(self) -> list[Any]:
        """What the calls that succeeded gave, in order."""
        return [outcome.value for turn in self.turns for outcome in turn if outcome.ok]


def read(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> Shown:
    """Read a request as it would be sent."""
    prompt = "\n".join(_prompts(messages))
    output = parameters.output_tools[0] if parameters.output_tools else None
    fields = output.parameters_json_schema.get("properties", {}) if output else {}
    return Shown(
        role=next((role for field, role in _ROLE_FIELDS.items() if field in fields), None),
        output_tool=output.name if output else "",
        goal=_found(r"^Goal: (.+)$", prompt),
        task=_found(r"^Your task \(\w+\): (.+)$", prompt),
        results=_results(prompt),
        listed_tools=frozenset(re.findall(r"^- ([\w-]+): ", _section(r"^Tools of the executor:\n", prompt), re.M)),
        offered_tools={
            tool.name: tool.parameters_json_schema.get("properties", {}) for tool in parameters.function_tools
        },
        turns=[turn for turn in map(_outcomes, messages) if turn],
    )


def _prompts(messages: Iterable[ModelMessage]) -> Iterable[str]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, UserPromptPart) and isinstance(part.content, str):
                yield part.content


def _found(pattern: str, prompt: str) -> str | None:
    match = re.search(pattern, prompt, re.M)
    return match[1].strip() if match else None


def _section(heading: str, prompt: str) -> str:
    """What stands under a heading, up to the next empty line that a heading or the end follows."""
    match = re.search(rf"{heading}(.*?)(?=\n\n[A-Z]|\Z)", prompt, re.M | re.S)
    return match[1] if match else ""


def _results(prompt: str) -> dict[str, Result]:
    pattern = r"^- (t\d+) \[(\w+)\] .*?\n  Result: (.*?)(?=\n- t\d+ \[|\Z)"
    found = re.findall(pattern, _section(r"^Results so far:\n", prompt), re.M | re.S)
    return {id_: Result(id=id_, status=status, text=text) for id_, status, text in found}


def _outcomes(message: ModelMessage) -> list[Outcome]:
    parts = message.parts if isinstance(message, ModelRequest) else ()
    return [_outcome(part) for part in parts if isinstance(part, ToolReturnPart | RetryPromptPart)]


def _outcome(part: ToolReturnPart | RetryPromptPart) -> Outcome:
    if isinstance(part, RetryPromptPart):
        return Outcome(tool=part.tool_name or "", value=None, text=part.model_response(), ok=False)
    text = part.model_response_str()
    return Outcome(tool=part.tool_name, value=_as_json(text), text=text, ok=part.outcome == "success")


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
