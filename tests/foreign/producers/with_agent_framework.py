# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "agent-framework-core==1.23.0",
#   "agent-framework-openai==1.17.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
# ]
# ///
"""Microsoft Agent Framework, which traces itself."""

import asyncio
import contextlib

import openai
from agent_framework import Agent
from agent_framework.exceptions import ChatClientException
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatCompletionClient
from ledger import Reply
from opentelemetry import trace
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("agent_framework", "agent-framework-core")
trace.set_tracer_provider(recording.tracer_provider())
enable_instrumentation()
client = OpenAIChatCompletionClient(
    model="gpt-5-mini",
    async_client=openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0),
)
ADD = ("add", {"a": 1, "b": 2})


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def boom() -> int:
    """Fail."""
    provider.ledger.failed_tool_calls += 1
    raise RuntimeError("disk on fire")


async def run_all() -> None:
    """One case after the other."""
    writer = Agent(client, "write", name="writer")
    planner = Agent(client, "plan", name="planner", tools=[add, boom, writer.as_tool(name="delegate")])
    provider.play(
        Reply(input=100, output=20, cached=40, reasoning=7, calls=(ADD, ("boom", {}))),
        Reply(input=120, output=22, calls=(("delegate", {"task": "write"}),)),
        Reply(input=70, output=15),
        Reply(input=150, output=30, cached=100),
    )
    await planner.run("x")
    recording.save("agents", "two tools of which one fails, then a second agent as a tool")

    provider.play(Reply(input=100, output=20, cached=40, calls=(ADD,)), Reply(input=150, output=30, cached=100))
    async for _ in Agent(client, "plan", name="planner", tools=[add]).run("x", stream=True):
        pass
    recording.save("streamed", "one tool, both calls streamed")

    provider.play(Reply(input=50, output=5, calls=(ADD,)), Reply(status=500))
    with contextlib.suppress(ChatClientException):
        await Agent(client, "plan", name="planner", tools=[add]).run("x")
    recording.save("model_http_500", "the second call fails, and with it the agent")


asyncio.run(run_all())
