"""Bounds: what is endless, huge or full of odd characters costs little, and harms nobody."""

import json
import re
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import set_span_in_context
from pydantic_ai import Agent, FunctionToolset, Tool
from pydantic_ai.messages import TextPart, ToolCallPart
from rich.console import Console

from instrumentation import PerformanceAggregator, configure
from instrumentation.console import ConsoleTreeProcessor
from instrumentation.limits import MOST_ATTRIBUTES
from nanoagent import Orchestrator, RunResult, Tracing
from nanoagent.content.content import CONTENT_VARIABLE, MAX_ATTRIBUTE_BYTES
from nanoagent.tracing import names
from nanoagent.tracing.attributes import MAX_ATTRIBUTES
from tests.jaeger.plugin import Jaeger
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import prepared

MB: Final = 10**6
ALLOWED_GROWTH_BYTES: Final = 200_000
"""Python's own: dictionaries that are resized, caches that fill."""
CONTENT: Final = ("NO_CONTENT", "SPAN_ONLY")


pytestmark = pytest.mark.usefixtures("no_global_state")


# -- what never ends ---------------------------------------------------------------------------------------------------


def tracer_of(*processors: SpanProcessor) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider.get_tracer("test")


def a_run(tracer: trace.Tracer, number: int, *, calls: int = 1) -> trace.Span:
    """The root of a run that has made calls; whoever drops it never ends the run."""
    own = {names.RUN_ID: f"run-{number}"}
    attributes: dict[str, Any] = {**own, names.OPERATION_NAME: names.OP_WORKFLOW, names.STATUS: "running"}
    root = tracer.start_span(names.ROOT_SPAN, Context(), attributes=attributes)
    inside = set_span_in_context(root)
    chat: dict[str, Any] = {**own, names.OPERATION_NAME: names.OP_CHAT, names.INPUT_TOKENS: 10, names.OUTPUT_TOKENS: 1}
    for _ in range(calls):
        tracer.start_span("chat m", inside, attributes=chat).end()
    return root


def growth(work: Callable[[int], object], *, before: range, during: range) -> int:
    """How many bytes more are in use after the later steps of some work than after the earlier ones."""
    traced = sys.gettrace()
    sys.settrace(None)  # what measures coverage takes room of its own, and ten times as long under tracemalloc
    tracemalloc.start()
    try:
        for number in before:
            work(number)
        start, _ = tracemalloc.get_traced_memory()
        for number in during:
            work(number)
        return tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
        sys.settrace(traced)


def test_ten_thousand_runs_that_never_end_take_the_room_of_a_thousand() -> None:
    aggregator = PerformanceAggregator()
    tracer = tracer_of(aggregator)
    grown = growth(lambda number: a_run(tracer, number), before=range(5_000), during=range(5_000, 10_000))
    assert (len(aggregator.open_runs()), aggregator.evicted_runs) == (1_000, 9_000)
    assert aggregator.open_runs()[0].run_id == "run-9000"
    assert grown < ALLOWED_GROWTH_BYTES


def test_traces_that_never_end_take_the_room_of_64_on_the_console() -> None:
    stream = StringIO()
    tracer = tracer_of(ConsoleTreeProcessor(console=lambda: Console(file=stream, width=80)))
    grown = growth(lambda number: a_run(tracer, number), before=range(1_000), during=range(1_000, 4_000))
    assert grown < ALLOWED_GROWTH_BYTES
    a_run(tracer, 4_000).end()
    assert stream.getvalue().endswith("3937 traces are not shown: more than 64 were open\n")


async def test_spans_of_others_that_never_end_take_the_room_of_ten_thousand() -> None:
    grown: list[int] = []

    async def leak() -> str:
        """Start spans, and end none."""
        tracer = captured.provider.get_tracer("others")
        grown.append(growth(lambda _: tracer.start_span("other"), before=range(12_000), during=range(12_000)))
        return "leaked"

    replies = [plan("Leak"), response(call("leak")), executed("done"), reflected("done")]
    orchestrator, captured = prepared(CannedModel(replies), tools=(leak,))
    result = await orchestrator.run()
    assert (result.status, result.metrics.untracked_api_calls, result.metrics.complete) == ("completed", 0, True)
    assert grown[0] < ALLOWED_GROWTH_BYTES


