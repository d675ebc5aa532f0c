# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "langchain==1.5.2",
#   "langchain-openai==1.7.4",
#   "openai==3.56.0",
#   "openai-agents==0.24.0",
#   "openinference-instrumentation-langchain==0.1.80",
#   "openinference-instrumentation-openai-agents==2.6.0",
#   "openinference-instrumentation-pydantic-ai==0.1.30",
#   "openinference-instrumentation-smolagents==0.1.43",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "pydantic-ai-slim[openai]==2.68.0",
#   "smolagents[openai]==1.26.0",
# ]
# ///
"""OpenInference around agent frameworks: smolagents, LangChain, the OpenAI Agents SDK and pydantic-ai."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import agents
import openai
import pydantic_ai
import smolagents
from langchain.agents import create_agent
from langchain_core.tools import tool as langchain_tool
from langchain_openai import ChatOpenAI
from ledger import Reply
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor
from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from prices import list_price
from provider import FakeProvider
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("openinference_smolagents", "openinference-instrumentation-smolagents")
tracer_provider = recording.tracer_provider()
client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0)

TWO_TOOLS = Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}), ("boom", {})))
ADD = Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}),))
ANSWER = Reply(input=150, output=30, cached=100)
TOOLS_NOTE = "one agent, two tools of which one fails"


def add(a: int, b: int) -> int:
    """Add.

    Args:
        a: One number.
        b: Another one.
    """
    return a + b


def boom() -> int:
    """Fail."""
    provider.ledger.failed_tool_calls += 1
    raise RuntimeError("disk on fire")


def run_smolagents() -> None:
    """A manager that calls a second agent, by smolagents."""
    SmolagentsInstrumentor().instrument(tracer_provider=tracer_provider)
    model = smolagents.OpenAIServerModel("gpt-5-mini", api_base=f"{provider.url}/v1", api_key="none")

    def agent(name: str, **parts: Any) -> smolagents.ToolCallingAgent:
        return smolagents.ToolCallingAgent(model=model, name=name, description=name, verbosity_level=0, **parts)

    def final(text: str, **tokens: int) -> Reply:
        name = "final_answer"
        return Reply(calls=((name, {"answer": text}),), no_tools=frozenset({name}), **tokens)

    worker = agent("worker", tools=[])
    planner = agent("planner", tools=[smolagents.tool(add)], managed_agents=[worker])
    provider.play(
        ADD,
        Reply(input=120, output=22, calls=(("worker", {"task": "write"}),)),
        final("written", input=70, output=15),
        final("done", input=150, output=30, cached=100),
    )
    planner.run("x")
    recording.save(
        "managed_agent",
        "a tool, then a second agent as a tool; each agent gives its answer by an output tool, final_answer",
        readable_from_file={
            "cache_read_tokens": 0,
            "reasoning_tokens": 0,
            "tool_calls": 1,
            "why": "it writes input and output tokens only, and the second agent has no span of a tool around it",
        },
    )


def run_langchain() -> None:
    """An agent of LangChain's: a graph without an agent span."""
    recording.begin("openinference_langchain", "openinference-instrumentation-langchain")
    LangChainInstrumentor().instrument(tracer_provider=tracer_provider)
    model = ChatOpenAI(model="gpt-5-mini", base_url=f"{provider.url}/v1", api_key="none", max_retries=0)

    def run(*tools: Callable[..., Any]) -> None:
        agent = create_agent(model, tools=[langchain_tool(one) for one in tools], name="planner")
        agent.invoke({"messages": [{"role": "user", "content": "x"}]})

    provider.play(ADD, ANSWER)
    run(add)
    recording.save("tool", "one agent, one tool: chains all the way, the root is one")
    provider.play(Reply(input=50, output=5, calls=(("boom", {}),)))
    with contextlib.suppress(RuntimeError):
        run(boom)
    recording.save("tool_crash", "the tool raises, and so does the agent")
    provider.play(ADD, Reply(status=500))
    with contextlib.suppress(openai.InternalServerError):
        run(add)
    recording.save("model_http_500", "the second call fails, and with it the agent")
    LangChainInstrumentor().uninstrument()


async def run_openai_agents() -> None:
    """The OpenAI Agents SDK, over both of OpenAI's interfaces."""
    recording.begin("openinference_openai_agents", "openinference-instrumentation-openai-agents")
    OpenAIAgentsInstrumentor().instrument(tracer_provider=tracer_provider)
    responses = agents.OpenAIResponsesModel("gpt-5-mini", openai_client=client)
    chat = agents.OpenAIChatCompletionsModel("gpt-5-mini", openai_client=client)
    writer = agents.Agent(name="writer", model=responses)
    tools = [agents.function_tool(add), agents.function_tool(boom)]
    planner = agents.Agent(name="planner", model=responses, tools=tools, handoffs=[writer])
    handoff = "transfer_to_writer"
    provider.play(
        TWO_TOOLS,
        Reply(input=120, output=22, calls=((handoff, {}),), no_tools=frozenset({handoff})),
        ANSWER,
    )
    await agents.Runner.run(planner, "x")
    recording.save("handoff", "two tools of which one fails, then a handoff to a second agent; Responses")

    provider.play(ADD, ANSWER)
    result = agents.Runner.run_streamed(agents.Agent(name="planner", model=responses, tools=tools), "x")
    async for _ in result.stream_events():
        pass
    recording.save("streamed", "one tool, both calls streamed; Responses")

    provider.play(ADD, Reply(status=500))
    with contextlib.suppress(openai.InternalServerError):
        await agents.Runner.run(agents.Agent(name="planner", model=chat, tools=tools), "x")
    subsets = {"cache_read_tokens": 0, "reasoning_tokens": 0, "why": "of Chat Completions it writes no subsets"}
    recording.save("model_http_500", "the second call fails; Chat Completions", readable_from_file=subsets)


async def run_pydantic_ai() -> None:
    """pydantic-ai's own spans, to which OpenInference adds its names."""
    recording.begin("openinference_pydantic_ai", "openinference-instrumentation-pydantic-ai")
    both = recording.tracer_provider(OpenInferenceSpanProcessor())
    pydantic_ai.Agent.instrument_all(InstrumentationSettings(tracer_provider=both))
    model = OpenAIChatModel("gpt-5-mini", provider=OpenAIProvider(openai_client=client))
    agent = pydantic_ai.Agent(model, name="planner")
    agent.tool_plain(add)
    provider.play(ADD, ANSWER)
    await agent.run("x")
    recording.save(
        "tool", "one agent, one tool: both families of names on every span", totals=list_price(provider.ledger)
    )


async def run_all() -> None:
    """One producer after the other."""
    run_smolagents()
    run_langchain()
    await run_openai_agents()
    await run_pydantic_ai()


asyncio.run(run_all())
