# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "litellm==1.100.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
# ]
# ///
"""LiteLLM's callback for OpenTelemetry. Each call is a trace of its own where no span is current."""

import contextlib
import os
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it fetches the newest prices otherwise

import litellm
import openai_cases
from ledger import Reply
from litellm.integrations.opentelemetry import OpenTelemetry
from opentelemetry import trace
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("litellm", "litellm")
tracer_provider = recording.tracer_provider()
trace.set_tracer_provider(tracer_provider)
litellm.callbacks = [OpenTelemetry(tracer_provider=tracer_provider)]
litellm.suppress_debug_info = True
USD = "0.0000503"
"""2.45e-05 and 2.58e-05: gpt-5-mini at 0.25 in, 0.025 cached and 2 out for a million tokens."""


def complete(**settings: object) -> object:
    """One call."""
    return litellm.completion(
        model="openai/gpt-5-mini",
        api_base=f"{provider.url}/v1",
        api_key="none",
        messages=openai_cases.MESSAGES,
        max_retries=0,
        **settings,
    )


def wait_for_spans(count: int) -> None:
    """The callbacks run in threads of their own, some time after a call."""
    deadline = time.monotonic() + 10
    while len(recording.finished.get_finished_spans()) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(recording.finished.get_finished_spans())} of {count} spans came")
        time.sleep(0.05)


provider.play(openai_cases.PLAIN, openai_cases.STREAMED, Reply(status=500))
complete()
for _ in complete(stream=True, stream_options={"include_usage": True}):
    pass
with contextlib.suppress(litellm.InternalServerError):
    complete()
wait_for_spans(5)
recording.save(
    "calls",
    "plain call, streamed call, call that fails: each in a trace of its own",
    runs=3,
    totals={"cost_usd": USD, "cost_usd_known_part": USD},
    readable_from_file={"cache_read_tokens": 0, "reasoning_tokens": 0, "why": "it writes input and output tokens only"},
)
