"""Agents that know a key, and tell it: in their answer, in an error of their model."""

from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

KEY = "AIzaSyA1234567890abcdefghijklmnopqrstuv"
ANSWER = "It is 8. " + "x" * 450 + f" https://models.example/v1?key={KEY}&more={'y' * 1_000}"


def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    return ModelResponse(parts=[TextPart(ANSWER)])


def refuse(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    raise ModelHTTPError(401, "told", f"refused https://models.example/v1?key={KEY}")


answering = Agent(FunctionModel(answer))
refused = Agent(FunctionModel(refuse))
