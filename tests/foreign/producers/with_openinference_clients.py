# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#   "anthropic==2.11.0",
#   "openai==2.50.0",
#   "openinference-instrumentation-anthropic==3.1.0",
#   "openinference-instrumentation-openai==0.1.66",
#   "opentelemetry-exporter-otlp-json-file==0.66b1",
# ]
# ///
"""OpenInference around the OpenAI and Anthropic clients."""

import anthropic_cases
import openai_cases
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from provider import FakeProvider
from recording import Recording

provider = FakeProvider()
recording = Recording(provider)
recording.begin("openinference_openai", "openinference-instrumentation-openai")
tracer_provider = recording.tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
AnthropicInstrumentor().instrument(tracer_provider=tracer_provider)
tracer = tracer_provider.get_tracer("app")
client = openai_cases.client_of(provider)

openai_cases.make_calls(provider, client, tracer)
recording.save("calls", openai_cases.CALLS_NOTE)

provider.play(openai_cases.PLAIN)
openai_cases.ask(client)
recording.save("bare_call", "one call and nothing around it: the call is the root of its trace")

recording.begin("openinference_anthropic", "openinference-instrumentation-anthropic")
anthropic_cases.make_cached_calls(provider, anthropic_cases.client_of(provider), tracer)
recording.save("cache", anthropic_cases.CACHE_NOTE)