def test_a_run_of_twenty_thousand_calls_is_counted_right() -> None:
    aggregator = PerformanceAggregator()
    a_run(tracer_of(aggregator), 1, calls=20_000).end()
    metrics = aggregator.get("run-1")
    assert metrics is not None
    assert (metrics.api_calls, metrics.input_tokens, metrics.output_tokens) == (20_000, 200_000, 20_000)


# -- what is huge ------------------------------------------------------------------------------------------------------


async def to_file(tmp_path: Path, orchestrator: Orchestrator) -> tuple[RunResult, Path]:
    """Run it with its spans in a file."""
    path = tmp_path / "traces.jsonl"
    telemetry = configure(exporters=("file",), env={"OTEL_EXPORTER_FILE_PATH": str(path)})
    result = await orchestrator.run()
    assert telemetry.flush(10)
    return result, path


@pytest.mark.parametrize("content", CONTENT)
async def test_a_goal_and_results_of_25_mb_cost_a_run_little(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, content)

    def huge() -> str:
        """Say much."""
        return "result " * (25 * MB // 7)

    replies = [
        plan("Say much"),
        response(call("huge"), ToolCallPart("nope", {"text": "argument " * (MB // 9)}, tool_call_id="c2")),
        executed("output " * (25 * MB // 7)),
        reflected("answer " * (25 * MB // 7)),
    ]
    orchestrator = Orchestrator("goal  " * (25 * MB // 6), model=CannedModel(replies))
    orchestrator.registry.register("huge", huge)
    start_s = time.monotonic()
    result, path = await to_file(tmp_path, orchestrator)
    assert time.monotonic() - start_s < 10
    assert (result.status, result.metrics.tool_calls, result.metrics.complete) == ("completed", 2, True)
    assert path.stat().st_size < (20_000 if content == "NO_CONTENT" else 12 * MAX_ATTRIBUTE_BYTES)


# -- what is odd -------------------------------------------------------------------------------------------------------

ODD: Final = "a\0b\ud83ec \x1b[31m\x07\x9b31m \u202egnp.exe\u202c\u2028\r\n\x7f\ufffe🤖 <b>&\"'\\"
IN_JSON: Final = ODD.replace("\ud83e", "")
"""An answer in JSON with half a character is none: the model is asked again."""
CLEAN: Final = ODD.replace("\0", "\ufffd").replace("\ud83e", "\ufffd")
CLEAN_IN_JSON: Final = IN_JSON.replace("\0", "\ufffd")


def odd_run(**options: Any) -> Orchestrator:
    """A run in which every text that others can choose is odd."""
    helper = Agent(
        CannedModel([response(TextPart(ODD), model=ODD)], name=ODD),
        name=ODD,
        capabilities=[Tracing()],
        instructions=ODD,
    )

    async def ask(question: str) -> str:
        return ODD + question + (await helper.run(ODD)).output

    toolset = FunctionToolset([Tool[None](ask, name=f"ask{ODD}", description=ODD)])
    replies = [
        plan(IN_JSON, model=ODD),
        response(call(f"ask{ODD}", f"1{ODD}", question=ODD), call(f"nope{ODD}", f"2{ODD}", **{ODD: ODD}), model=ODD),
        executed(IN_JSON),
        reflected(IN_JSON, gaps=[IN_JSON]),
    ]
    attributes = {"user": ODD, "tags": [ODD]}
    return Orchestrator(
        f"goal{ODD}",
        model=CannedModel(replies, name=ODD),
        toolsets=[toolset],
        attributes=attributes,
        agent_version=ODD,
        **options,
    )


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def parsed(path: Path) -> list[Any]:
    """The lines of a file, as the strictest parsers take them."""
    return [json.loads(line, parse_constant=refuse) for line in path.read_bytes().decode("utf-8").split("\n") if line]


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)
    elif isinstance(value, str):
        yield value


def assert_sendable(texts: list[str]) -> None:
    assert [text for text in texts if re.search("[\0\ud800-\udfff]", text)] == []


@pytest.mark.parametrize("content", CONTENT)
async def test_odd_texts_are_marked_where_changed_and_harm_no_reader(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, content)
    result, path = await to_file(tmp_path, odd_run())
    assert (result.status, result.metrics.tool_calls, result.metrics.failed_tool_calls) == ("completed", 2, 1)
    assert result.metrics.api_calls == 5
    texts = list(texts_in(parsed(path)))
    assert_sendable(texts)
    assert {CLEAN, f"1{CLEAN}", f"execute_tool ask{CLEAN}", f"invoke_agent {CLEAN}", f"chat {CLEAN}"} <= set(texts)
    contents = [text for text in texts if text.startswith(("[{", '{"'))]
    inside = list(texts_in([json.loads(text, parse_constant=refuse) for text in contents]))
    assert_sendable(inside)
    shown = {f"goal{CLEAN}", CLEAN, CLEAN_IN_JSON} & set(inside)
    assert len(shown) == (3 if content == "SPAN_ONLY" else 0)


@pytest.mark.jaeger
@pytest.mark.parametrize("content", CONTENT)
async def test_a_real_jaeger_takes_every_span_of_odd_texts(
    content: str, monkeypatch: pytest.MonkeyPatch, jaeger: Jaeger
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, content)
    telemetry = configure(
        exporters=("jaeger",), env={"OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp_http_endpoint}, notify=pytest.fail
    )
    metrics = (await odd_run().run()).metrics
    assert telemetry.flush(10)
    assert metrics.trace_id is not None
    spans = jaeger.client.get_trace(metrics.trace_id, spans=12)
    assert f"execute_tool ask{CLEAN}" in [span["name"] for span in spans]
    assert_sendable(list(texts_in([dict(span) for span in spans])))


# -- the SDK's own limits ----------------------------------------------------------------------------------------------


async def numbers_of_a_run() -> dict[str, Any]:
    replies = [
        plan("Add", "Break it"),
        response(call("add", a=5, b=3)),
        response(call("broken", "c2", why="so")),
        response(call("nope", "c3")),
        executed("8"),
        executed("it broke"),
        reflected("8"),
    ]
    orchestrator, _ = prepared(CannedModel(replies), attributes={"user": "ann"})
    return (await orchestrator.run()).metrics.to_dict()


@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("limit", ["0", "1", "8"])
@pytest.mark.parametrize(
    "variable",
    [
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_SPAN_EVENT_COUNT_LIMIT",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    ],
)
async def test_low_limits_of_the_sdk_change_no_number_of_a_run(
    variable: str, limit: str, content: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, content)
    expected = await numbers_of_a_run()
    monkeypatch.setenv(variable, limit)
    assert await numbers_of_a_run() == expected
    ours = [one.getMessage() for one in caplog.records if one.name.startswith(("nanoagent", "instrumentation"))]
    assert [line for line in ours if "would cut content" not in line] == []


async def test_no_span_has_more_attributes_than_the_limit_that_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")
    settings: Any = {
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
        "seed": 1,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.5,
        "stop_sequences": ["stop"],
    }
    usage: dict[str, Any] = {"cache_read_tokens": 5, "cache_write_tokens": 5, "details": {"reasoning_tokens": 3}}
    answered = response(TextPart("4"), **usage)
    answered.provider_response_id, answered.finish_reason = "response-1", "stop"
    model = CannedModel([answered], base_url="https://canned.example/v1")
    attributes: dict[str, Any] = {f"user.{number}": number for number in range(MAX_ATTRIBUTES)}

    async def ask() -> str:
        """Ask another run."""
        tracing = Tracing(attributes=attributes, agent_version="1.2")
        agent = Agent(model, name="helper", model_settings=settings, instructions="Answer.", capabilities=[tracing])
        inner = CannedModel([plan("a"), executed("4"), reflected("4")])
        await Orchestrator("inner", model=inner, attributes=attributes, agent_version="1.2").run()
        return (await agent.run("2 + 2?")).output

    replies = [plan("Ask"), response(call("ask")), executed("4"), reflected("4")]
    orchestrator, captured = prepared(CannedModel(replies), tools=(ask,), attributes=attributes, agent_version="1.2")
    assert (await orchestrator.run()).status == "completed"
    most = {span.name: len(span.attributes or {}) for span in captured.spans}
    assert MAX_ATTRIBUTES < max(most.values()) <= MOST_ATTRIBUTES, most
    assert [span.name for span in captured.spans if span.dropped_attributes] == []
