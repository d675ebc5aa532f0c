"""Retrying: calls that a provider could not answer for the moment are made again, each as a call of its own.

The retries of a provider's own client are switched off where that can be done: they are seen by nobody, and would make
one call of many. So the failed calls of a run are all there, in its trace and in its numbers; the time between them
belongs to none.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelRateLimitError,
    ModelServerError,
    ModelUnavailableError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

MAX_CALLS: Final = 6
"""Tries at one answer."""
MAX_WAIT_S: Final = 120.0
"""A provider that asks for a longer wait is not waited for."""
_BACK_OFF: Final = wait_random_exponential(multiplier=1, max=30)
_PASSING: Final = (ModelRateLimitError, ModelUnavailableError, ModelServerError, ModelConnectionError)
_PASSING_STATUS: Final = frozenset((408, 409, 425))


def is_passing(error: BaseException) -> bool:
    """Whether the same call may be answered a little later."""
    if not isinstance(error, ModelAPIError) or (error.retry_after or 0) > MAX_WAIT_S:
        return False
    if isinstance(error, ModelHTTPError) and error.provider_retry_hint is not None:
        return error.provider_retry_hint
    return isinstance(error, _PASSING) or (isinstance(error, ModelHTTPError) and error.status_code in _PASSING_STATUS)


class Pause:
    """What a provider asks for when it is asked too often: no call, of whatever run, before it is over."""

    def __init__(self, monotonic_s: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._monotonic_s, self._sleep = monotonic_s, sleep
        self._until_s = 0.0

    def ask(self, wait_s: float) -> None:
        """No calls for so long."""
        self._until_s = max(self._until_s, self._monotonic_s() + wait_s)

    async def over(self) -> None:
        """Wait for the end."""
        while (left_s := self._until_s - self._monotonic_s()) > 0:
            await self._sleep(left_s)


class RetryingModel(WrapperModel):
    """Makes calls again that failed for the moment, as soon as the provider lets it.

    It waits as long as the provider's `Retry-After` says, else longer from time to time. A stream is opened again, but
    never once it has begun.
    """

    def __init__(
        self,
        wrapped: Model,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(wrapped)
        self._pause = Pause(monotonic_s, sleep)
        self._sleep = sleep
        self._can_switch_off = "max_retries" not in _leaf(wrapped).unsupported_settings

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request until it is answered, or there is no hope."""

        async def request() -> ModelResponse:
            await self._pause.over()
            return await self.wrapped.request(messages, self._without_retries(model_settings), model_request_parameters)

        return await self._retrying()(request)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Open the stream, again if need be."""
        settings = self._without_retries(model_settings)
        async with AsyncExitStack() as opened:

            async def request() -> StreamedResponse:
                await self._pause.over()
                stream = self.wrapped.request_stream(messages, settings, model_request_parameters, run_context)
                return await opened.enter_async_context(stream)

            yield await self._retrying()(request)

    def _without_retries(self, settings: ModelSettings | None) -> ModelSettings | None:
        return ModelSettings(**{**(settings or {}), "max_retries": 0}) if self._can_switch_off else settings

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(is_passing),
            stop=stop_after_attempt(MAX_CALLS),
            wait=self._wait_s,
            sleep=self._sleep,
            reraise=True,
        )

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after if isinstance(error, ModelAPIError) else None
        if asked_s is None:
            return _BACK_OFF(state)
        self._pause.ask(asked_s)
        return asked_s


def _leaf(model: Model) -> Model:
    return _leaf(model.wrapped) if isinstance(model, WrapperModel) else model
