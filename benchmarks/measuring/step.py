"""The agent step whose cost is measured: an agent, a chat, a tool and a chat again, traced in each of the ways."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import NoOpTracerProvider
from opentelemetry.trace import TracerProvider as AnyTracerProvider
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.settings import ModelSettings
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset
from pydantic_ai.usage import RequestUsage

from benchmarks.measuring.by_hand import HandTracedModel, HandTracedToolset, hand_traced_run
from instrumentation.aggregator import PerformanceAggregator
from nanoagent.tracing import names
from nanoagent.tracing.agent_run import traced_run
from nanoagent.tracing.capability import Tracing
from nanoagent.tracing.model import traced
from nanoagent.tracing.toolset import traced_toolset

SPANS: Final = 4
"""Spans of one step: agent, chat, tool, chat."""
AGENT: Final = "calculator"
QUESTION: Final = "What is 5 + 3?"
ANSWER: Final = "5 + 3 is 8."

Step = Callable[[], Awaitable[object]]
"""Run the agent once."""


class InstantModel(Model):
    """Answers at once: first with a call of the tool, then with a text."""

    @property
    def model_name(self) -> str:
        """A name that no price list has."""
        return "instant"

    @property
    def system(self) -> str:
        """The provider."""
        return "instant"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer."""
        done = isinstance(messages[-1].parts[-1], ToolReturnPart)
        return ModelResponse(
            parts=[TextPart(ANSWER) if done else ToolCallPart("add", {"a": 5, "b": 3}, tool_call_id="call-1")],
            usage=RequestUsage(input_tokens=180 if done else 120, output_tokens=9 if done else 16),
            model_name="instant-2026-01-01",
            provider_name="instant",
            provider_response_id="response-2" if done else "response-1",
            finish_reason="stop" if done else "tool_call",
        )


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def steps() -> Mapping[str, Step]:
    """The step, in each of the ways to trace it; every provider has one processor, which does nothing unless named."""
    empty = provider(SpanProcessor())
    own = InstrumentationSettings(tracer_provider=empty)
    plain = _agent()
    return {
        "bare": lambda: plain.run(QUESTION),
        "by_hand": by_hand(empty),
        "wrappers": with_wrappers(empty),
        "aggregator": with_wrappers(provider(PerformanceAggregator())),
        "tracing": _runs(_agent(capabilities=[Tracing(tracer_provider=empty)])),
        "pydantic_ai": _runs(_agent(capabilities=[Instrumentation(settings=own)])),
        "off": with_wrappers(NoOpTracerProvider()),
        "outside": _runs(_wrapped()),
    }


def provider(processor: SpanProcessor) -> TracerProvider:
    """An SDK at its defaults with this processor alone."""
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(processor)
    return made


def with_wrappers(tracer_provider: AnyTracerProvider) -> Step:
    """As the orchestrator traces: wrapped model and toolset, inside a run."""
    agent = _wrapped()

    async def step() -> None:
        with traced_run(AGENT, tracer_provider=tracer_provider):
            await agent.run(QUESTION)

    return step


def by_hand(tracer_provider: TracerProvider) -> Step:
    """The same spans in the same places, made with nothing but the SDK."""
    tracer = tracer_provider.get_tracer(names.SCOPE_NAME)
    agent = _agent(model=HandTracedModel(InstantModel(), tracer, AGENT), toolset=HandTracedToolset(_toolset(), tracer))

    async def step() -> None:
        with hand_traced_run(tracer, AGENT):
            await agent.run(QUESTION)

    return step


def _agent(
    *, model: Model | None = None, toolset: AbstractToolset[None] | None = None, **options: Any
) -> Agent[None, str]:
    return Agent(model or InstantModel(), toolsets=[toolset or _toolset()], name=AGENT, **options)


def _wrapped() -> Agent[None, str]:
    return _agent(model=traced(InstantModel()), toolset=traced_toolset(_toolset()))


def _toolset() -> FunctionToolset[None]:
    return FunctionToolset([add])


def _runs(agent: Agent[None, str]) -> Step:
    return lambda: agent.run(QUESTION)
