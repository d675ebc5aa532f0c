# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "openai==2.50.0",
#   "openai-agents==0.20.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "opentelemetry-instrumentation-genai-openai==1.3b0",
#   "opentelemetry-instrumentation-genai-openai-agents==1.3b0",
# ]
# ///
"""OpenTelemetry's instrumentation of the OpenAI Agents SDK, which leaves the calls to that of the OpenAI client."""

import asyncio
import contextlib

import agents
import openai
from ledger import Reply
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("otel_genai_openai_agents", "opentelemetry-instrumentation-genai-openai-agents")
tracer_provider = recording.tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
OpenAIAgentsInstrumentor().instrument(tracer_provider=tracer_provider)
client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0)
responses = agents.OpenAIResponsesModel("gpt-5-mini", openai_client=client)
chat = agents.OpenAIChatCompletionsModel("gpt-5-mini", openai_client=client)
ADD = ("add", {"a": 1, "b": 2})
HANDOFF = "transfer_to_writer"


@agents.function_tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@agents.function_tool
def boom() -> int:
    """Fail."""
    provider.ledger.failed_tool_calls += 1
    raise RuntimeError("disk on fire")


async def run_all() -> None:
    """One case after the other."""
    writer = agents.Agent(name="writer", model=responses)
    planner = agents.Agent(name="planner", model=responses, tools=[add, boom], handoffs=[writer])
    provider.play(
        Reply(input=100, output=20, cached=40, reasoning=7, calls=(ADD, ("boom", {}))),
        Reply(input=120, output=22, calls=((HANDOFF, {}),), no_tools=frozenset({HANDOFF})),
        Reply(input=150, output=30, cached=100),
    )
    await agents.Runner.run(planner, "x")
    recording.save("handoff", "two tools of which one fails, then a handoff to a second agent; Responses")

    provider.play(Reply(input=100, output=20, cached=40, reasoning=7, calls=(ADD,)), Reply(status=500))
    with contextlib.suppress(openai.InternalServerError):
        await agents.Runner.run(agents.Agent(name="planner", model=chat, tools=[add]), "x")
    recording.save("model_http_500", "the second call fails; Chat Completions")


asyncio.run(run_all())
