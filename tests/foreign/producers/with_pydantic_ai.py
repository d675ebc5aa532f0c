# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "openai==3.56.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "pydantic-ai-slim[openai]==2.68.0",
# ]
# ///
"""pydantic-ai's own instrumentation: every version of its attributes, both usage settings, and FallbackModel."""

import asyncio
import contextlib
import warnings
from typing import Any

import openai
from ledger import Reply
from prices import list_price
from provider import FakeProvider
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ModelResponse, ModelRetry, RunContext
from pydantic_ai.exceptions import ApprovalRequired
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("pydantic_ai", "pydantic-ai-slim")
tracer_provider = recording.tracer_provider()
client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0)


def model(name: str = "gpt-5-mini") -> OpenAIChatModel:
    """A model of the fake provider."""
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))


def instrument(**settings: Any) -> None:
    """Trace every agent by these settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older versions are deprecated, and are what is asked for
        Agent.instrument_all(InstrumentationSettings(tracer_provider=tracer_provider, **settings))


def planner() -> Agent:
    """An agent with a tool, a tool that has to be asked twice, and a tool that runs a second agent."""
    agent = Agent(model(), name="planner")
    worker = Agent(model(), name="worker")

    @agent.tool_plain
    def add(a: int, b: int) -> int:
        return a + b

    @agent.tool_plain
    def look_up() -> str:
        if not provider.ledger.failed_tool_calls:
            provider.ledger.failed_tool_calls += 1
            raise ModelRetry("once more")
        return "found"

    @agent.tool_plain
    async def delegate() -> str:
        return (await worker.run("write")).output

    return agent


async def run(agent: Agent, *, streamed: bool = False) -> None:
    """One run."""
    if not streamed:
        await agent.run("x")
        return
    async with agent.run_stream("x") as result:
        await result.get_output()


async def run_every_version() -> None:
    """The same run by every version and both usage settings, streamed by every other one."""
    note = "2 agents; 2 parallel tools; 1 ModelRetry; a tool runs a second agent; attributes of version"
    settings = [(version, names) for version in (2, 3, 4, 5, 6) for names in (True, False)]
    for at, (version, names) in enumerate(settings):
        streamed = at in (1, 2, 5, 6, 8)
        instrument(version=version, use_aggregated_usage_attribute_names=names, include_content=version == 6)
        provider.play(
            Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}), ("look_up", {}))),
            Reply(input=120, output=22, cached=40, reasoning=3, calls=(("look_up", {}), ("delegate", {}))),
            Reply(input=70, output=15),
            Reply(input=150, output=30, cached=100),
        )
        await run(planner(), streamed=streamed)
        recording.save(
            f"v{version}{'' if names else '_agent_usage'}{'_streamed' if streamed else ''}",
            f"{note} {version}; aggregated usage names {'on' if names else 'off'}",
            totals=list_price(provider.ledger),
        )


def is_bad(response: ModelResponse) -> bool:
    """Whether a FallbackModel is to reject an answer."""
    return response.text == "bad"


async def run_fallback() -> None:
    """A FallbackModel whose models fail, or whose answers are rejected."""
    instrument(include_content=False)
    bad, good, down = Reply(text="bad", input=20, output=3), Reply(input=11, output=2), Reply(status=503)
    cases: list[tuple[str, str, tuple[Reply, ...], bool]] = [
        ("all_fail", "both models answer 503", (down, down), False),
        ("all_fail_streamed", "both models answer 503; streamed", (down, down), True),
        ("fails_once_streamed", "the first model answers 503, the second one streams", (down, good), True),
        ("rejected", "the first answer is rejected, the second one taken", (bad, good), False),
        ("all_rejected", "both answers are rejected", (bad, bad), False),
        ("rejected_and_failed", "one answer is rejected, one model fails", (bad, down), False),
    ]
    for case, note, replies, streamed in cases:
        provider.play(*replies)
        rejects = [] if streamed else [is_bad]
        agent = Agent(FallbackModel(model("gpt-5"), model(), fallback_on=[Exception, *rejects]), name="planner")
        with contextlib.suppress(BaseExceptionGroup):
            await run(agent, streamed=streamed)
        recording.save(f"fallback_{case}", f"FallbackModel: {note}", totals=list_price(provider.ledger))


async def run_cancelled() -> None:
    """A run that its caller gives up."""
    provider.play(Reply(input=40, output=6, calls=(("add", {"a": 1, "b": 2}),)), Reply(delay_s=1.0, unread=True))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(run(planner()), 0.5)
    recording.save(
        "cancelled",
        "the second call is cancelled by a timeout of the caller's",
        totals=list_price(provider.ledger),
        readable_from_file={"cancelled_calls": 0, "why": "the span of a cancelled call says nothing of its end"},
    )


async def run_deferred() -> None:
    """A tool that has to be approved: asked for in one run, called in the next one."""
    for version in (4, 5):
        instrument(version=version, include_content=False)
        agent = Agent(model(), name="planner", output_type=[str, DeferredToolRequests])

        @agent.tool
        def delete(context: RunContext) -> str:
            if not context.tool_call_approved:
                raise ApprovalRequired
            return "deleted"

        provider.play(Reply(input=40, output=6, calls=(("delete", {}),)), Reply(input=60, output=4))
        asked = await agent.run("x")
        approved = DeferredToolResults(approvals={call.tool_call_id: True for call in asked.output.approvals})
        await agent.run(message_history=asked.all_messages(), deferred_tool_results=approved)
        recording.save(
            f"approval_v{version}",
            "a tool that needs approval ends the first run, and is called in the second one",
            runs=2,
            totals=list_price(provider.ledger),
        )


async def run_bad_tool_calls() -> None:
    """A tool that does not exist, and arguments that do not fit."""
    instrument(include_content=False)
    agent = planner()
    bad = (("subtract", {"a": 1, "b": 2}), ("add", {"a": "many"}))
    provider.play(Reply(input=40, output=6, calls=bad), Reply(input=60, output=4))
    provider.ledger.failed_tool_calls = len(bad)
    await run(agent)
    recording.save(
        "bad_tool_calls",
        "the model invents a tool, and gives wrong arguments to another",
        totals=list_price(provider.ledger),
        readable_from_file={
            "tool_calls": 1,
            "failed_tool_calls": 1,
            "why": "a tool that does not exist leaves no span",
        },
    )


async def run_all() -> None:
    """One group of cases after the other."""
    await run_every_version()
    await run_fallback()
    await run_cancelled()
    await run_deferred()
    await run_bad_tool_calls()


asyncio.run(run_all())
