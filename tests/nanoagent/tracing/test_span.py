import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, NoOpTracerProvider, SpanContext, TraceFlags

from instrumentation.testing import Capture
from nanoagent import Orchestrator, traced_run
from nanoagent.tracing.run import Run
from nanoagent.tracing.spans import agent_root_span
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import add, prepared, ran


def canned() -> CannedModel:
    return CannedModel([plan("a"), response(call("add", a=1, b=2)), executed("3"), reflected("3")])


class Faulty(SpanProcessor):
    def on_start(self, span: Span, parent_context: Any = None) -> None:
        raise RuntimeError("broken in on_start")

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("broken in on_end")


async def test_a_processor_that_raises_reaches_neither_the_run_nor_its_numbers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Faulty())
    orchestrator, _ = prepared(canned(), tracer_provider=provider)
    result = await orchestrator.run()
    assert (result.output, result.metrics.api_calls, result.metrics.complete) == ("3", 4, True)
    assert "span invoke_workflow nanoagent could not be started\nRuntimeError\n  File" in caplog.text
    assert "broken in on_start" not in caplog.text


async def test_a_run_below_a_span_of_the_application_is_part_of_its_trace() -> None:
    orchestrator, captured = prepared(canned())
    with captured.provider.get_tracer("app").start_as_current_span("request") as request:
        result = await orchestrator.run()
    assert result.metrics.trace_id == f"{request.get_span_context().trace_id:032x}"
    assert result.metrics.complete is True
    assert {span.context.trace_id for span in captured.spans if span.context} == {request.get_span_context().trace_id}


async def test_what_an_option_is_given_in_a_list_of_the_caller_s_is_masked_on_the_root() -> None:
    run = await ran(canned(), attributes={"process.command_args": ["serve", "--password", "hunter2"]})
    root = next(span for span in run.captured.spans if span.name.startswith("invoke_workflow"))
    assert dict(root.attributes or {})["process.command_args"] == ("serve", "--password", "[redacted: password]")


async def test_a_run_that_is_sampled_out_knows_its_numbers() -> None:
    orchestrator, _ = prepared(canned(), tracer_provider=TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    result = await orchestrator.run()
    assert (result.metrics.api_calls, result.metrics.tool_calls, result.metrics.complete) == (4, 1, True)


async def test_below_a_remote_parent_and_without_an_sdk_the_run_takes_ids_of_its_own() -> None:
    remote = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)))
    token = context.attach(trace.set_span_in_context(remote))
    try:
        orchestrator, _ = prepared(canned(), tracer_provider=trace.NoOpTracerProvider())
        result = await orchestrator.run()
    finally:
        context.detach(token)
    assert (result.metrics.trace_id, result.metrics.api_calls, result.metrics.complete) == (None, 4, True)


async def test_the_numbers_are_the_same_with_and_without_an_sdk() -> None:
    with_sdk = await ran(canned())
    without, _ = prepared(canned(), tracer_provider=trace.NoOpTracerProvider())
    bare = (await without.run()).metrics.to_dict()
    assert bare | {"trace_id": with_sdk.orchestrator.metrics.trace_id} == with_sdk.orchestrator.metrics.to_dict()
    assert bare["trace_id"] is None


WITHOUT_SDK = """
import asyncio, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "instrumentation", "rich", "typer")):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
from nanoagent import Orchestrator
from tests.models import CannedModel, call, executed, plan, reflected, response
model = CannedModel([plan("a"), response(call("add", a=1, b=2)), executed("3"), reflected("3")])
orchestrator = Orchestrator("What is 1 + 2?", model=model)
def add(a: int, b: int) -> int:
    return a + b
orchestrator.registry.register("add", add)
result = asyncio.run(orchestrator.run())
metrics = result.metrics
print(result.output, metrics.api_calls, metrics.tool_calls, metrics.tokens_used, metrics.complete, metrics.trace_id)
"""


@pytest.mark.slow
def test_it_runs_where_no_sdk_is_installed() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_SDK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 4 1 440 True None\n", "")


def test_importing_the_package_loads_no_agent() -> None:
    code = "import sys, nanoagent, nanoagent.core.counting; print('pydantic_ai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_face_of_the_package_is_what_it_lists() -> None:
    import nanoagent

    assert [getattr(nanoagent, name).__name__ for name in nanoagent.__all__] == nanoagent.__all__
    assert sorted(nanoagent.__all__) == nanoagent.__all__
    assert dir(nanoagent) == nanoagent.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nanoagent.nothing


async def test_a_second_orchestrator_may_run_in_the_same_context() -> None:
    first, _ = prepared(canned())
    await first.run()
    second = Orchestrator("again", model=CannedModel([plan("a"), executed("3"), reflected("3")]))
    second.registry.register("add", add)
    assert (await second.run()).metrics.api_calls == 3


def test_an_sdk_inside_a_run_without_one_traces_what_is_its_own() -> None:
    captured = Capture()
    with traced_run("outer", tracer_provider=NoOpTracerProvider()) as outer:
        inner = Run(tracer_provider=captured.provider, parent=outer.place)
        with agent_root_span(inner, "inner", agent_version=None, attributes={}):
            pass
    assert [span.name for span in captured.spans] == ["invoke_agent inner"]


def test_a_span_of_others_inside_an_untraced_run_stays_the_parent_of_what_is_below() -> None:
    captured = Capture()
    theirs = captured.provider.get_tracer("theirs")
    untraced = NoOpTracerProvider()
    with (
        traced_run("outer", tracer_provider=untraced),
        theirs.start_as_current_span("their request"),
        traced_run("inner"),
        theirs.start_as_current_span("below"),
    ):
        pass
    below, request = captured.spans
    assert (below.name, request.name, below.parent) == ("below", "their request", request.get_span_context())


def test_a_provider_that_cannot_be_referred_to_weakly_traces_all_the_same() -> None:
    captured = Capture()

    class Slotted:
        __slots__ = ()

        def get_tracer(self, *args: Any, **options: Any) -> Any:
            return captured.provider.get_tracer(*args, **options)

    with traced_run("agent", tracer_provider=Slotted()):  # type: ignore[arg-type]
        pass
    assert [span.name for span in captured.spans] == ["invoke_agent agent"]


def test_a_context_that_the_application_leaves_behind_does_not_keep_an_ended_span_current() -> None:
    captured = Capture()
    before = context.get_current()
    with traced_run("one", tracer_provider=captured.provider):
        context.attach(baggage.set_baggage("user", "42"))
    with traced_run("two", tracer_provider=captured.provider):
        pass
    assert context.get_current() is before
    assert [span.parent for span in captured.spans] == [None, None]
