# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "strands-agents[anthropic,openai,otel]==1.62.0",
# ]
# ///
"""Strands Agents, which trace themselves."""

import contextlib

from ledger import Reply
from opentelemetry import trace
from provider import FakeProvider
from recording import Recording
from strands import Agent, tool
from strands.models.anthropic import AnthropicModel
from strands.models.openai import OpenAIModel
from strands.types.exceptions import EventLoopException

provider = FakeProvider()
recording = Recording(provider)
recording.begin("strands", "strands-agents")
trace.set_tracer_provider(recording.tracer_provider())
ACCESS = {"api_key": "none", "max_retries": 0}
openai = OpenAIModel(client_args={"base_url": f"{provider.url}/v1", **ACCESS}, model_id="gpt-5-mini")
claude = AnthropicModel(client_args={"base_url": provider.url, **ACCESS}, model_id="claude-sonnet-4-5", max_tokens=100)


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def boom() -> int:
    """Fail."""
    provider.ledger.failed_tool_calls += 1
    raise RuntimeError("disk on fire")


@tool
def delegate() -> str:
    """Let another agent write."""
    return str(agent("writer")("write"))


def agent(name: str, *tools: object, model: object = openai) -> Agent:
    """An agent that prints nothing."""
    return Agent(model=model, name=name, tools=list(tools), callback_handler=None)


ADD = ("add", {"a": 1, "b": 2})
NO_REASONING = {"reasoning_tokens": 0, "why": "it writes no reasoning tokens"}

provider.play(
    Reply(input=100, output=20, cached=40, reasoning=7, calls=(ADD, ("boom", {}))),
    Reply(input=120, output=22, calls=(("delegate", {}),)),
    Reply(input=70, output=15),
    Reply(input=150, output=30, cached=100),
)
agent("planner", add, boom, delegate)("x")
recording.save(
    "agents", "two tools of which one fails, then a tool that runs a second agent", readable_from_file=NO_REASONING
)

provider.play(Reply(input=50, output=5, calls=(ADD,)), Reply(status=500))
with contextlib.suppress(EventLoopException):
    agent("planner", add)("x")
recording.save("model_http_500", "the second call fails, and with it the agent")

provider.play(
    Reply(input=1000, output=50, cached=600, written=100, calls=(ADD,)), Reply(input=900, output=40, cached=700)
)
agent("planner", add, model=claude)("x")
recording.save("anthropic_cache", "one agent on Anthropic, whose own input count leaves out cached tokens")
