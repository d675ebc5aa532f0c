"""A traced model: a chat span around every request, and one for each tool call that names no tool."""

import copy
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.util.types import AttributeValue
from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from nanoagent.content.messages import chat_input, chat_output, tool_input
from nanoagent.content.shown import shown
from nanoagent.core.records import TOKEN_KEYS, as_cost_usd, tokens_of
from nanoagent.redaction.redactor import Redactor, current_redactor
from nanoagent.tracing import names
from nanoagent.tracing.failures import log_failure
from nanoagent.tracing.prices import price_of
from nanoagent.tracing.run import Place, place_in
from nanoagent.tracing.span import RunSpan
from nanoagent.tracing.spans import chat_span, tool_span

_logger = logging.getLogger(__name__)

UNKNOWN_TOOL_ERROR = "unknown_tool"
"""`error.type` of a call to a tool that does not exist."""


def traced(model: Model) -> Model:
    """The model with every leaf traced: fallback and wrapper models stay outermost, so that each attempt is seen.

    What is traced already is left alone; models that are passed in are not changed.
    """
    if isinstance(model, TracedModel):
        return model
    if isinstance(model, FallbackModel):
        fallback = copy.copy(model)
        fallback.models = [traced(leaf) for leaf in model.models]
        return fallback
    if isinstance(model, WrapperModel):
        wrapper = copy.copy(model)
        wrapper.wrapped = traced(model.wrapped)
        return wrapper
    return TracedModel(model)


@dataclass(init=False)
class TracedModel(WrapperModel):
    """Wraps a model and makes a chat span of each of its requests inside a run; elsewhere it only forwards."""

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request in a span of its own."""
        context = get_current()
        place = place_in(context)
        if place is None:
            return await self.wrapped.request(messages, model_settings, model_request_parameters)
        with self._span(place, context, messages, model_settings) as span:
            span.show(chat_input, place.span_id, messages, model_request_parameters)
            try:
                response = await self.wrapped.request(messages, model_settings, model_request_parameters)
            except Exception as error:
                place.run.model_raised(error)
                raise
            _describe(span, place, response)
        _trace_invented_tools(span, place, response, model_request_parameters)
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Open the stream in a span of its own, which ends when the block does.

        The span is not current inside the block: whoever reads the stream may enter and leave the block in different
        tasks. A block that is left before the stream has ended makes the call an abandoned one.
        """
        request = (messages, model_settings, model_request_parameters, run_context)
        context = get_current()
        place = place_in(context)
        if place is None:
            async with self.wrapped.request_stream(*request) as untraced:
                yield untraced
            return
        span, asked_s = self._span(place, context, messages, model_settings), time.perf_counter()
        span.show(chat_input, place.span_id, messages, model_request_parameters)
        stream = None
        try:
            async with AsyncExitStack() as opened:
                with span.current():
                    stream = await opened.enter_async_context(self.wrapped.request_stream(*request))
                yield stream
        except BaseException as error:
            if isinstance(error, Exception):
                place.run.model_raised(error)
            _describe_stream(span, place, stream, asked_s, failed=True)
            span.end_with(error)
            raise
        response = _describe_stream(span, place, stream, asked_s)
        if response is not None and response.state in ("incomplete", "interrupted"):
            span.abandon()
            return
        span.end()
        if response is not None:
            _trace_invented_tools(span, place, response, model_request_parameters)

    def _span(
        self, place: Place, context: Context, messages: Sequence[ModelMessage], settings: ModelSettings | None
    ) -> RunSpan:
        """Start the span of a request, if the run may still make one."""
        run, model = place.run, self.wrapped
        run.before_call()
        run.first_request = run.first_request or messages
        return chat_span(
            place,
            model=model.model_name,
            provider=model.system,
            base_url=model.base_url,
            settings=settings,
            context=context,
        )


def _describe_stream(
    span: RunSpan, place: Place, stream: StreamedResponse | None, asked_s: float, *, failed: bool = False
) -> ModelResponse | None:
    """Set what the stream tells, however far it was read, and return the response so far."""
    if stream is None:
        return None
    try:
        response = stream.get()
        span.set(names.TIME_TO_FIRST_CHUNK, stream.time_to_first_chunk(asked_s))
        _set_response(span, response)
        span.show(chat_output, place.span_id, response, failed=failed)
    except Exception:
        log_failure(_logger, "a model's stream could not be traced")
        return None
    return response


def _describe(span: RunSpan, place: Place, response: ModelResponse) -> None:
    """Set what the response tells."""
    try:
        _set_response(span, response)
        span.show(chat_output, place.span_id, response)
    except Exception:
        log_failure(_logger, "a model's response could not be traced")


def _set_response(span: RunSpan, response: ModelResponse) -> None:
    response_id, usage = response.provider_response_id, response.usage
    attributes = dict(_response_attributes(current_redactor(), response.model_name, response.finish_reason))
    if response_id is not None:
        attributes[names.RESPONSE_ID] = shown(response_id)
    if (usage.input_tokens or usage.output_tokens or usage.has_values()) and not usage.unmeasured_requests:
        attributes.update(zip(TOKEN_KEYS, _token_counts(usage), strict=True))
        if usage.cost is None:
            usage.cost = price_of(response)  # pydantic-ai does not calculate it again
        cost_usd = None if usage.cost is None else as_cost_usd(usage.cost)
        attributes[names.OPERATION_COST] = None if cost_usd is None else float(cost_usd)
    span.set_all(attributes)


@lru_cache(maxsize=512)
def _response_attributes(
    _redactor: Redactor, model: str | None, reason: str | None
) -> Mapping[str, AttributeValue | None]:
    """What the redactor in force lets be seen of what comes again and again."""
    attributes: dict[str, AttributeValue | None] = {}
    if model is not None:
        attributes[names.RESPONSE_MODEL] = shown(model)
    if reason is not None:
        attributes[names.RESPONSE_FINISH_REASONS] = [shown(reason)]
    return attributes


def _token_counts(usage: RequestUsage) -> list[int | None]:
    """The token counts that the provider gave, in the order of `TOKEN_KEYS`: what is not a count is unknown."""
    details: dict[str, Any] = usage.details
    return tokens_of(
        (
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.output_reasoning_tokens or details.get("reasoning_tokens", 0),
        )
    )


def _trace_invented_tools(
    chat: RunSpan, place: Place, response: ModelResponse, parameters: ModelRequestParameters
) -> None:
    """A call to a tool that does not exist reaches no toolset: its span is made here, beside the chat's."""
    known = None
    for part in response.parts:
        if isinstance(part, ToolCallPart):
            known = parameters.tool_defs if known is None else known
            if part.tool_name not in known:
                _trace_invented_tool(chat, place, part)


def _trace_invented_tool(chat: RunSpan, place: Place, call: ToolCallPart) -> None:
    span = tool_span(place, call.tool_name, call_id=call.tool_call_id, known=False, context=chat.outside)
    span.show(tool_input, call.args)
    span.fail(UNKNOWN_TOOL_ERROR)
    span.end()
