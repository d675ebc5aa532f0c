"""A real Jaeger on disk, as the compose profile `keep` sets it up."""

import time
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import format_trace_id

from nanoagent import Orchestrator
from tests.jaeger.client import JaegerClient, Span
from tests.jaeger.server import JaegerServer, running
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import add

pytestmark = [pytest.mark.jaeger, pytest.mark.slow]

SERVICE = "kept"


async def send_run(server: JaegerServer) -> list[Span]:
    """Run an orchestrator into the Jaeger; returns its trace as it was read back."""
    exporter = OTLPSpanExporter(endpoint=f"{server.url('JAEGER_OTLP_HTTP_PORT')}/v1/traces", timeout=10)
    provider = TracerProvider(resource=Resource({"service.name": SERVICE}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    model = CannedModel([plan("Add"), response(call("add", a=5, b=3)), executed("8"), reflected("8")])
    orchestrator = Orchestrator("What is 5 + 3?", model=model, tracer_provider=provider)
    orchestrator.registry.register("add", add)
    with provider.get_tracer("test").start_as_current_span("above the run") as above:
        await orchestrator.run()
    provider.shutdown()
    trace_id = format_trace_id(above.get_span_context().trace_id)
    # The span above, the run, plan, iteration, executor, reflector, four model calls and one of a tool.
    return JaegerClient(server.url("JAEGER_UI_PORT")).get_trace(trace_id, spans=11)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
async def test_a_runs_trace_is_there_after_a_restart(jaeger_program: Path, tmp_path: Path, killed: bool) -> None:
    data = tmp_path / "data"
    with running(jaeger_program, tmp_path / "first.log", data_dir=data) as first:
        sent = await send_run(first)
        if killed:
            first.process.kill()
    with running(jaeger_program, tmp_path / "second.log", data_dir=data) as second:
        client = JaegerClient(second.url("JAEGER_UI_PORT"))
        assert client.get_trace(sent[0]["traceId"]) == sent
        assert client.services() == [SERVICE]
        assert set(client.find_traces(SERVICE)) == {sent[0]["traceId"]}
    assert [path.name for path in sorted(data.iterdir())] == ["keys", "values"]


async def test_in_memory_it_is_gone_after_a_restart(jaeger_program: Path, tmp_path: Path) -> None:
    with running(jaeger_program, tmp_path / "first.log") as first:
        await send_run(first)
    with running(jaeger_program, tmp_path / "second.log") as second:
        assert JaegerClient(second.url("JAEGER_UI_PORT")).services() == []


async def test_a_trace_goes_when_it_is_as_old_as_the_setting_says(
    jaeger_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAEGER_KEEP_FOR", "2s")
    with running(jaeger_program, tmp_path / "jaeger.log", data_dir=tmp_path / "data") as server:
        sent = await send_run(server)
        client = JaegerClient(server.url("JAEGER_UI_PORT"))
        assert client.services() == [SERVICE]
        deadline = time.monotonic() + 30
        while client.find_traces(SERVICE) and time.monotonic() < deadline:
            time.sleep(0.1)  # noqa: ASYNC251  # nothing else runs in this loop
        assert client.find_traces(SERVICE) == {}
        with pytest.raises(TimeoutError, match="has 0 of 1 spans"):
            client.get_trace(sent[0]["traceId"], deadline_s=0)
