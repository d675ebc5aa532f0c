"""What the spans of other producers mean: one table from their names to those of the counting rule.

A producer is added by adding rows here and a file with known totals to `tests/foreign`; docs/producers.md says what was
tried. Of several names for one thing the first one that holds a usable value counts.
"""

from collections.abc import Mapping
from typing import Any, Final

from nanoagent.tracing import names

ATTEMPT: Final = "attempt"
"""The operation of a model call inside another one that then tried again: it failed, or its answer was rejected."""
CALL_AROUND_TOOLS: Final = "call_around_tools"
"""The operation of a model call whose span lasts until the tools that it asked for have run: they lie inside it."""
STREAM_USAGE: Final = "stream_usage"
"""The operation of a span that only tells what the streamed call beside it used, whose span had ended before."""

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
    # The Vercel AI SDK, as its versions 4 to 6 write it.
    "ai.operationId": {
        **{f"ai.{what}": names.OP_AGENT for what in ("generateText", "streamText", "generateObject", "streamObject")},
        "ai.generateText.doGenerate": CALL_AROUND_TOOLS,
        "ai.streamText.doStream": CALL_AROUND_TOOLS,
        "ai.generateObject.doGenerate": CALL_AROUND_TOOLS,
        "ai.streamObject.doStream": CALL_AROUND_TOOLS,
        "ai.toolCall": names.OP_TOOL,
    },
    # Logfire's instrumentation of the OpenAI Agents SDK, which has nothing else to go by.
    "logfire.msg_template": {
        "OpenAI Agents trace: {name}": names.OP_WORKFLOW,
        "Agent run: {name!r}": names.OP_AGENT,
        "Chat completion with {gen_ai.request.model!r}": names.OP_CHAT,
        "Responses API with {gen_ai.request.model!r}": names.OP_CHAT,
        "Function: {name}": names.OP_TOOL,
    },
    # Google ADK before version 2: only its model calls have the system and nothing else to go by.
    "gen_ai.system": {"gcp.vertex.agent": CALL_AROUND_TOOLS},
}
"""Attributes that say what a span is, the first one first, and what their values mean; other values mean nothing."""

INPUT_TOKENS: Final = (
    names.INPUT_TOKENS,
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
    "ai.usage.inputTokens",
)
"""All input tokens, cached ones included."""
OUTPUT_TOKENS: Final = (
    names.OUTPUT_TOKENS,
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
    "ai.usage.outputTokens",
)
"""All output tokens, reasoning included."""
CACHED_INPUT_TOKENS: Final = (
    names.CACHE_READ_TOKENS,
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "llm.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
    "ai.usage.cachedInputTokens",
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
    "ai.usage.reasoningTokens",
)
USAGE: Final = (INPUT_TOKENS, OUTPUT_TOKENS, CACHED_INPUT_TOKENS, CACHE_CREATION_INPUT_TOKENS, REASONING_TOKENS)
"""In the order of the fields of `ModelCall`."""
AGENT_OPERATIONS: Final = (names.OP_WORKFLOW, names.OP_AGENT)
"""What calls models and tools, and is no call itself."""
AGENT_USAGE: Final = (
    (*INPUT_TOKENS, "gen_ai.aggregated_usage.input_tokens"),
    (*OUTPUT_TOKENS, "gen_ai.aggregated_usage.output_tokens"),
)
"""What an agent says that it used, with all that it called."""
MODEL: Final = (names.RESPONSE_MODEL, names.REQUEST_MODEL, "llm.model_name", "ai.model.id")
PROVIDER: Final = (names.PROVIDER_NAME, "gen_ai.system", "llm.provider", "llm.system")
COST_USD: Final = (names.OPERATION_COST, "gen_ai.usage.cost", "gen_ai.cost.total_cost", "llm.cost.total")
FIRST_CHUNK_S: Final = (names.TIME_TO_FIRST_CHUNK, "gen_ai.client.operation.time_to_first_chunk")

_ATTEMPT: Final = "pydantic_ai.model_request.attempt"
"""On the spans of a pydantic-ai FallbackModel's attempts that failed, or whose answer was rejected."""
_NOBODY_ANSWERED: Final = "fallback:"
"""A FallbackModel's own name begins so; the model that answered takes its place."""
_EXHAUSTED: Final = "pydantic_ai.exceptions.FallbackExceptionGroup"
"""The error of a FallbackModel's call whose every attempt failed."""
_DEFERRAL: Final = "pydantic_ai.tool.deferral.name"
"""On a tool that was not called yet."""
_DEFERRALS: Final = ("pydantic_ai.exceptions.ApprovalRequired", "pydantic_ai.exceptions.CallDeferred")
"""Its errors, which its span has as well up to version 4 of pydantic-ai's attributes."""
_NO_TOOLS: Final = (
    # Google ADK's span over the results of parallel calls.
    (names.TOOL_NAME, "(merged tools)"),
    # smolagents' way to answer, as OpenInference traces it.
    ("tool.name", "final_answer"),
)
"""What marks an execution of a tool that is none of the caller's."""
_LOG: Final = ("logfire.span_type", "log")
"""Marks a span that is a log record: Logfire's of a stream that has ended, beside the span that opened it."""


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
            return _told_apart(operation, attributes, error_type)
    return ATTEMPT if _ATTEMPT in attributes and error_type is not None else None


def was_answered(attempt: Mapping[str, Any]) -> bool:
    """Whether an attempt with these attributes has an answer, which was rejected: it is no failed call."""
    return names.RESPONSE_MODEL in attempt


def is_only_its_attempts(model: str | None, error_type: str | None) -> bool:
    """Whether a call with attempts inside it is no call beside them: nobody answered, and nothing else ended it.

    Where all of a streamed call's attempts failed, it carries no error at all.
    """
    return (model or "").startswith(_NOBODY_ANSWERED) and error_type in (None, _EXHAUSTED)


def _told_apart(operation: str, attributes: Mapping[str, Any], error_type: str | None) -> str | None:
    """The operation, unless it is not what it seems."""
    if operation == names.OP_TOOL:
        is_deferred = _DEFERRAL in attributes or error_type in _DEFERRALS
        is_none = is_deferred or any(attributes.get(key) == name for key, name in _NO_TOOLS)
        return None if is_none or _is_handoff(attributes) else operation
    if operation in names.INFERENCE_OPERATIONS and attributes.get(_LOG[0]) == _LOG[1]:
        return STREAM_USAGE
    return operation


def _is_handoff(attributes: Mapping[str, Any]) -> bool:
    """Whether an OpenInference tool is none: handing over to another agent is its only tool without a name."""
    is_theirs = "openinference.span.kind" in attributes and names.OPERATION_NAME not in attributes
    return is_theirs and "tool.name" not in attributes
