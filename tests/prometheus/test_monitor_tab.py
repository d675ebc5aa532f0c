"""What Jaeger's Monitor tab shows, of a real Jaeger and a real Prometheus that are set up as docker-compose does it."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode

from tests.jaeger.server import JaegerServer
from tests.jaeger.server import running as running_jaeger
from tests.prometheus.client import waited_for
from tests.prometheus.plugin import INTERVAL_S
from tests.prometheus.server import configured, running
from tests.servers import HOST

pytestmark = [pytest.mark.jaeger, pytest.mark.slow]

SERVICE = "nanoagent"
RUN = "invoke_workflow nanoagent"
RUN_S = 500

_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def jaeger(
    jaeger_program: Path, prometheus_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[JaegerServer]:
    """A Jaeger that a Prometheus asks, and that asks it in turn."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("JAEGER_SPAN_METRICS_INTERVAL", "500ms")
    with ExitStack() as stack:
        prometheus = stack.enter_context(running(prometheus_program, configured(tmp_path, {}, interval_s=INTERVAL_S)))
        monkeypatch.setenv("JAEGER_PROMETHEUS_URL", prometheus.url)
        jaeger = stack.enter_context(running_jaeger(jaeger_program, tmp_path / "jaeger.log"))
        # Prometheus reads its targets anew when they change.
        targets = {"jaeger": [f"{HOST}:{jaeger.process.ports['JAEGER_SPAN_METRICS_PORT']}"]}
        configured(tmp_path, targets, interval_s=INTERVAL_S)
        yield jaeger


def send_runs(jaeger: JaegerServer) -> None:
    """A run that took minutes, and one that failed."""
    exporter = OTLPSpanExporter(endpoint=f"{jaeger.url('JAEGER_OTLP_HTTP_PORT')}/v1/traces", timeout=10)
    provider = TracerProvider(resource=Resource({"service.name": SERVICE}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    now_ns = time.time_ns()
    for status in (StatusCode.UNSET, StatusCode.ERROR):
        span = provider.get_tracer("test").start_span(RUN, start_time=now_ns - RUN_S * 10**9)
        span.set_status(status)
        span.end(now_ns)
    provider.shutdown()


def shown(jaeger: JaegerServer, what: str, **query: str) -> dict[str, float]:
    """What the tab shows last of each span name, asked for as it asks."""
    query |= {
        "service": SERVICE,
        "spanKind": "internal",
        "groupByOperation": "true",
        "endTs": f"{time.time() * 1000:.0f}",
        "lookback": "60000",
        "step": "1000",
        "ratePer": "600000",
    }
    url = f"{jaeger.url('JAEGER_UI_PORT')}/api/metrics/{what}?{urllib.parse.urlencode(query)}"
    with _http.open(url, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return {
        label["value"]: metric["metricPoints"][-1]["gaugeValue"]["doubleValue"]
        for metric in found["metrics"]
        for label in metric["labels"]
        if label["name"] == "operation" and metric["metricPoints"][-1]["gaugeValue"]["doubleValue"] != "NaN"
    }


def test_it_has_calls_errors_and_durations_of_minutes(jaeger: JaegerServer) -> None:
    def calls() -> float:
        # A rate takes two samples that differ.
        send_runs(jaeger)
        time.sleep(0.5)
        return shown(jaeger, "calls").get(RUN, 0)

    assert waited_for(calls, "Jaeger shows no calls", deadline_s=60) > 0
    assert shown(jaeger, "calls").keys() == {RUN}
    assert shown(jaeger, "errors")[RUN] == pytest.approx(0.5, abs=0.2)
    # Within the bucket from 300 to 600 s: where buckets end at 15 s, no run takes longer.
    assert 300_000 < shown(jaeger, "latencies", quantile="0.95")[RUN] <= 600_000
