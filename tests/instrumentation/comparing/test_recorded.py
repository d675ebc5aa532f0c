"""Recorded runs: what was done is what the counting rule counts, in any trace."""

from pathlib import Path

import pytest

from instrumentation.comparing.recorded import RecordedRun, recorded_runs
from instrumentation.comparing.steps import StepKind
from instrumentation.comparing.walk import divergence
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan
from nanoagent.tracing import names
from tests.instrumentation.command_line import FOREIGN
from tests.instrumentation.comparing.recording import recorded, spans_of_run
from tests.instrumentation.reading.otlp import read_span

CHAT = {"gen_ai.operation.name": "chat"}
FILES = sorted(FOREIGN.glob("*.jsonl"))


def runs_of(file: Path) -> list[RecordedRun]:
    return list(recorded_runs(read_file(str(file), Problems()), Problems()))


def counted(run: RecordedRun) -> tuple[int, int]:
    """The model calls and the tool calls among what it did."""
    calls = tools = 0
    ahead = [run.steps] if run.steps else []
    while ahead:
        step = ahead.pop()
        calls += step.kind is StepKind.CALL
        tools += step.kind is StepKind.TOOL
        ahead += [inner for moment in step.inside for inner in moment]
    return calls, tools


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_call_of_every_producer_is_a_step_or_the_run_is_incomplete(file: Path) -> None:
    runs = runs_of(file)
    assert runs
    for run in runs:
        if run.lack is None:
            assert counted(run) == (run.metrics.api_calls, run.metrics.tool_calls)
            assert divergence(run, run, names=("A", "B")) is None


def test_every_call_of_a_run_of_ours_is_a_step() -> None:
    run = recorded(spans_of_run())
    assert counted(run) == (run.metrics.api_calls, run.metrics.tool_calls) == (6, 2)


def test_what_others_trace_inside_a_run_of_ours_is_no_step_of_it() -> None:
    spans = spans_of_run()
    above = next(span.span_id for span in spans if span.name.startswith("execute_tool"))
    foreign = read_span("b" * 16, trace_id=spans[0].trace_id, parent_span_id=above, attributes=CHAT)
    assert counted(recorded([*spans, foreign])) == (6, 2)


def test_what_a_run_begins_in_another_trace_is_a_step_of_it() -> None:
    spans = [
        span._replace(trace_id="f" * 32, parent_span_id=None) if span.name.startswith("execute_tool") else span
        for span in spans_of_run()
    ]
    run = recorded(spans)
    assert (counted(run), run.lack) == ((6, 2), None)


def test_runs_that_stand_beside_one_another_in_a_trace_have_their_own_steps() -> None:
    def below(span_id: str, above: str, **attributes: str) -> ReadSpan:
        return read_span(span_id * 16, parent_span_id=above * 16, start_ns=ord(span_id), attributes=attributes)

    agent = {"gen_ai.operation.name": "invoke_agent"}
    request = read_span("a" * 16, name="GET /", start_ns=1, end_ns=900)
    spans = [request, below("b", "a", **CHAT), below("c", "a", **agent), below("d", "c", **CHAT)]
    ours = read_span(
        "e" * 16,
        parent_span_id="c" * 16,
        start_ns=200,
        attributes={names.RUN_ID: "ours", names.STATUS: "completed", names.OPERATION_NAME: "invoke_workflow"},
    )
    call = below("f", "e", **CHAT, **{names.RUN_ID: "ours"})
    runs = list(recorded_runs([[*spans, ours, call]], Problems()))
    assert [(run.metrics.run_id, counted(run)) for run in runs] == [
        ("a" * 16, (1, 0)),
        ("c" * 16, (1, 0)),
        ("ours", (1, 0)),
    ]


@pytest.mark.parametrize(
    "producers", [("agent_framework.agents", "strands.agents"), ("pydantic_ai.v2", "pydantic_ai.v4")]
)
def test_the_same_work_traced_by_two_producers_does_not_part(producers: tuple[str, str]) -> None:
    one, other = (runs_of(FOREIGN / f"{name}.jsonl")[0] for name in producers)
    assert divergence(one, other, names=("A", "B")) is None


def test_a_trace_that_is_thousands_of_spans_deep_is_no_trouble() -> None:
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
    ids = [f"{number:016x}" for number in range(1, 2_001)]
    deep = [
        read_span(own, parent_span_id=above, start_ns=number, end_ns=9_999, attributes=attributes)
        for number, (own, above) in enumerate(zip(ids, [None, *ids], strict=False))
    ]
    bottom = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "dig"}
    dug = read_span("f" * 16, parent_span_id=ids[-1], start_ns=9_000, attributes=bottom)
    found = divergence(recorded(deep), recorded([*deep, dug]), names=("A", "B"))
    assert found is not None
    assert str(found) == "…, agent `a`, agent `a`, agent `a`, agent `a`: A did not call `dig`, B did"
