"""A real Jaeger, read back: the spans as they were sent, by id and by search, and no port taken for another."""

import json
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util.types import AnyValue

from benchmarks.running.runner import Session, run_attempt
from benchmarks.subjects.models import SCRIPTED, subject_named
from benchmarks.suite.goals import GOALS
from instrumentation.reading.arrival import Arrival, Patience
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.jaeger_api import JaegerApi
from instrumentation.reading.jaeger_errors import (
    JaegerDown,
    JaegerError,
    JaegerNotReady,
    TraceNotFound,
    not_found,
)
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan
from nanoagent.core.runs import CountedRun
from nanoagent.tracing import names
from tests.commands import attempts_in, run_benchmark, run_python
from tests.documents import blocks_of
from tests.jaeger.plugin import Jaeger
from tests.jaeger.server import JaegerServer

pytestmark = pytest.mark.jaeger

VALUES: dict[str, AnyValue] = {
    "text": "plan, act",
    "count": 2**53 + 1,
    "cost": 0.25,
    "last": True,
    "reasons": ("stop", "length"),
    "none": "",
}


@pytest.fixture
def service() -> str:
    return f"read-{uuid.uuid4().hex[:8]}"


def send(jaeger: Jaeger, service: str, **keys: str) -> str:
    """Send a root with these attributes and a failed child with `VALUES`; the trace's id."""
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{jaeger.otlp_http_endpoint}/v1/traces", timeout=10)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("by hand")
    with tracer.start_as_current_span("run", attributes=keys) as root:
        child = tracer.start_span("chat", attributes=VALUES)
        child.record_exception(TimeoutError())
        child.set_status(trace.StatusCode.ERROR)
        child.end()
    provider.shutdown()
    return trace.format_trace_id(root.get_span_context().trace_id)


def read(jaeger: Jaeger, trace_id: str) -> list[ReadSpan]:
    """The trace's two spans, the root first."""
    deadline_s = time.monotonic() + 15
    while True:
        try:
            (spans,) = JaegerApi(jaeger.ui_url).trace(trace_id, Problems())
        except TraceNotFound:
            spans = []
        if len(spans) == 2:
            return sorted(spans, key=lambda span: span.parent_span_id is not None)
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def search(jaeger: Jaeger, service: str, *, limit: int = 20, **attributes: object) -> tuple[list[str], Problems]:
    """The ids of the traces that are found, in their order."""
    now, problems = datetime.now(UTC), Problems()
    start, end = now - timedelta(hours=1), now + timedelta(minutes=1)
    api = JaegerApi(jaeger.ui_url)
    found = api.search(service, problems, start=start, end=end, attributes=attributes, limit=limit)
    return [spans[0].trace_id for spans in found], problems


def test_spans_come_back_with_the_types_of_their_values(jaeger: Jaeger, service: str) -> None:
    trace_id = send(jaeger, service, session="one")
    root, child = read(jaeger, trace_id)
    assert (root.trace_id, root.parent_span_id, root.name, root.attributes, root.failed) == (
        trace_id,
        None,
        "run",
        {"session": "one"},
        False,
    )
    assert (child.trace_id, child.parent_span_id, child.attributes, child.failed, child.exception_type) == (
        trace_id,
        root.span_id,
        VALUES,
        True,
        "TimeoutError",
    )
    assert root.start_ns <= child.start_ns <= child.end_ns <= root.end_ns


def test_a_search_finds_the_traces_with_all_attributes_on_one_span_the_latest_first(
    jaeger: Jaeger, service: str
) -> None:
    first, second = send(jaeger, service, session="a", goal="x"), send(jaeger, service, session="a", goal="y")
    for trace_id in (first, second):
        read(jaeger, trace_id)
    assert service in JaegerApi(jaeger.ui_url).services()
    assert search(jaeger, service)[0] == [second, first]
    assert search(jaeger, service, session="a")[0] == [second, first]
    assert search(jaeger, service, session="a", goal="x")[0] == [first]
    assert search(jaeger, service, goal="x", text="plan, act")[0] == []
    assert search(jaeger, service, last=True, count=2**53 + 1)[0] == [second, first]
    limited, problems = search(jaeger, service, session="a", limit=1)
    assert (limited, problems.count, problems.lossy) == ([second], 1, False)
    assert search(jaeger, f"{service}-nobody")[0] == []


