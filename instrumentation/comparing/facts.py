"""Facts: what a span says beyond what is counted, as far as it tells one run from another."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from instrumentation.reading.spans import ReadSpan
from nanoagent.tracing import names

AGENT: Final = (names.AGENT_NAME, "agent.name", "traceloop.entity.name")
TOOL: Final = (names.TOOL_NAME, "tool.name", "ai.toolCall.name", "traceloop.entity.name")
FINISH: Final = (names.RESPONSE_FINISH_REASONS, "llm.finish_reason", "ai.response.finishReason")
ARGUMENTS: Final = (names.TOOL_ARGUMENTS, "ai.toolCall.args", "input.value", "traceloop.entity.input")
"""What a tool was called with: content, which a producer may leave out."""
_LANGCHAIN_ARGUMENTS: Final = "input_str"
"""Where LangChain's callbacks keep the arguments, among ids that are others in every run."""
_MOST_READ: Final = 1 << 20
"""Longer texts are compared as they stand, without being read as JSON."""


class Facts(NamedTuple):
    """What stands on one span; each is `None` where it does not say."""

    name: str | None = None
    """Of the agent or the tool; without one, the span's own name."""
    finish: str | None = None
    """Why the model's answer ended."""
    arguments: str | None = None
    """A digest of what the tool was called with, however its JSON is written."""
    prompts: str | None = None
    """The hash of the prompts in use, on the root of a run of ours."""
    task: str | None = None
    """The id of the task of an iteration."""
    outcome: str | None = None
    """What became of that task."""
    goal: str | None = None
    """The id of the benchmark's goal, or the text that a run was asked."""


NO_FACTS: Final = Facts()


def facts_of(span: ReadSpan, operation: str | None) -> Facts | None:
    """The facts of a span; `None` where there is none to say.

    Args:
        span: The span.
        operation: What it is, as its record has it.
    """
    get = span.attributes.get
    if names.BENCHMARK_GOAL_ID in span.attributes:
        return Facts(goal=_text(get(names.BENCHMARK_GOAL_ID)))
    if operation == names.OP_TOOL:
        return Facts(name=_named(span, TOOL), arguments=_arguments(span.attributes))
    if operation == names.ITERATION_SPAN:
        return Facts(task=_text(get(names.TASK_ID)), outcome=_text(get(names.TASK_OUTCOME)))
    if operation in (names.OP_WORKFLOW, names.OP_AGENT, names.OP_PLAN):
        asked = _asked(get(names.INPUT_MESSAGES))
        return Facts(name=_named(span, AGENT), prompts=_text(get(names.PROMPTS_HASH)), goal=asked)
    finish = None if operation is None else _finish(_first(span.attributes, FINISH))
    return Facts(finish=finish) if finish is not None else None


def _named(span: ReadSpan, keys: Sequence[str]) -> str:
    return _text(_first(span.attributes, keys)) or span.name


def _first(attributes: Mapping[str, Any], keys: Sequence[str]) -> object:
    return next((attributes[key] for key in keys if key in attributes), None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _finish(value: object) -> str | None:
    """One reason, or several, as a list or as the JSON of one."""
    if isinstance(value, str) and value.startswith("["):
        value = _read(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return ", ".join(map(str, value)) or None
    return value if isinstance(value, str) else None


def _arguments(attributes: Mapping[str, Any]) -> str | None:
    value = _first(attributes, ARGUMENTS)
    if isinstance(value, str):
        value = _read(value)
    if value is None:
        return None
    if isinstance(value, Mapping) and _LANGCHAIN_ARGUMENTS in value:
        value = value[_LANGCHAIN_ARGUMENTS]
    try:
        text = json.dumps(value, sort_keys=True, default=str)
    except (RecursionError, TypeError, ValueError):
        return None
    return blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()


def _asked(messages: object) -> str | None:
    """The first text of a user among messages in the conventions' JSON."""
    read = _read(messages) if isinstance(messages, str) else None
    with suppress(TypeError, KeyError, AttributeError):
        for message in read if isinstance(read, list) else ():
            for part in message["parts"] if message["role"] == "user" else ():
                if isinstance(part.get("content"), str):
                    return str(part["content"])
    return None


def _read(text: str) -> object:
    """The value that JSON stands for; the text itself where it is none."""
    if len(text) <= _MOST_READ:
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return text
