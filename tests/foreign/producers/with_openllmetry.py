# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "anthropic==0.116.0",
#   "openai==2.50.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "opentelemetry-instrumentation-anthropic==0.62.4",
#   "opentelemetry-instrumentation-openai==0.62.4",
#   "traceloop-sdk==0.62.4",
# ]
# ///
"""OpenLLMetry: Traceloop's instrumentations of the OpenAI and Anthropic clients, and its decorators."""

import contextlib

import anthropic_cases
import openai
import openai_cases
from ledger import Reply
from opentelemetry import trace
from provider import FakeProvider
from recording import Recording
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, task, tool, workflow
from traceloop.sdk.instruments import Instruments

provider = FakeProvider()
recording = Recording(provider)
recording.begin("openllmetry", "traceloop-sdk")
Traceloop.init(
    app_name="foreign-openllmetry",
    processor=recording.processor,
    instruments={Instruments.OPENAI, Instruments.ANTHROPIC},
    telemetry_enabled=False,
)
client = openai_cases.client_of(provider)


@tool(name="add")
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool(name="boom")
def boom() -> None:
    """Fail."""
    provider.ledger.failed_tool_calls += 1
    raise RuntimeError("disk on fire")


@task(name="think")
def think() -> None:
    """Ask once, as a step of an agent."""
    openai_cases.ask(client)


@agent(name="writer")
def writer() -> None:
    """Ask once, as an agent of its own."""
    openai_cases.ask(client)


@agent(name="planner")
def planner() -> None:
    """Ask, call two tools, ask again, and hand on to another agent."""
    think()
    add(1, 2)
    with contextlib.suppress(RuntimeError):
        boom()
    openai_cases.ask(client)
    writer()


@workflow(name="plan_and_write")
def plan_and_write() -> None:
    """All went well, but for a tool."""
    planner()


@workflow(name="ask_in_vain")
def ask_in_vain() -> None:
    """The second call fails, and so does all."""
    openai_cases.ask(client)
    openai_cases.ask(client)


provider.play(
    Reply(input=100, output=20, cached=40, reasoning=7, calls=(("add", {"a": 1, "b": 2}), ("boom", {}))),
    Reply(input=150, output=30, cached=100),
    Reply(input=70, output=15),
)
plan_and_write()
recording.save("workflow", "decorators: workflow > agent > task, two tools of which one fails, a second agent")

provider.play(Reply(input=50, output=5), Reply(status=500, repeated=True), Reply(status=500))
with contextlib.suppress(openai.InternalServerError):
    ask_in_vain()
recording.save(
    "model_http_500", "the second call fails, after a repetition by the client itself, and with it the workflow"
)

tracer = trace.get_tracer("app")
openai_cases.make_calls(provider, client, tracer)
recording.save(
    "calls",
    openai_cases.CALLS_NOTE,
    readable_from_file={"reasoning_tokens": 5, "why": "the reasoning of the streamed call (4) is not written"},
)

anthropic_cases.make_cached_calls(provider, anthropic_cases.client_of(provider), tracer)
recording.save(
    "anthropic_cache",
    anthropic_cases.CACHE_NOTE,
    readable_from_file={
        "output_tokens": 91,
        "why": "of a stream it adds up the output tokens of the first message (1) and of the last one, which has all",
    },
)
