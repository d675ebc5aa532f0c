"""A score in a real Jaeger: the run is found there, the score from the run and back, and no number changes."""

import json
import urllib.request
import uuid
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from instrumentation import score
from instrumentation.configuration import _forget
from nanoagent import Orchestrator, PerformanceMetrics
from tests.instrumentation.command_line import nanoagent
from tests.jaeger.plugin import Jaeger
from tests.models import CannedModel, executed, plan, reflected

pytestmark = [pytest.mark.jaeger, pytest.mark.usefixtures("no_global_state")]


@pytest.fixture
def provider(jaeger: Jaeger) -> TracerProvider:
    """Sends each span to Jaeger as it ends, under a service name of its own."""
    resource = Resource({"service.name": f"scores-{uuid.uuid4().hex[:8]}"})
    made = TracerProvider(resource=resource, shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{jaeger.otlp_http_endpoint}/v1/traces")))
    return made


@pytest.fixture
def service(provider: TracerProvider) -> str:
    return str(provider.resource.attributes["service.name"])


async def a_run(provider: TracerProvider) -> PerformanceMetrics:
    replies = [plan("Add"), executed("3"), reflected("three")]
    return (await Orchestrator("Add 1 and 2", model=CannedModel(replies), tracer_provider=provider).run()).metrics


async def test_a_run_is_scored_by_its_id_alone_and_each_is_found_from_the_other(
    jaeger: Jaeger, provider: TracerProvider, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = await a_run(provider)
    run_id, trace_id = str(metrics.run_id), str(metrics.trace_id)
    [root] = [span for span in jaeger.client.get_trace(trace_id, spans=8) if not span["parentSpanId"]]
    before = nanoagent("metrics", trace_id, "--json", "--jaeger", jaeger.ui_url)
    monkeypatch.setenv("NANOAGENT_JAEGER_URL", jaeger.ui_url)
    monkeypatch.setenv("OTEL_EXPORTER", "jaeger")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", jaeger.otlp_http_endpoint)

    done = nanoagent("score", run_id, "--value", "0", "--label", "bad", "--explanation", "it is 3")
    _forget()

    assert (done.code, done.err) == (0, "")
    said, page = done.out.splitlines()
    assert said == f"run {run_id} of trace {trace_id} is scored: user bad 0"
    score_id = page.removeprefix(f"{jaeger.ui_url}/trace/")
    [found] = jaeger.client.get_trace(score_id)
    [event] = found["events"]
    assert event["attributes"]["gen_ai.evaluation.explanation"] == "it is 3"
    assert links_of(jaeger, score_id) == [(trace_id, root["spanId"])]
    assert set(jaeger.client.find_traces(service, {"nanoagent.score.run_id": run_id})) == {score_id}
    assert set(jaeger.client.find_traces(service, {"gen_ai.evaluation.score.label": "bad"})) == {score_id}
    assert "@jaeger@warnings" not in found["attributes"]
    assert before.code == 0
    assert nanoagent("metrics", trace_id, "--json", "--jaeger", jaeger.ui_url) == before
    assert json.loads(before.out) == [metrics.to_dict() | {"goal": None}]


async def test_a_link_shows_the_trace_where_the_root_is_not_known(jaeger: Jaeger, provider: TracerProvider) -> None:
    metrics = await a_run(provider)
    score_id = score(str(metrics.run_id), trace_id=metrics.trace_id, label="good", tracer_provider=provider)
    assert score_id is not None
    jaeger.client.get_trace(score_id)
    assert links_of(jaeger, score_id) == [(metrics.trace_id, "")]


def test_a_run_that_jaeger_does_not_have_is_not_scored(
    jaeger: Jaeger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER", "file")
    done = nanoagent("score", "f" * 32, "--value", "1", "--jaeger", jaeger.ui_url)
    assert (done.code, done.out) == (4, "")
    assert f"got none of the last 7 days whose whole id is {'f' * 32}, or not yet: give the run's trace" in done.err
    assert list(tmp_path.iterdir()) == []


async def test_an_id_of_several_traces_does_not_say_which_run_is_meant(
    jaeger: Jaeger, provider: TracerProvider
) -> None:
    run_id = uuid.uuid4().hex
    traces = set()
    for _ in range(2):
        replies = [plan("Add"), executed("3"), reflected("three")]
        model = CannedModel(replies)
        orchestrator = Orchestrator("Add 1 and 2", model=model, tracer_provider=provider, run_id=run_id)
        traces.add(str((await orchestrator.run()).metrics.trace_id))
    for trace_id in traces:
        jaeger.client.get_trace(trace_id, spans=8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER", "file")
        done = nanoagent("score", run_id, "--value", "1", "--jaeger", jaeger.ui_url)
    assert (done.code, done.out) == (4, "")
    assert f"run {run_id} must be in one trace, got several in Jaeger" in done.err
    assert all(trace_id in done.err for trace_id in traces)


def links_of(jaeger: Jaeger, trace_id: str) -> list[tuple[str, str]]:
    """Trace id and span id of the links of the only span of a trace."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{jaeger.ui_url}/api/v3/traces/{trace_id}?raw_traces=true&rawTraces=true", timeout=10) as answer:
        [resource] = json.load(answer)["result"]["resourceSpans"]
    [span] = resource["scopeSpans"][0]["spans"]
    return [(link["traceId"], link.get("spanId", "")) for link in span["links"]]
