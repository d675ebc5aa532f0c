"""What every instrumentation of the Anthropic client is tried on.

Anthropic's own input count leaves out what was read from and written to its cache; the conventions' count has it in.
"""

from typing import Any

import anthropic
from ledger import Reply
from opentelemetry.trace import Tracer
from provider import FakeProvider

MESSAGES: Any = [{"role": "user", "content": "x"}]
CACHE_NOTE = "two calls to Anthropic, the second one streamed; its own input count leaves out cached tokens"


def make_cached_calls(
    provider: FakeProvider, client: anthropic.Anthropic, tracer: Tracer, *, model: str = "claude-sonnet-4-5"
) -> None:
    """Two calls below a span of the application's own: see `CACHE_NOTE`."""
    provider.play(Reply(input=1000, output=50, cached=600, written=100), Reply(input=900, output=40, cached=700))
    with tracer.start_as_current_span("answer the user"):
        client.messages.create(model=model, max_tokens=100, messages=MESSAGES)
        for _ in client.messages.create(model=model, max_tokens=100, messages=MESSAGES, stream=True):
            pass


def client_of(provider: FakeProvider) -> anthropic.Anthropic:
    """A client that asks the fake provider."""
    return anthropic.Anthropic(base_url=provider.url, api_key="none", max_retries=0)
