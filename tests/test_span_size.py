"""How large the spans of a run are as they are sent: uncompressed OTLP protobuf."""

from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.usage import UsageLimits

from nanoagent import Orchestrator
from nanoagent.content.content import CONTENT_VARIABLE
from tests.models import CannedModel, call, executed, plan, reflected, response

ITERATIONS = 100
TOOL_RESULT_BYTES = 2_000


def look_up(number: int) -> str:
    """Look a number up in the archive."""
    line = f"entry {number} of the archive, "
    return (line * (TOOL_RESULT_BYTES // len(line) + 1))[:TOOL_RESULT_BYTES]


def replies(iterations: int, *, verbose: bool) -> Iterator[ModelResponse]:
    """Three tasks at a time; a verbose executor repeats what its tool said."""
    yield plan(*(f"Look up number {number}" for number in range(3)))
    for number in range(iterations):
        yield response(call("look_up", f"call-{number}", number=number))
        yield executed(look_up(number) if verbose else f"Number {number} is there.")
        if number % 3 == 2 and number < iterations - 1:
            later = range(number + 1, min(number + 4, iterations))
            yield reflected(new_tasks=[{"description": f"Look up number {one}"} for one in later])
    yield reflected("All numbers are there.")


async def bytes_of_run(iterations: int, *, verbose: bool = False) -> int:
    exporter, provider = in_memory()
    model = CannedModel(
        list(replies(iterations, verbose=verbose)), name="gpt-5-mini", base_url="https://example.com/v1"
    )
    orchestrator = Orchestrator("Look up all numbers", iterations + 1, model=model, tracer_provider=provider)
    orchestrator.registry.register("look_up", look_up)
    result = await orchestrator.run()
    assert (result.status, result.metrics.iterations) == ("completed", iterations)
    return encoded_bytes(exporter)


async def bytes_of_pydantic_ai(iterations: int, *, content: bool) -> int:
    """The same tool calls, by one agent in one conversation, under pydantic-ai's own instrumentation."""
    exporter, provider = in_memory()
    settings = InstrumentationSettings(tracer_provider=provider, include_content=content)
    calls = [response(call("look_up", f"call-{number}", number=number)) for number in range(iterations)]
    model = CannedModel([*calls, response(TextPart("All numbers are there."))], name="gpt-5-mini")
    agent = Agent(model, tools=[look_up], capabilities=[Instrumentation(settings)])
    await agent.run("Look up all numbers", usage_limits=UsageLimits(request_limit=None))
    return encoded_bytes(exporter)


def in_memory() -> tuple[InMemorySpanExporter, TracerProvider]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, provider


def encoded_bytes(exporter: InMemorySpanExporter) -> int:
    return len(encode_spans(exporter.get_finished_spans()).SerializeToString())


async def test_a_long_run_without_content_is_small() -> None:
    ours = await bytes_of_run(ITERATIONS)
    assert ours < 350_000
    assert await bytes_of_pydantic_ai(ITERATIONS, content=False) > 3 * ours


async def test_a_long_run_with_content_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")
    ours = await bytes_of_run(ITERATIONS)
    assert ours < 900_000
    assert await bytes_of_pydantic_ai(ITERATIONS, content=True) > 10 * ours


async def test_results_that_fill_every_prompt_to_its_bound_are_shown_about_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")
    assert await bytes_of_run(ITERATIONS, verbose=True) < 1_600_000


@pytest.mark.slow
@pytest.mark.parametrize(("capture", "iterations"), [("NO_CONTENT", 20), ("SPAN_ONLY", 40)])
async def test_a_trace_grows_with_the_run_and_no_faster(
    monkeypatch: pytest.MonkeyPatch, capture: str, iterations: int
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, capture)
    assert await bytes_of_run(10 * iterations) < 10.5 * await bytes_of_run(iterations)
