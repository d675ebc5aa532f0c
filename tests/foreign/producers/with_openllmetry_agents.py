# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "langchain==1.5.2",
#   "langchain-openai==1.7.4",
#   "openai==3.56.0",
#   "openai-agents==0.24.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "opentelemetry-instrumentation-langchain==0.62.4",
#   "opentelemetry-instrumentation-openai-agents==0.62.4",
# ]
# ///
"""OpenLLMetry around agent frameworks: LangChain and the OpenAI Agents SDK."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import agents
import openai
from langchain.agents import create_agent
from langchain_core.tools import tool as langchain_tool
from langchain_openai import ChatOpenAI
from ledger import Reply
from opentelemetry import trace
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("openllmetry_langchain", "opentelemetry-instrumentation-langchain")
tracer_provider = recording.tracer_provider()
trace.set_tracer_provider(tracer_provider)

ADD = Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}),))
ANSWER = Reply(input=150, output=30, cached=100)


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def boom() -> int:
    """Fail."""
    provider.ledger.failed_tool_calls += 1
    raise RuntimeError("disk on fire")


def run_langchain() -> None:
    """An agent of LangChain's: two spans for each agent."""
    LangchainInstrumentor().instrument(tracer_provider=tracer_provider)
    model = ChatOpenAI(model="gpt-5-mini", base_url=f"{provider.url}/v1", api_key="none", max_retries=0)

    def run(*tools: Callable[..., Any]) -> None:
        agent = create_agent(model, tools=[langchain_tool(one) for one in tools], name="planner")
        agent.invoke({"messages": [{"role": "user", "content": "x"}]})

    provider.play(ADD, ANSWER)
    run(add)
    no_reasoning = {"reasoning_tokens": 0, "why": "it writes no reasoning tokens"}
    recording.save("tool", "one agent, one tool", readable_from_file=no_reasoning)
    provider.play(Reply(input=50, output=5, calls=(("boom", {}),)))
    with contextlib.suppress(RuntimeError):
        run(boom)
    recording.save("tool_crash", "the tool raises, and so does the agent")
    provider.play(ADD, Reply(status=500))
    with contextlib.suppress(openai.InternalServerError):
        run(add)
    recording.save("model_http_500", "the second call fails, and with it the agent", readable_from_file=no_reasoning)
    LangchainInstrumentor().uninstrument()


async def run_openai_agents() -> None:
    """The OpenAI Agents SDK, over both of OpenAI's interfaces."""
    recording.begin("openllmetry_openai_agents", "opentelemetry-instrumentation-openai-agents")
    OpenAIAgentsInstrumentor().instrument(tracer_provider=tracer_provider)
    client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0)
    responses = agents.OpenAIResponsesModel("gpt-5-mini", openai_client=client)
    chat = agents.OpenAIChatCompletionsModel("gpt-5-mini", openai_client=client)
    tools = [agents.function_tool(add), agents.function_tool(boom)]
    writer = agents.Agent(name="writer", model=responses)
    planner = agents.Agent(name="planner", model=responses, tools=tools, handoffs=[writer])
    handoff = "transfer_to_writer"
    provider.play(
        Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}), ("boom", {}))),
        Reply(input=120, output=22, calls=((handoff, {}),), no_tools=frozenset({handoff})),
        ANSWER,
    )
    await agents.Runner.run(planner, "x")
    recording.save("handoff", "two tools of which one fails, then a handoff to a second agent; Responses")

    provider.play(ADD, Reply(status=500))
    with contextlib.suppress(openai.InternalServerError):
        await agents.Runner.run(agents.Agent(name="planner", model=chat, tools=tools), "x")
    recording.save(
        "model_http_500",
        "the second call fails; Chat Completions",
        readable_from_file={
            "calls_with_unknown_usage": 2,
            "input_tokens": None,
            "output_tokens": None,
            "cache_read_tokens": 0,
            "reasoning_tokens": 0,
            "why": "of Chat Completions it writes no usage",
        },
    )


run_langchain()
asyncio.run(run_openai_agents())
