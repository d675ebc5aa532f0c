"""A traced model: a chat span around every request, and one for each tool call that names no tool."""

import copy
import logging
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from nanoagent.core.records import as_cost_usd, as_count
from nanoagent.tracing import names
from nanoagent.tracing.run import Place, current_place
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
        place = current_place()
        if place is None:
            return await self.wrapped.request(messages, model_settings, model_request_parameters)
        with self._span(place, messages, model_settings) as span:
            try:
                response = await self.wrapped.request(messages, model_settings, model_request_parameters)
            except Exception as error:
                place.run.model_raised(error)
                raise
            _describe(span, response)
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
        place = current_place()
        if place is None:
            async with self.wrapped.request_stream(*request) as untraced:
                yield untraced
            return
        span, asked_s = self._span(place, messages, model_settings), time.perf_counter()
        stream = None
        try:
            async with AsyncExitStack() as opened:
                with span.current():
                    stream = await opened.enter_async_context(self.wrapped.request_stream(*request))
                yield stream
        except BaseException as error:
            if isinstance(error, Exception):
                place.run.model_raised(error)
            _describe_stream(span, stream, asked_s)
            span.end_with(error)
            raise
        response = _describe_stream(span, stream, asked_s)
        if response is not None and response.state in ("incomplete", "interrupted"):
            span.abandon()
            return
        span.end()
        if response is not None:
            _trace_invented_tools(span, place, response, model_request_parameters)

    def _span(self, place: Place, messages: Sequence[ModelMessage], settings: ModelSettings | None) -> RunSpan:
        """Start the span of a request, if the run may still make one."""
        place.run.before_call()
        place.run.first_request = place.run.first_request or messages
        return chat_span(
            place,
            model=self.model_name,
            provider=self.system,
            base_url=self.base_url,
            settings=settings or {},
        )


def _describe_stream(span: RunSpan, stream: StreamedResponse | None, asked_s: float) -> ModelResponse | None:
    """Set what the stream tells, however far it was read, and return the response so far."""
    if stream is None:
        return None
    try:
        response = stream.get()
        span.set(names.TIME_TO_FIRST_CHUNK, stream.time_to_first_chunk(asked_s))
        _set_response(span, response)
    except Exception:
        _logger.exception("a model's stream could not be traced")
        return None
    return response


def _describe(span: RunSpan, response: ModelResponse) -> None:
    """Set what the response tells."""
    try:
        _set_response(span, response)
    except Exception:
        _logger.exception("a model's response could not be traced")


def _set_response(span: RunSpan, response: ModelResponse) -> None:
    span.set(names.RESPONSE_MODEL, response.model_name)
    span.set(names.RESPONSE_ID, response.provider_response_id)
    if response.finish_reason is not None:
        span.set(names.RESPONSE_FINISH_REASONS, [response.finish_reason])
    usage = response.usage
    measured = usage.has_values() and not usage.unmeasured_requests
    for key, value in _token_attributes(usage) if measured else ():
        span.set(key, value)
    if measured and usage.cost is None:
        usage.cost = _price(response)  # pydantic-ai does not calculate it again
    cost_usd = as_cost_usd(usage.cost) if measured else None
    span.set(names.OPERATION_COST, None if cost_usd is None else float(cost_usd))


def _token_attributes(usage: RequestUsage) -> Iterable[tuple[str, int | None]]:
    """The token counts that the provider gave: what is not a count is unknown and left out."""
    yield names.INPUT_TOKENS, as_count(usage.input_tokens)
    yield names.OUTPUT_TOKENS, as_count(usage.output_tokens)
    yield names.CACHE_READ_TOKENS, as_count(usage.cache_read_tokens)
    yield names.CACHE_CREATION_TOKENS, as_count(usage.cache_write_tokens)
    details: dict[str, Any] = usage.details
    reasoning = usage.output_reasoning_tokens or details.get("reasoning_tokens", 0)
    yield names.REASONING_TOKENS, as_count(reasoning)


def _price(response: ModelResponse) -> Decimal | None:
    try:
        return response.cost().total_price
    except (LookupError, ValueError, AssertionError):
        return None
    except Exception:
        _logger.exception("the price of a model call could not be calculated")
        return None


def _trace_invented_tools(
    chat: RunSpan, place: Place, response: ModelResponse, parameters: ModelRequestParameters
) -> None:
    """A call to a tool that does not exist reaches no toolset: its span is made here, beside the chat's."""
    known = None
    for part in response.parts:
        if isinstance(part, ToolCallPart):
            known = parameters.tool_defs if known is None else known
            if part.tool_name not in known:
                call_id = part.tool_call_id
                with tool_span(place, part.tool_name, call_id=call_id, known=False, context=chat.outside) as span:
                    span.fail(UNKNOWN_TOOL_ERROR)
