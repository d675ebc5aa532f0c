"""What every instrumentation of the OpenAI client is tried on."""

from typing import Any

import openai
from ledger import Reply
from opentelemetry.trace import Tracer
from provider import FakeProvider

MODEL = "gpt-5-mini"
MESSAGES: Any = [{"role": "user", "content": "x"}]
PLAIN = Reply(input=61, output=8, cached=30, reasoning=5)
STREAMED = Reply(input=60, output=9, cached=32, reasoning=4)
CALLS_NOTE = "plain call, streamed call, call that the client repeats once by itself (500, 200), call that fails"


def client_of(provider: FakeProvider, *, max_retries: int = 1) -> openai.OpenAI:
    """A client that asks the fake provider, and repeats what failed so many times by itself."""
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=max_retries)


def ask(client: openai.OpenAI) -> None:
    """One call."""
    client.chat.completions.create(model=MODEL, messages=MESSAGES)


def ask_streamed(client: openai.OpenAI) -> None:
    """One streamed call, read to its end."""
    for _ in client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    ):
        pass


def ask_in_vain(client: openai.OpenAI) -> None:
    """One call that fails."""
    try:
        ask(client)
    except openai.InternalServerError:
        return
    raise RuntimeError("the call was to fail")


def make_calls(provider: FakeProvider, client: openai.OpenAI, tracer: Tracer) -> None:
    """Four calls below a span of the application's own: see `CALLS_NOTE`."""
    repeated = Reply(status=500, repeated=True)
    provider.play(PLAIN, STREAMED, repeated, Reply(input=44, output=3), repeated, Reply(status=500))
    with tracer.start_as_current_span("answer the user"):
        ask(client)
        ask_streamed(client)
        ask(client)
        ask_in_vain(client)
