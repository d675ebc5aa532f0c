"""Model calls that others trace inside a run: counted apart, and in no other number."""

from dataclasses import replace

from opentelemetry.trace import Span, Tracer
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.messages import TextPart
from pydantic_ai.models.instrumented import InstrumentedModel

from instrumentation.records import record_of
from instrumentation.testing import Capture, TickingClock
from nanoagent import PerformanceMetrics, Tracing
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import prepared
from tests.span_records import fold


def chat_of_others(tracer: Tracer, *, operation: str = "chat", tokens: int = 7) -> None:
    with tracer.start_as_current_span("their call") as span:
        span.set_attribute("gen_ai.operation.name", operation)
        span.set_attribute("gen_ai.usage.input_tokens", tokens)
        span.set_attribute("gen_ai.usage.output_tokens", 1)


async def run_with_tool_of(captured: Capture, tool: object) -> tuple[PerformanceMetrics, PerformanceMetrics]:
    """Run an agent whose tool makes calls that others trace: its own numbers, and what a reader of the spans makes."""
    own: list[PerformanceMetrics] = []
    agent = Agent(
        CannedModel([response(call("tool")), response(TextPart("done"))]),
        tools=[tool],  # type: ignore[list-item]
        capabilities=[
            Tracing(tracer_provider=captured.provider, clock=TickingClock(), run_id="run-1", on_complete=own.append)
        ],
    )
    await agent.run("go")
    assert own[0] == captured.aggregator.get("run-1")
    records = [record for span in captured.spans if (record := record_of(span)) is not None]
    return own[0], fold(records, run_id="run-1")


async def test_a_call_in_a_tool_that_another_instrumentation_traces_is_untracked() -> None:
    captured = Capture()
    tracer = captured.provider.get_tracer("theirs")

    def tool() -> str:
        """Call models behind our back."""
        with tracer.start_as_current_span("http request"):
            chat_of_others(tracer)
            chat_of_others(tracer, operation="text_completion", tokens=3)
        chat_of_others(tracer, operation="embeddings")
        return "done"

    own, read = await run_with_tool_of(captured, tool)
    assert (own.untracked_api_calls, own.untracked_tokens) == (2, 12)
    assert (own.api_calls, own.tokens_used, own.complete) == (2, 220, True)
    assert read == own


async def test_a_call_of_others_outside_of_any_run_is_nobodys() -> None:
    captured = Capture()
    chat_of_others(captured.provider.get_tracer("theirs"))
    own, read = await run_with_tool_of(captured, lambda: "done")
    chat_of_others(captured.provider.get_tracer("theirs"))
    assert (own.untracked_api_calls, read) == (0, own)


async def test_pydantic_ais_own_instrumentation_beside_ours_changes_no_number_of_ours() -> None:
    captured = Capture()
    settings = InstrumentationSettings(tracer_provider=captured.provider)
    model = CannedModel([plan("Answer"), executed("8"), reflected("8")])
    orchestrator, _ = prepared(InstrumentedModel(model, settings), tracer_provider=captured.provider)
    metrics = (await orchestrator.run()).metrics
    assert (metrics.api_calls, metrics.input_tokens, metrics.complete) == (3, 300, True)
    assert (metrics.untracked_api_calls, metrics.untracked_tokens) == (3, 330)
    assert replace(metrics, goal=None) == captured.aggregator.get("run-1")


async def test_untracked_calls_in_a_nested_run_are_untracked_in_both() -> None:
    captured = Capture()
    tracer = captured.provider.get_tracer("theirs")

    def behind() -> str:
        """Call a model behind our back."""
        chat_of_others(tracer)
        return "done"

    async def delegate() -> str:
        """Delegate."""
        inner, _ = prepared(
            CannedModel([plan("Call"), response(call("behind")), executed("done"), reflected("done")]),
            tools=(behind,),
            run_id="run-2",
            tracer_provider=None,
        )
        return (await inner.run()).output

    outer, _ = prepared(
        CannedModel([plan("Delegate"), response(call("delegate")), executed("done"), reflected("done")]),
        tools=(delegate,),
        tracer_provider=captured.provider,
    )
    await outer.run()
    found = [captured.aggregator.get(run_id) for run_id in ("run-1", "run-2")]
    assert [(metrics.untracked_api_calls, metrics.api_calls) for metrics in found if metrics] == [(1, 8), (1, 4)]
    records = [record for span in captured.spans if (record := record_of(span)) is not None]
    assert [fold(records, run_id=run_id) for run_id in ("run-1", "run-2")] == found
    assert replace(outer.metrics, goal=None) == found[0]


async def test_a_call_of_others_that_a_nested_run_leaves_behind_is_of_the_run_around_it_while_that_goes_on() -> None:
    captured = Capture()
    tracer = captured.provider.get_tracer("theirs")
    left: list[Span] = []

    def start() -> str:
        """Start calls that nobody waits for."""
        chat = {"gen_ai.operation.name": "chat"}
        left.extend(tracer.start_span("their call", attributes=chat) for _ in range(2))
        return "started"

    async def delegate() -> str:
        """Delegate."""
        replies = [plan("Start"), response(call("start")), executed("done"), reflected("done")]
        orchestrator, _ = prepared(CannedModel(replies), tools=(start,), run_id="run-2", tracer_provider=None)
        await orchestrator.run()
        left.pop().end()
        return "done"

    outer, _ = prepared(
        CannedModel([plan("Delegate"), response(call("delegate")), executed("done"), reflected("done")]),
        tools=(delegate,),
        tracer_provider=captured.provider,
    )
    metrics = (await outer.run()).metrics
    left.pop().end()
    found = [captured.aggregator.get(run_id) for run_id in ("run-1", "run-2")]
    assert [(run.untracked_api_calls, run.api_calls) for run in found if run] == [(1, 8), (0, 4)]
    assert replace(metrics, goal=None) == found[0]
