"""A nested run with facts of the caller's, in a real Jaeger: found by them, and with the same numbers."""

import dataclasses
import uuid

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from nanoagent import Orchestrator, RunResult
from nanoagent.core.records import SpanRecord
from tests.jaeger.client import Span
from tests.jaeger.plugin import Jaeger
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import add
from tests.span_records import fold

pytestmark = pytest.mark.jaeger


async def test_a_nested_run_is_found_by_the_callers_facts_and_counts_the_same(jaeger: Jaeger) -> None:
    service = f"facts-{uuid.uuid4().hex[:8]}"
    provider = TracerProvider(
        resource=Resource({"service.name": service, "service.version": "1.4.0"}), shutdown_on_exit=False
    )
    exporter = OTLPSpanExporter(endpoint=f"{jaeger.otlp_http_endpoint}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    results: list[RunResult] = []

    async def delegate() -> str:
        """Delegate."""
        replies = [plan("Add"), response(call("add", a=1, b=2)), executed("3"), reflected("three")]
        inner = Orchestrator("Add 1 and 2", model=CannedModel(replies), attributes={"user.id": "inner"})
        inner.registry.register("add", add)
        results.append(await inner.run())
        return results[0].output

    replies = [plan("Delegate"), response(call("delegate")), executed("three"), reflected("three")]
    facts: dict[str, str | bool] = {
        "gen_ai.conversation.id": "c-7",
        "user.id": "42",
        "experiment": "b",
        "tenant.beta": True,
    }
    outer = Orchestrator(
        "Delegate",
        model=CannedModel(replies),
        attributes=facts,
        agent_version="2.0",
        tracer_provider=provider,
    )
    outer.registry.register("delegate", delegate)
    results.append(await outer.run())
    provider.shutdown()

    trace_id = results[1].metrics.trace_id
    assert trace_id is not None
    spans = jaeger.client.get_trace(trace_id, spans=20)
    (root,) = (span for span in spans if not span["parentSpanId"])
    assert {key: root["attributes"][key] for key in facts} == facts
    assert root["attributes"]["gen_ai.agent.version"] == "2.0"
    assert {span["resource"]["service.version"] for span in spans} == {"1.4.0"}
    assert set(jaeger.client.find_traces(service, {"user.id": "42", "experiment": "b"})) == {trace_id}
    records = [_record_of(span) for span in spans]
    for result in results:
        metrics = fold(records, run_id=result.metrics.run_id)
        assert metrics == dataclasses.replace(result.metrics, goal=None)
    assert fold(records).run_id == results[1].metrics.run_id


def _record_of(span: Span) -> SpanRecord:
    return SpanRecord.of(
        span["traceId"],
        span["spanId"],
        span["parentSpanId"] or None,
        span["startTimeUnixNano"],
        span["endTimeUnixNano"],
        span["name"],
        span["attributes"],
        span["status"] == "ERROR",
    )
