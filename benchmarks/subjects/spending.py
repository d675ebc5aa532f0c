"""Spending: what model calls have cost, held within what may be spent.

The rule, before each call: what is spent, and as much as the most expensive call so far for each call under way and
for this one, must not pass the limit; else the call is not made. Until one call has told what such a call costs, calls
wait for each other. A call that does not tell, since it was cancelled or its price is not known, counts as the most
expensive one so far; one that failed costs nothing. So a limit is passed only by a call that costs more than any call
before it, and by what that one costs more.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from benchmarks.subjects.unanswered import SpendingLimitError
from nanoagent.errors import ConfigurationError
from nanoagent.tracing.prices import price_of


@dataclass(slots=True)
class _Call:
    """A call under way."""

    cost_usd: Decimal | None = None
    """`None` while it is not known."""
    answered: bool = False


@dataclass(slots=True, kw_only=True)
class Spending:
    """What may be spent, and what is."""

    limit_usd: Decimal
    allow_unpriced: bool = False
    """Whether models may be called whose price is not known; the limit then holds for what is known."""
    spent_usd: Decimal = Decimal(0)
    """As far as it is known."""
    reached: bool = False
    """Whether a call was not made; no further attempt should start."""
    _dearest_usd: Decimal | None = None
    _under_way: int = 0
    _first: asyncio.Lock = field(default_factory=asyncio.Lock)

    def watched(self, model: Model) -> Model:
        """The model, each call of which is held to the limit.

        Raises:
            ConfigurationError: The price of its calls is not known, and that is not allowed.
        """
        unpriced = None if self.allow_unpriced else _unpriced(model)
        if unpriced is not None:
            raise ConfigurationError(
                f"--max-cost needs models with a known price, got {unpriced!r}; choose another model, leave it out, "
                "or go on with --allow-unpriced, which holds what is known to the limit"
            )
        return WatchedModel(model, self)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[_Call]:
        """The time of a call, in which its cost is told.

        Raises:
            SpendingLimitError: It might pass the limit, and must not be made.
        """
        if self._dearest_usd is None:
            async with self._first:
                if self._dearest_usd is None:
                    async with self._counted() as call:
                        yield call
                    return
        async with self._counted() as call:
            yield call

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[_Call]:
        self._check()
        call = _Call()
        self._under_way += 1
        try:
            yield call
        except Exception:
            if not call.answered:
                call.cost_usd = Decimal(0)
            raise
        finally:
            self._under_way -= 1
            self._add(call)

    def _check(self) -> None:
        dearest_usd = self._dearest_usd or Decimal(0)
        if self.reached or self.spent_usd + dearest_usd * (self._under_way + 1) > self.limit_usd:
            self.reached = True
            raise SpendingLimitError(
                f"--max-cost {self.limit_usd} might be passed: {self.spent_usd:.6f} USD are spent, and calls cost up "
                f"to {dearest_usd:.6f} USD; allow more, and go on with --resume --retry-errors"
            )

    def _add(self, call: _Call) -> None:
        dearest_usd = self._dearest_usd or Decimal(0)
        self.spent_usd += dearest_usd if call.cost_usd is None else call.cost_usd
        if call.answered:
            self._dearest_usd = max(dearest_usd, call.cost_usd or Decimal(0))


class WatchedModel(WrapperModel):
    """A model whose calls are held to a limit."""

    def __init__(self, wrapped: Model, spending: Spending) -> None:
        super().__init__(wrapped)
        self._spending = spending

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request, if it may be made."""
        async with self._spending.call() as call:
            response = await self.wrapped.request(messages, model_settings, model_request_parameters)
            call.answered, call.cost_usd = True, _cost_of(response)
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Open the stream, if that may be done."""
        async with self._spending.call() as call:
            async with self.wrapped.request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as stream:
                yield stream
            response = stream.get()
            if response.state == "complete":
                call.answered, call.cost_usd = True, _cost_of(response)


def _cost_of(response: ModelResponse) -> Decimal | None:
    usage = response.usage
    if usage.unmeasured_requests or not usage.has_values():
        return None
    return usage.cost if usage.cost is not None else price_of(response)


def _unpriced(model: Model) -> str | None:
    """A model among those that this one calls whose price is not known."""
    if isinstance(model, FallbackModel):
        return next(filter(None, map(_unpriced, model.models)), None)
    if isinstance(model, WrapperModel):
        return _unpriced(model.wrapped)
    sample = ModelResponse(
        parts=[],
        usage=RequestUsage(input_tokens=1, output_tokens=1),
        model_name=model.model_name,
        provider_name=model.system,
        provider_url=model.base_url,
    )
    return model.model_id if price_of(sample) is None else None
