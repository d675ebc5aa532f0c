"""Spans as one makes them by hand: with the SDK's `start_as_current_span` alone, and the attributes that ours have.

It is what our own tracing is measured against, so it does nothing that the spans do not need.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.trace import Span, SpanKind, Tracer
from pydantic_ai import RunContext, ToolsetTool
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.toolsets import WrapperToolset

from nanoagent.tracing import names

RUN_ID: Final = "0123456789abcdef0123456789abcdef"
"""Of every run: an id costs the SDK nothing."""


@contextmanager
def hand_traced_run(tracer: Tracer, agent: str) -> Iterator[Span]:
    """The agent's span."""
    attributes = {
        names.OPERATION_NAME: names.OP_AGENT,
        names.AGENT_NAME: agent,
        names.STATUS: "running",
        names.RUN_ID: RUN_ID,
    }
    with tracer.start_as_current_span(f"{names.OP_AGENT} {agent}", attributes=attributes) as span:
        yield span
        span.set_attributes(
            {
                names.STATUS: "completed",
                names.RUN_API_CALLS: 2,
                names.RUN_TOOL_CALLS: 1,
                names.RUN_INPUT_TOKENS: 300,
                names.RUN_OUTPUT_TOKENS: 25,
                names.RUN_SPANS: 4,
            }
        )


class HandTracedModel(WrapperModel):
    """A span around each request."""

    def __init__(self, wrapped: Model, tracer: Tracer, agent: str) -> None:
        super().__init__(wrapped)
        self._tracer = tracer
        self._agent = agent

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request in a span of its own."""
        with self._span() as span:
            response = await self.wrapped.request(messages, model_settings, model_request_parameters)
            _describe(span, response)
            return response

    def _span(self) -> AbstractContextManager[Span]:
        name = self.model_name
        attributes = {
            names.OPERATION_NAME: names.OP_CHAT,
            names.PROVIDER_NAME: self.system,
            names.REQUEST_MODEL: name,
            names.AGENT_NAME: self._agent,
            names.RUN_ID: RUN_ID,
        }
        return self._tracer.start_as_current_span(
            f"{names.OP_CHAT} {name}", kind=SpanKind.CLIENT, attributes=attributes
        )


def _describe(span: Span, response: ModelResponse) -> None:
    usage = response.usage
    span.set_attributes(
        {
            names.RESPONSE_MODEL: response.model_name or "",
            names.RESPONSE_ID: response.provider_response_id or "",
            names.RESPONSE_FINISH_REASONS: [response.finish_reason or ""],
            names.INPUT_TOKENS: usage.input_tokens,
            names.OUTPUT_TOKENS: usage.output_tokens,
            names.CACHE_READ_TOKENS: usage.cache_read_tokens,
            names.CACHE_CREATION_TOKENS: usage.cache_write_tokens,
            names.REASONING_TOKENS: usage.output_reasoning_tokens,
        }
    )


@dataclass
class HandTracedToolset(WrapperToolset[Any]):
    """A span around each tool call."""

    tracer: Tracer

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Call the tool in a span of its own."""
        attributes = {
            names.OPERATION_NAME: names.OP_TOOL,
            names.TOOL_NAME: name,
            names.TOOL_TYPE: "function",
            names.TOOL_CALL_ID: ctx.tool_call_id or "",
            names.TOOL_DESCRIPTION: tool.tool_def.description or "",
            names.RUN_ID: RUN_ID,
        }
        with self.tracer.start_as_current_span(f"{names.OP_TOOL} {name}", attributes=attributes):
            return await super().call_tool(name, tool_args, ctx, tool)