def test_the_example_of_the_documents_counts_the_runs_that_a_search_finds(jaeger: Jaeger, tmp_path: Path) -> None:
    (example,) = [block for block in blocks_of(["docs/jaeger.md"]) if "JaegerApi" in block.text]
    goals = {"id": "wrong", "tier": "simple", "goal": "What is 5 + 3?", "check": {"number": 9}}
    (tmp_path / "goals.json").write_text(json.dumps({"goals": [goals]}))
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp_http_endpoint, "NANOAGENT_JAEGER_URL": jaeger.ui_url}
    options = ["--goals", str(tmp_path / "goals.json"), "--agent", "tests.benchmarks.own_agents:eight", "--verify"]
    judged = run_benchmark(tmp_path, *options, OTEL_EXPORTER="jaeger", **where)
    assert (judged.returncode, judged.stdout.splitlines()[-1][:9]) == (1, "Verified:")
    attempt = attempts_in(tmp_path)[0]["metrics"]
    done = run_python("-c", example.text, **where)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{attempt['run_id']} {attempt['tokens_used']} True" in done.stdout.splitlines()


def test_a_trace_that_is_not_there_is_not_found(jaeger: Jaeger) -> None:
    with pytest.raises(TraceNotFound):
        JaegerApi(jaeger.ui_url).trace(uuid.uuid4().hex, Problems())


async def test_a_jaeger_with_half_of_a_run_says_how_much_is_there_and_the_whole_run_once_it_is(
    jaeger: Jaeger,
) -> None:
    kept, exporter = InMemorySpanExporter(), OTLPSpanExporter(endpoint=f"{jaeger.otlp_http_endpoint}/v1/traces")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    attempt = await run_attempt(GOALS[0], Session(subject=subject_named(SCRIPTED), tracer_provider=provider))
    spans = [*kept.get_finished_spans()]
    *others, root = [span for span in spans if names.RUN_ID in (span.attributes or {})]
    early, late = [root, *others[:3]], [span for span in spans if span not in (root, *others[:3])]
    api, problems, trace_id = JaegerApi(jaeger.ui_url), Problems(), str(attempt.trace_id)

    def look() -> list[CountedRun]:
        return list(counted_runs(api.trace(trace_id, problems), problems))

    assert Patience(limit_s=0.1).wait_for(look) == Arrival((), str(not_found(jaeger.ui_url, trace_id)))
    exporter.export(early)
    half = Patience(limit_s=1.0).wait_for(look)
    assert half.lack == f"incomplete, 4 of {len(others) + 1} spans"
    assert [run.metrics.complete for run in half.runs] == [False]
    exporter.export(late)
    provider.shutdown()
    whole = Patience().wait_for(look)
    assert (whole.lack, [run.metrics for run in whole.runs]) == (None, [replace(attempt.metrics, goal=None)])


@pytest.mark.parametrize(
    ("setting", "error", "said"),
    [
        ("JAEGER_OTLP_HTTP_PORT", JaegerError, "got status 404 from"),
        ("JAEGER_OTLP_GRPC_PORT", JaegerNotReady, "ended the connection"),
        ("JAEGER_HEALTH_PORT", JaegerError, "got status 404 from"),
    ],
)
def test_another_port_of_jaeger_is_told_from_the_one_that_is_read(
    jaeger_server: JaegerServer, setting: str, error: type[JaegerError], said: str
) -> None:
    with pytest.raises(JaegerError) as raised:
        JaegerApi(jaeger_server.url(setting)).trace(uuid.uuid4().hex, Problems())
    assert type(raised.value) is error
    assert not isinstance(raised.value, JaegerDown)
    assert said in str(raised.value)
    assert "4317 and 4318 take spans, and the UI's port, 16686 by default, gives them back" in str(raised.value)


def test_a_path_that_jaeger_does_not_serve_below_is_said(jaeger_server: JaegerServer) -> None:
    with pytest.raises(JaegerError, match=r"a page of HTML .* or the path that it is served below is missing"):
        JaegerApi(f"{jaeger_server.url('JAEGER_UI_PORT')}/elsewhere").services()
