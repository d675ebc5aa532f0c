# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "logfire==5.4.0",
#   "openai==3.56.0",
#   "openai-agents==0.24.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "pydantic-ai-slim[openai]==2.68.0",
# ]
# ///
"""Logfire around the OpenAI client, pydantic-ai, both at once, and the OpenAI Agents SDK."""

import asyncio
import contextlib

import agents
import logfire
import openai
import openai_cases
from ledger import Reply
from opentelemetry import trace
from prices import list_price
from provider import FakeProvider
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("logfire", "logfire")
logfire.configure(
    send_to_logfire=False,
    console=False,
    service_name="foreign-logfire",
    additional_span_processors=[recording.processor],
    inspect_arguments=False,
)
client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0)

ASKS = Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}),))
ANSWER = Reply(input=150, output=30, cached=100)


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def boom() -> int:
    """Fail."""
    provider.ledger.failed_tool_calls += 1
    raise RuntimeError("disk on fire")


def call_openai() -> None:
    """The OpenAI client alone."""
    sync_client = openai_cases.client_of(provider)
    with logfire.instrument_openai(sync_client):
        openai_cases.make_calls(provider, sync_client, trace.get_tracer("app"))
    recording.save(
        "openai_calls",
        openai_cases.CALLS_NOTE,
        totals=list_price(provider.ledger),
        readable_from_file={"reasoning_tokens": 0, "why": "they stand in a text of JSON only (gen_ai.usage.raw)"},
    )


async def run_pydantic_ai() -> None:
    """pydantic-ai alone, then with the OpenAI client below it traced as well."""
    logfire.instrument_pydantic_ai()
    planner = Agent(OpenAIChatModel("gpt-5-mini", provider=OpenAIProvider(openai_client=client)), name="planner")
    planner.tool_plain(add)
    provider.play(ASKS, ANSWER)
    await planner.run("x")
    recording.save("pydantic_ai", "one agent, one tool", totals=list_price(provider.ledger))
    with logfire.instrument_openai(client):
        provider.play(ASKS, ANSWER)
        await planner.run("x")
        recording.save("pydantic_ai_and_openai", "every call has two spans", totals=list_price(provider.ledger))
        provider.play(ASKS, ANSWER)
        async with planner.run_stream("x") as result:
            await result.get_output()
        recording.save(
            "pydantic_ai_and_openai_streamed", "every call has three spans", totals=list_price(provider.ledger)
        )


async def run_openai_agents() -> None:
    """The OpenAI Agents SDK, over both of OpenAI's interfaces."""
    logfire.instrument_openai_agents()
    responses = agents.OpenAIResponsesModel("gpt-5-mini", openai_client=client)
    chat = agents.OpenAIChatCompletionsModel("gpt-5-mini", openai_client=client)
    tools = [agents.function_tool(add), agents.function_tool(boom)]
    writer = agents.Agent(name="writer", model=responses)
    planner = agents.Agent(name="planner", model=responses, tools=tools, handoffs=[writer])
    in_text = "stand in a text of JSON only"
    handoff = "transfer_to_writer"
    provider.play(
        Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}), ("boom", {}))),
        Reply(input=120, output=22, calls=((handoff, {}),), no_tools=frozenset({handoff})),
        ANSWER,
    )
    await agents.Runner.run(planner, "x")
    recording.save(
        "openai_agents",
        "two tools of which one fails, then a handoff to a second agent; Responses",
        readable_from_file={"reasoning_tokens": 0, "why": f"they {in_text} (gen_ai.usage.raw)"},
    )
    provider.play(ASKS, Reply(status=500))
    with contextlib.suppress(openai.InternalServerError):
        await agents.Runner.run(agents.Agent(name="planner", model=chat, tools=tools), "x")
    recording.save(
        "openai_agents_http_500",
        "the second call fails; Chat Completions",
        readable_from_file={"cache_read_tokens": 0, "reasoning_tokens": 0, "why": f"they {in_text} (usage)"},
    )


async def run_all() -> None:
    """One producer after the other."""
    call_openai()
    await run_pydantic_ai()
    await run_openai_agents()


asyncio.run(run_all())
