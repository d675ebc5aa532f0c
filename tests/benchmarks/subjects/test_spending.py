"""What may be spent is not passed, unless a call costs more than every call before it."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from benchmarks.subjects.models import ModelSubject
from benchmarks.subjects.spending import Spending
from benchmarks.subjects.unanswered import SpendingLimitError
from nanoagent.errors import ConfigurationError
from tests.benchmarks.subjects.recorded import attempts_at, replies
from tests.models import CannedModel, blocking, final, priced


def costing(*usd: str) -> list[ModelResponse]:
    return [final({"n": number}, **priced(cost)) for number, cost in enumerate(usd)]


def later(reply: ModelResponse) -> Callable[[], Awaitable[ModelResponse]]:
    """The reply, after others had their turn."""

    async def wait() -> ModelResponse:
        await asyncio.sleep(0.001)
        return reply

    return wait


def spending(limit: str, **options: Any) -> Spending:
    return Spending(limit_usd=Decimal(limit), allow_unpriced=True, **options)


async def asked(model: CannedModel, limits: Spending, times: int) -> int:
    """How many of so many calls, one after the other, were made."""
    agent = Agent(limits.watched(model))
    for made in range(times):
        try:
            await agent.run("go")
        except SpendingLimitError:
            return made
    return times


@pytest.mark.parametrize(
    ("limit", "costs", "made"),
    [
        ("1.00", ["0.25"] * 9, 4),
        ("0.99", ["0.25"] * 9, 3),
        ("1.00", ["0.10", "0.50", "0.10", "0.10"], 2),
        ("0.99", ["0.10", "0.40", "0.10", "0.10"], 3),
        ("0.05", ["0.25", "0.25"], 1),
    ],
)
async def test_no_call_is_made_that_might_pass_the_limit(limit: str, costs: list[str], made: int) -> None:
    limits = spending(limit)
    assert await asked(CannedModel(costing(*costs)), limits, len(costs)) == made
    assert limits.spent_usd == sum(map(Decimal, costs[:made]))
    assert limits.reached


async def test_calls_at_a_time_are_each_reckoned_with() -> None:
    limits = spending("1.00")
    agent = Agent(limits.watched(CannedModel([later(reply) for reply in costing(*["0.25"] * 20)])))
    results = await asyncio.gather(*(agent.run("go") for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 4
    assert limits.spent_usd == Decimal("1.00")


async def test_until_one_has_told_its_cost_calls_wait_for_each_other() -> None:
    limits, reached = spending("1.00"), asyncio.Event()
    model = CannedModel([blocking(reached), *costing("0.6", "0.6")])
    agent = Agent(limits.watched(model))
    first = asyncio.create_task(agent.run("first"))
    await reached.wait()
    second = asyncio.create_task(agent.run("second"))
    await asyncio.sleep(0.01)
    assert model.left == 2
    first.cancel()
    await second
    assert (model.left, limits.spent_usd) == (1, Decimal("0.6"))


async def test_a_call_that_was_cancelled_counts_as_the_dearest_and_one_that_failed_as_nothing() -> None:
    limits, reached = spending("9"), asyncio.Event()
    model = CannedModel([*costing("0.5", "0.2"), blocking(reached), RuntimeError("gone"), *costing("0.1")])
    agent = Agent(limits.watched(model))
    await agent.run("a")
    await agent.run("b")
    cancelled = asyncio.create_task(agent.run("c"))
    await reached.wait()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    with pytest.raises(RuntimeError):
        await agent.run("d")
    await agent.run("e")
    assert limits.spent_usd == Decimal("1.3")


async def test_streams_are_held_to_the_limit_too() -> None:
    limits = spending("0.5")
    agent = Agent(limits.watched(CannedModel(costing("0.3", "0.3"))))
    async with agent.run_stream("go") as stream:
        await stream.get_output()
    assert limits.spent_usd == Decimal("0.3")
    with pytest.raises(SpendingLimitError):
        async with agent.run_stream("go"):
            pass


async def test_calls_without_a_price_go_on_when_they_were_allowed() -> None:
    limits = spending("0.01")
    assert await asked(CannedModel([final({"n": n}) for n in range(5)]), limits, 5) == 5
    assert (limits.spent_usd, limits.reached) == (Decimal(0), False)


def openai(name: str) -> OpenAIChatModel:
    return OpenAIChatModel(name, provider=OpenAIProvider(api_key="none"))


def test_a_model_whose_price_is_not_known_is_refused_unless_told_to_go_on() -> None:
    limits = Spending(limit_usd=Decimal(1))
    limits.watched(openai("gpt-5-mini"))
    for model in (openai("no-such-model"), FallbackModel(openai("gpt-5-mini"), openai("no-such-model"))):
        with pytest.raises(ConfigurationError, match="--max-cost needs models with a known price, got 'openai:no-such"):
            limits.watched(model)
        Spending(limit_usd=Decimal(1), allow_unpriced=True).watched(model)


async def test_an_attempt_that_reaches_the_limit_has_cause_budget_and_says_how_to_go_on() -> None:
    said: list[str] = []
    limits = spending("0.001")
    model = limits.watched(CannedModel(replies()))
    subject = ModelSubject(name="there", model_for=lambda goal, attempt: model, token_source="provider")
    (attempt,) = await attempts_at(subject, said=said)
    assert (attempt.metrics.api_calls, limits.reached) == (1, True)
    assert attempt.metrics.error_type == "benchmarks.subjects.unanswered.SpendingLimitError"
    assert said[0].endswith("allow more, and go on with --resume --retry-errors")
