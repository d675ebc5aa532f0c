# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "anthropic==0.40.0",
#   "httpx<0.28",
#   "openai==1.55.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "opentelemetry-instrumentation-anthropic==0.33.12",
#   "opentelemetry-instrumentation-openai==0.33.12",
#   "setuptools<81",
# ]
#
# [tool.uv]
# # It asks for the conventions of its time, and works with those of the exporter.
# override-dependencies = ["opentelemetry-semantic-conventions>=0.65b0"]
# ///
"""OpenLLMetry as it was at the end of 2024, when it went by names of its own."""

import anthropic_cases
import openai_cases
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("openllmetry_2024", "opentelemetry-instrumentation-openai")
tracer_provider = recording.tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
AnthropicInstrumentor().instrument(tracer_provider=tracer_provider)
tracer = tracer_provider.get_tracer("app")

openai_cases.make_calls(provider, openai_cases.client_of(provider), tracer)
recording.save(
    "calls",
    openai_cases.CALLS_NOTE,
    readable_from_file={
        "model_calls": 3,
        "failed_calls": 0,
        "calls_with_unknown_usage": 1,
        "input_tokens": 105,
        "output_tokens": 11,
        "cache_read_tokens": 0,
        "reasoning_tokens": 0,
        "why": "a failed call leaves no span, a streamed one (60/9) no usage, and no subsets are written",
    },
)
recording.begin("openllmetry_2024", "opentelemetry-instrumentation-anthropic")
anthropic_cases.make_cached_calls(
    provider, anthropic_cases.client_of(provider), tracer, model="claude-3-5-sonnet-20241022"
)
recording.save(
    "anthropic_cache",
    anthropic_cases.CACHE_NOTE,
    readable_from_file={
        "calls_with_unknown_usage": 1,
        "input_tokens": 1000,
        "output_tokens": 50,
        "cache_read_tokens": 600,
        "why": "the streamed call (900/40) leaves no usage",
    },
)
