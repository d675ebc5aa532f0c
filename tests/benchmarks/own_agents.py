"""Agents as users write them, for `--agent`: good ones, and what can be wrong with one."""

import asyncio
import sys
from typing import Any, NoReturn

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from nanoagent import Budget, Orchestrator, Tracing
from tests.models import CannedModel, executed, plan, reflected


class Sum(BaseModel):
    total: int
    terms: tuple[int, int]


def told(text: str) -> FunctionModel:
    return FunctionModel(lambda messages, info: ModelResponse(parts=[TextPart(text)]), model_name="told")


def refuse(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    raise ModelHTTPError(401, "told", "bad key")


async def wait(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    await asyncio.Event().wait()
    raise AssertionError


def add(a: int, b: int) -> int:
    return a + b


def fail() -> str:
    raise LookupError("no such number\nsecond line")


async def leave() -> str:
    sys.exit(5)


eight = Agent(told("It is 8."))
surrogate = Agent(told("It is 8 \ud83d."))
traced = Agent(told("8"), name="own", capabilities=[Tracing(agent_version="7")])
frugal = Agent(TestModel(), tools=[add], capabilities=[Tracing(budgets=[Budget(tokens=20)])])
structured = Agent(TestModel(custom_output_args={"total": 8, "terms": (5, 3)}), output_type=Sum)
adding = Agent(TestModel(custom_output_text="8"), tools=[add], name="adding")
failing = Agent(TestModel(), tools=[fail])
leaving = Agent(TestModel(), tools=[leave])
refused = Agent(FunctionModel(refuse))
waiting = Agent(FunctionModel(wait))
without_model = Agent()
polite = Agent(instructions="Be polite.")
without_key = Agent("openai:gpt-5", defer_model_check=True)
number = 5


def make_agent() -> Agent[None, str]:
    return eight


def make_number() -> int:
    return 5


def make_nothing() -> NoReturn:
    raise OSError("no license\nsecond line")


def make_exit() -> NoReturn:
    sys.exit(3)


async def make_later() -> Agent[None, str]:
    return eight


async def never() -> ModelResponse:
    await asyncio.Event().wait()
    raise AssertionError


def orchestrator(goal: str) -> Orchestrator:
    return Orchestrator(goal, 3, model=CannedModel([plan("a"), executed("8"), reflected("It is 8")]))


def endless(goal: str, *, max_iterations: int, **options: Any) -> Orchestrator:
    steps = [reply for n in range(9) for reply in (executed("8"), reflected(None, new_tasks=[f"again {n}"]))]
    return Orchestrator(goal, max_iterations, model=CannedModel([plan("a"), *steps]), **options)


def slow(goal: str) -> Orchestrator:
    return Orchestrator(goal, model=CannedModel([never]))


def slow_and_told(goal: str, timeout_s: float) -> Orchestrator:
    return Orchestrator(goal, model=CannedModel([never]), timeout_s=timeout_s)


def number_for(goal: str) -> int:
    return 5


def without_models(goal: str) -> Orchestrator:
    return Orchestrator(goal)
