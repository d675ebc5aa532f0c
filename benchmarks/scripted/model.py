"""The scripted model: a real `Model` that answers by rules.

It measures the framework, its prompts and its loop: what is in each request, how many there are, and what becomes of
the answers. It makes no claim about any model's intelligence. Its rules see what a request really shows (the goal, the
tools on offer, the results so far, what tools returned) and never what a goal expects; its token counts are those of
the real request and response. So a changed prompt, a missing tool or a needless call changes what happens or what is
counted.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from benchmarks.scripted import behaviour, shown
from benchmarks.scripted.script import Script
from benchmarks.scripted.scripts import SCRIPTS
from benchmarks.suite.goals import Goal
from benchmarks.tokens import TokenCounter, token_counter
from nanoagent.errors import ConfigurationError

NAME: Final = "scripted"


class ScriptedModel(Model):
    """Answers by scripts; it keeps nothing from one request to the next, so it can serve many runs at once.

    Args:
        scripts: By default those of the benchmark's goals.
        counter: By default the best that is installed.
    """

    def __init__(self, scripts: Sequence[Script] = SCRIPTS, *, counter: TokenCounter | None = None) -> None:
        super().__init__()
        self._scripts = scripts
        self._counter = counter or token_counter()

    @property
    def model_name(self) -> str:
        """`scripted`."""
        return NAME

    @property
    def system(self) -> str:
        """`scripted`."""
        return NAME

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer by the rules, and count."""
        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        uses = behaviour.answer(self._scripts, shown.read(messages, parameters))
        # Ids of our own: pydantic-ai's are random, and would be counted.
        turn = sum(isinstance(message, ModelResponse) for message in messages)
        parts = [
            ToolCallPart(use.tool, dict(use.arguments), tool_call_id=f"call_{turn}_{place}")
            for place, use in enumerate(uses)
        ]
        usage = RequestUsage(
            input_tokens=self._counter.count(request_text(messages, parameters)),
            output_tokens=self._counter.count("\n".join(map(_part_text, parts))),
        )
        return ModelResponse(parts=parts, usage=usage, model_name=NAME, provider_name=NAME, finish_reason="tool_call")


def check_scripts(goals: Iterable[Goal]) -> None:
    """Refuse goals that the scripted model has no rules for: it would be at a loss, and that says nothing of them.

    Raises:
        ConfigurationError: There are such goals.
    """
    foreign = [goal.id for goal in goals if not any(re.fullmatch(script.goal, goal.text) for script in SCRIPTS)]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise ConfigurationError(
            f"--model {NAME} has no rules for goals of your own, got {foreign[0]!r}{more}; "
            "choose a model with --model, or an agent with --agent"
        )


def request_text(messages: Iterable[ModelMessage], parameters: ModelRequestParameters) -> str:
    """Everything that a request sends: instructions, tools, and every part of every message."""
    return "\n".join([*_instructions(messages), *_tools(parameters), *_parts(messages)])


def _instructions(messages: Iterable[ModelMessage]) -> list[str]:
    requests = [message for message in messages if isinstance(message, ModelRequest)]
    return [requests[-1].instructions] if requests and requests[-1].instructions else []


def _tools(parameters: ModelRequestParameters) -> list[str]:
    return [
        json.dumps({"name": tool.name, "description": tool.description, "parameters": tool.parameters_json_schema})
        for tool in (*parameters.function_tools, *parameters.output_tools)
    ]


def _parts(messages: Iterable[ModelMessage]) -> list[str]:
    return [_part_text(part) for message in messages for part in message.parts]


def _part_text(part: Any) -> str:
    if isinstance(part, ToolCallPart):
        return f"{part.tool_call_id} {part.tool_name} {part.args_as_json_str()}"
    if isinstance(part, ToolReturnPart):
        return f"{part.tool_call_id} {part.model_response_str()}"
    if isinstance(part, RetryPromptPart):
        return f"{part.tool_call_id} {part.model_response()}"
    content = part.content if isinstance(part, TextPart) else getattr(part, "content", "")
    return content if isinstance(content, str) else json.dumps(content, default=str)
