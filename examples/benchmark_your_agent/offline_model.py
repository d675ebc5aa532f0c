"""A stand-in for a model, so that the example runs offline and without a key.

It knows how the example's goals are worded and calls the agent's tools as they ask for; it understands nothing, so what
it scores says something of the tools and the set-up, and nothing of any model. Set NANOAGENT_MODEL to use a real one.
"""

import re

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

PRICE = re.compile(r"([\d.]+) euros plus ([\d.]+)% tax")
DATES = re.compile(r"from ([\d-]+) to ([\d-]+)")


def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Call a tool for the question, and put its result into a sentence."""
    parts = [part for message in messages for part in message.parts]
    question = next(str(part.content) for part in parts if isinstance(part, UserPromptPart))
    for part in reversed(parts):
        if isinstance(part, ToolReturnPart):
            return say(f"It is {part.model_response_str()}.")
    if price := PRICE.search(question):
        return call("price_with_tax", net=float(price[1]), tax_percent=float(price[2]))
    if dates := DATES.search(question):
        return call("days_between", start=dates[1], end=dates[2])
    return say("I am an agent for prices and dates.")


def say(text: str) -> ModelResponse:
    """A response that ends the run."""
    return ModelResponse(parts=[TextPart(text)])


def call(tool: str, **arguments: str | float) -> ModelResponse:
    """A response that asks for a tool call."""
    return ModelResponse(parts=[ToolCallPart(tool, arguments)])


OFFLINE_MODEL = FunctionModel(answer, model_name="offline")
