"""The fingerprint of a request: the same for all requests that show a model the same.

It leaves out what varies from run to run without being shown to a model: times, ids of runs and responses, and the ids
of tool calls, which are numbered as they come. Settings of the transport are left out, too. Secrets are masked first: a
recording holds none, so a request that repeats one of its answers holds none either.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_jsonable_python

from benchmarks.subjects.masking import masked

_DIGITS: Final = 32
"""Hex digits of a fingerprint."""
_NOT_SHOWN: Final = frozenset(
    ("timestamp", "id", "provider_name", "provider_url", "provider_details", "metadata", "run_id", "conversation_id")
)
"""Fields of a message's part that the model is not shown."""
_TRANSPORT: Final = frozenset(
    ("extra_headers", "timeout", "request_timeout", "first_event_timeout", "max_retries", "service_tier")
)
"""Settings that change no answer."""


def fingerprint(
    messages: Sequence[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
) -> str:
    """The fingerprint of the request that a model is given."""
    request = {
        "messages": masked(_messages(messages)),
        "settings": {name: value for name, value in (settings or {}).items() if name not in _TRANSPORT},
        "tools": [_tool(tool) for tool in parameters.function_tools],
        "output_tools": [_tool(tool) for tool in parameters.output_tools],
        "output_schema": parameters.output_object and parameters.output_object.json_schema,
        "output_mode": parameters.output_mode,
        "text_allowed": parameters.allow_text_output,
        "native_tools": [tool.kind for tool in parameters.native_tools],
    }
    text = json.dumps(to_jsonable_python(request, fallback=_type_name), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


def _messages(messages: Sequence[ModelMessage]) -> list[Any]:
    numbers: dict[str, int] = {}
    dumped = ModelMessagesTypeAdapter.dump_python(list(messages), mode="json", exclude_none=True)
    return [
        {
            "kind": message["kind"],
            "instructions": message.get("instructions"),
            "parts": [_part(part, numbers) for part in message["parts"]],
        }
        for message in dumped
    ]


def _part(part: Mapping[str, Any], numbers: dict[str, int]) -> dict[str, Any]:
    shown = {name: value for name, value in part.items() if name not in _NOT_SHOWN}
    if "tool_call_id" in shown:
        shown["tool_call_id"] = numbers.setdefault(shown["tool_call_id"], len(numbers))
    return shown


def _tool(tool: ToolDefinition) -> tuple[str, str | None, Any]:
    return tool.name, tool.description, tool.parameters_json_schema


def _type_name(value: object) -> str:
    return type(value).__qualname__
