import json
import re
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.util.types import AnyValue

from tests.jaeger.client import Event, JaegerClient, Span
from tests.jaeger.plugin import Jaeger
from tests.jaeger.server import UI_CONFIG, JaegerServer, running
from tests.servers import listening

pytestmark = pytest.mark.jaeger

ATTRIBUTES: dict[str, AnyValue] = {
    "text": "plan, act",
    "count": 2**53 + 1,
    "cost": 0.25,
    "last": True,
    "reasons": ("stop", "length"),
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def send_trace(otlp_http_endpoint: str, service: str, *, start_ns: int, **keys: str) -> str:
    """Send a root with a failed child through the official exporter; returns the trace's id."""
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{otlp_http_endpoint}/v1/traces", timeout=10)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("by hand")
    root = tracer.start_span("run", start_time=start_ns, attributes=keys)
    child = tracer.start_span(
        "chat model",
        context=trace.set_span_in_context(root),
        kind=trace.SpanKind.CLIENT,
        start_time=start_ns + 1,
        attributes=ATTRIBUTES,
    )
    child.add_event("tried", {"attempt": 1}, timestamp=start_ns + 2)
    child.set_status(trace.StatusCode.ERROR, "no answer")
    child.end(start_ns + 3)
    root.end(start_ns + 4)
    provider.shutdown()
    return trace.format_trace_id(root.get_span_context().trace_id)


def test_a_trace_comes_back_whole(jaeger: Jaeger) -> None:
    service = f"whole-{uuid.uuid4().hex[:8]}"
    start_ns = time.time_ns()
    trace_id = send_trace(jaeger.otlp_http_endpoint, service, start_ns=start_ns, session="one")
    root, child = jaeger.client.get_trace(trace_id, spans=2)
    assert root == Span(
        traceId=trace_id,
        spanId=root["spanId"],
        parentSpanId="",
        name="run",
        kind="INTERNAL",
        status="UNSET",
        statusMessage="",
        startTimeUnixNano=start_ns,
        endTimeUnixNano=start_ns + 4,
        attributes={"session": "one"},
        events=[],
        resource={"service.name": service},
    )
    assert child == Span(
        traceId=trace_id,
        spanId=child["spanId"],
        parentSpanId=root["spanId"],
        name="chat model",
        kind="CLIENT",
        status="ERROR",
        statusMessage="no answer",
        startTimeUnixNano=start_ns + 1,
        endTimeUnixNano=start_ns + 3,
        attributes={**ATTRIBUTES, "reasons": ["stop", "length"]},
        events=[Event(name="tried", timeUnixNano=start_ns + 2, attributes={"attempt": 1})],
        resource={"service.name": service},
    )


def test_a_search_finds_the_traces_whose_one_span_has_every_attribute(jaeger: Jaeger) -> None:
    service = f"search-{uuid.uuid4().hex[:8]}"
    start_ns = time.time_ns()
    found = send_trace(jaeger.otlp_http_endpoint, service, start_ns=start_ns, session="a", goal="x")
    other = send_trace(jaeger.otlp_http_endpoint, service, start_ns=start_ns, session="a", goal="y")
    for trace_id in (found, other):
        jaeger.client.get_trace(trace_id, spans=2)
    assert service in jaeger.client.services()
    assert set(jaeger.client.find_traces(service)) == {found, other}
    assert set(jaeger.client.find_traces(service, {"session": "a"})) == {found, other}
    assert set(jaeger.client.find_traces(service, {"session": "a", "goal": "x"})) == {found}
    assert len(jaeger.client.find_traces(service, {"goal": "x"})[found]) == 2
    # Root and child have one each, no span has both.
    assert jaeger.client.find_traces(service, {"goal": "x", "text": "plan, act"}) == {}


def test_a_trace_that_is_missing_says_what_was_found(jaeger: Jaeger) -> None:
    with pytest.raises(TimeoutError, match=r"has 0 of 2 spans after 0\.1 s"):
        jaeger.client.get_trace(uuid.uuid4().hex, spans=2, deadline_s=0.1)
    assert jaeger.client.find_traces("nobody") == {}


@pytest.mark.slow
def test_two_run_at_once_from_one_configuration(
    jaeger_program: Path, jaeger_server: JaegerServer, tmp_path: Path
) -> None:
    with running(jaeger_program, tmp_path / "second.log") as second:
        assert not set(second.process.ports.values()) & set(jaeger_server.process.ports.values())
        service = f"second-{uuid.uuid4().hex[:8]}"
        trace_id = send_trace(second.url("JAEGER_OTLP_HTTP_PORT"), service, start_ns=time.time_ns())
        assert len(JaegerClient(second.url("JAEGER_UI_PORT")).get_trace(trace_id, spans=2)) == 2
        assert service not in JaegerClient(jaeger_server.url("JAEGER_UI_PORT")).services()


@pytest.mark.slow
def test_jaeger_sends_no_spans_of_its_own_and_stops_when_told(jaeger_program: Path, tmp_path: Path) -> None:
    with running(jaeger_program, tmp_path / "jaeger.log") as server:
        JaegerClient(server.url("JAEGER_UI_PORT")).services()
    log = server.process.log.read_text()
    # Where Jaeger's own spans would go, whatever its own OTLP port is.
    assert "localhost:4317" not in log
    assert "Shutdown complete" in log


def test_the_ui_gets_its_configuration(jaeger_server: JaegerServer) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(jaeger_server.url("JAEGER_UI_PORT") + "/search", timeout=10) as answer:
        page = answer.read().decode()
    served = re.search(r"^\s*JAEGER_CONFIG = (\{.*\});$", page, re.MULTILINE)
    assert served is not None
    assert json.loads(served[1]) == json.loads(UI_CONFIG.read_text())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_listens_beyond_loopback_or_on_an_unnamed_port(jaeger_server: JaegerServer) -> None:
    addresses = listening(jaeger_server.process.popen.pid)
    assert [(str(host), port) for host, port in addresses if not host.is_loopback] == []
    assert {port for _, port in addresses} == set(jaeger_server.process.ports.values())
