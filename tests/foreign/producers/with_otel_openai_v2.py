# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "openai==2.50.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "opentelemetry-instrumentation-openai-v2==2.4b0",
#   "opentelemetry-util-genai==0.4b0",
# ]
# ///
"""OpenTelemetry's first own instrumentation of the OpenAI client."""

import openai_cases
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("otel_openai_v2", "opentelemetry-instrumentation-openai-v2")
tracer_provider = recording.tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
client = openai_cases.client_of(provider)

openai_cases.make_calls(provider, client, tracer_provider.get_tracer("app"))
recording.save(
    "calls",
    openai_cases.CALLS_NOTE,
    readable_from_file={"cache_read_tokens": 0, "reasoning_tokens": 0, "why": "it writes input and output tokens only"},
)
