# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "openai==2.50.0",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
#   "opentelemetry-instrumentation-genai-openai==1.3b0",
# ]
# ///
"""OpenTelemetry's present instrumentation of the OpenAI client, on opentelemetry-util-genai."""

import openai_cases
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("otel_genai_openai", "opentelemetry-instrumentation-genai-openai")
tracer_provider = recording.tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
client = openai_cases.client_of(provider)

openai_cases.make_calls(provider, client, tracer_provider.get_tracer("app"))
recording.save("calls", openai_cases.CALLS_NOTE)
