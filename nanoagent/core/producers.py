"""What the spans of other producers mean: one table from their names to those of the counting rule.

A producer is added by adding rows here and a file with known totals to `tests/foreign`; docs/producers.md says what was
tried. Of several names for one thing the first one that holds a usable value counts.
"""

from collections.abc import Mapping
from typing import Any, Final

from nanoagent.tracing import names

FAILED_ATTEMPT: Final = "failed_attempt"
"""The operation of a model call that failed inside another one, which then tried again."""

OPERATIONS: Final[Mapping[str, Mapping[str, str]]] = {
    # The GenAI conventions, by which pydantic-ai, Logfire, Google ADK and opentelemetry-util-genai go as well.
    names.OPERATION_NAME: {
        operation: operation
        for operation in (*names.INFERENCE_OPERATIONS, names.OP_WORKFLOW, names.OP_AGENT, names.OP_TOOL)
    },
    # OpenInference.
    "openinference.span.kind": {"LLM": names.OP_CHAT, "AGENT": names.OP_AGENT, "TOOL": names.OP_TOOL},
    # OpenLLMetry: its decorators, and its provider instrumentations.
    "traceloop.span.kind": {"workflow": names.OP_WORKFLOW, "agent": names.OP_AGENT, "tool": names.OP_TOOL},
    "llm.request.type": {"chat": names.OP_CHAT, "completion": "text_completion"},
}
"""Attributes that say what a span is, the first one first, and what their values mean; other values mean nothing."""

INPUT_TOKENS: Final = (
    names.INPUT_TOKENS,
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
)
"""All input tokens, cached ones included."""
OUTPUT_TOKENS: Final = (
    names.OUTPUT_TOKENS,
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
)
"""All output tokens, reasoning included."""
CACHED_INPUT_TOKENS: Final = (
    names.CACHE_READ_TOKENS,
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "llm.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
CACHE_CREATION_INPUT_TOKENS: Final = (
    names.CACHE_CREATION_TOKENS,
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "llm.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
REASONING_TOKENS: Final = (
    names.REASONING_TOKENS,
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
    "llm.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
)
USAGE: Final = (INPUT_TOKENS, OUTPUT_TOKENS, CACHED_INPUT_TOKENS, CACHE_CREATION_INPUT_TOKENS, REASONING_TOKENS)
"""In the order of the fields of `ModelCall`."""
AGENT_USAGE: Final = (
    (*INPUT_TOKENS, "gen_ai.aggregated_usage.input_tokens"),
    (*OUTPUT_TOKENS, "gen_ai.aggregated_usage.output_tokens"),
)
"""What an agent says that it used, with all that it called."""
MODEL: Final = (names.RESPONSE_MODEL, names.REQUEST_MODEL, "llm.model_name")
PROVIDER: Final = (names.PROVIDER_NAME, "gen_ai.system", "llm.provider", "llm.system")
COST_USD: Final = (names.OPERATION_COST, "gen_ai.usage.cost", "llm.cost.total")

_ATTEMPT: Final = "pydantic_ai.model_request.attempt"
"""On the spans of a pydantic-ai FallbackModel's attempts."""
EXHAUSTED: Final = "pydantic_ai.exceptions.FallbackExceptionGroup"
"""The error of a call whose every attempt failed: the last of them is no other call than this one."""
_DEFERRALS: Final = ("pydantic_ai.exceptions.ApprovalRequired", "pydantic_ai.exceptions.CallDeferred")
"""The errors of a tool that was not called yet."""
_SUMMARY_TOOLS: Final = ("(merged tools)",)
"""Names of tools that no model asked for: Google ADK's span over the results of parallel calls."""


def operation_of(attributes: Mapping[str, Any], *, error_type: str | None) -> str | None:
    """The operation of a span of others, in the conventions' words; `None` for what is not counted.

    Args:
        attributes: The span's.
        error_type: What it failed with; `None` where it did not fail.
    """
    for key, meanings in OPERATIONS.items():
        value = attributes.get(key)
        operation = meanings.get(value) if isinstance(value, str) else None
        if operation is not None:
            return None if operation == names.OP_TOOL and _is_no_call(attributes, error_type) else operation
    return FAILED_ATTEMPT if _ATTEMPT in attributes and error_type is not None else None


def _is_no_call(attributes: Mapping[str, Any], error_type: str | None) -> bool:
    return error_type in _DEFERRALS or attributes.get(names.TOOL_NAME) in _SUMMARY_TOOLS
