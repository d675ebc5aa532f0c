# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "google-adk==1.20.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
# ]
#
# [tool.uv]
# # It asks for the OpenTelemetry of its time, and works with that of the exporter.
# override-dependencies = ["opentelemetry-api>=1.45", "opentelemetry-sdk>=1.45"]
# ///
"""Google ADK before version 2: a call's span has its tools inside it, and what these call."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.genai import types
from ledger import Reply
from opentelemetry import trace
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("google_adk_1", "google-adk")
trace.set_tracer_provider(recording.tracer_provider())
TWO_SUMS = (("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}))


class Scripted(BaseLlm):
    """A model in the process, that answers what the provider's script says."""

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        """Answer once, or fail."""
        reply = provider.next_reply(self.model)
        if reply.status != 200:
            raise ConnectionError("out of order")
        number = len(provider.ledger.served)
        parts = [
            types.Part(function_call=types.FunctionCall(id=f"call_{number}_{at}", name=name, args=dict(arguments)))
            for at, (name, arguments) in enumerate(reply.calls)
        ]
        yield LlmResponse(
            content=types.Content(role="model", parts=parts or [types.Part(text=reply.text)]),
            # Gemini's own output count leaves out the thoughts.
            usage_metadata=types.GenerateContentResponseUsageMetadata(
                prompt_token_count=reply.input,
                cached_content_token_count=reply.cached,
                candidates_token_count=reply.output - reply.reasoning,
                thoughts_token_count=reply.reasoning,
                total_token_count=reply.input + reply.output,
            ),
        )


model = Scripted(model="gemini-2.5-flash")


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def boom() -> int:
    """Fail."""
    provider.ledger.failed_tool_calls += 1
    raise RuntimeError("disk on fire")


async def run(agent: LlmAgent) -> None:
    """One run."""
    runner = InMemoryRunner(agent=agent, app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="user")
    message = types.Content(role="user", parts=[types.Part(text="x")])
    async for _ in runner.run_async(user_id="user", session_id=session.id, new_message=message):
        pass


async def run_all() -> None:
    """One case after the other."""
    worker = LlmAgent(name="worker", model=model, description="writes")
    planner = LlmAgent(name="planner", model=model, tools=[add, AgentTool(worker)])
    provider.play(
        Reply(input=100, output=20, cached=40, reasoning=7, calls=TWO_SUMS),
        Reply(input=120, output=22, calls=(("worker", {"request": "write"}),)),
        Reply(input=70, output=15),
        Reply(input=150, output=30, cached=100),
    )
    await run(planner)
    recording.save(
        "tool_and_agent_tool",
        "2 parallel tool calls, then an AgentTool that runs a second agent, whose call lies inside the first agent's",
        readable_from_file={
            "output_tokens": 80,
            "cache_read_tokens": 0,
            "reasoning_tokens": 0,
            "why": "it writes no subsets, and an output without the thoughts (7)",
        },
    )

    provider.play(Reply(input=50, output=5, calls=(("boom", {}),)))
    with contextlib.suppress(RuntimeError):
        await run(LlmAgent(name="planner", model=model, tools=[boom]))
    recording.save("tool_crash", "the tool raises, and so does the agent")

    provider.play(Reply(input=50, output=5, calls=TWO_SUMS[:1]), Reply(status=500))
    with contextlib.suppress(ConnectionError):
        await run(LlmAgent(name="planner", model=model, tools=[add]))
    recording.save(
        "model_fails",
        "the second call fails, and with it the agent",
        readable_from_file={
            "model_calls": 1,
            "failed_calls": 0,
            "calls_with_unknown_usage": 0,
            "why": "the span of a call that fails has its name, call_llm, and no attribute",
        },
    )


asyncio.run(run_all())
