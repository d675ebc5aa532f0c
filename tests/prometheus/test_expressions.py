"""What the dashboard and the rules ask for is what services export."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Histogram, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import SERVICE_VERSION, Resource
from prometheus_client import CollectorRegistry, generate_latest

from instrumentation.aggregator import PerformanceAggregator
from instrumentation.delivery.account import DeliveryReport
from instrumentation.metrics.instruments import Instruments
from instrumentation.metrics.recorder import Recorder
from instrumentation.metrics.state import observe
from tests.prometheus.exporter import exporting
from tests.prometheus.expressions import exported_names, expressions, metric_names
from tests.prometheus.plugin import StartPrometheus

CALL = {"gen_ai.request.model": "m", "nanoagent.phase": "plan", "gen_ai.agent.version": "1"}
RUN = {"gen_ai.workflow.name": "nanoagent"}
FAILED = {"error.type": "TimeoutError"}
LABELS: dict[str, list[dict[str, str]]] = {
    "call_duration": [CALL, CALL | FAILED],
    "call_tokens": [CALL | {"gen_ai.token.type": "input"}],
    "agent_duration": [{"gen_ai.agent.name": "executor"}],
    "tool_duration": [{"gen_ai.tool.name": "add"}, {"gen_ai.tool.name": "add"} | FAILED],
    "call_cost": [CALL],
    "unmeasured_calls": [CALL],
    "unpriced_calls": [CALL],
    "runs": [
        RUN | {"nanoagent.status": "completed", "nanoagent.stop_reason": "goal_reached"},
        RUN | {"nanoagent.status": "failed", "nanoagent.stop_reason": "error"} | FAILED,
    ],
    "run_time": [RUN | {"nanoagent.time": "llm"}, RUN | {"nanoagent.time": "other"}],
    "phase_time": [RUN | {"nanoagent.phase": "plan", "nanoagent.time": "llm"}],
    "budget_usage": [RUN | {"nanoagent.budget": "iterations"}],
    "budgets_passed": [RUN | {"nanoagent.budget": "tokens", "nanoagent.action": "warn"}],
}
"""Of every instrument that has more labels than a run has."""


@pytest.fixture
def exposition() -> Iterator[Callable[[], str]]:
    """What a service exports once everything has been recorded once more."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(
        scope_info_enabled=False, resource_attribute_filter=lambda key: key == SERVICE_VERSION, registry=registry
    )
    provider = MeterProvider([reader], resource=Resource({SERVICE_VERSION: "1.2"}), shutdown_on_exit=False)
    meter = provider.get_meter("test")
    instruments = Instruments(meter)
    recorder = Recorder(NoOpMeterProvider().get_meter("test"))
    report = DeliveryReport(destination="otlp")
    observe(meter, recorder=recorder, aggregator=PerformanceAggregator(), delivery=lambda: [report])

    def text() -> str:
        for name, instrument in vars(instruments).items():
            for labels in LABELS.get(name, [RUN]):
                (instrument.record if isinstance(instrument, Histogram) else instrument.add)(0.9, labels)
        return generate_latest(registry).decode()

    yield text
    recorder.close(10)
    provider.shutdown()


def test_every_name_that_is_asked_for_is_exported_once(exposition: Callable[[], str]) -> None:
    declared = re.findall(r"^# TYPE (\S+) (\S+)$", exposition(), re.MULTILINE)
    assert [name for name, times in Counter(name for name, _ in declared).items() if times > 1] == []
    exported = {
        f"{name}{suffix}"
        for name, kind in declared
        for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    }
    assert exported_names() - exported == set()
    doubled = re.compile(r"_total_total|_seconds_seconds|_usd_usd|_ratio(_|$)")
    assert [name for name in exported if doubled.search(name)] == []


def test_every_metric_is_looked_at(exposition: Callable[[], str]) -> None:
    declared = re.findall(r"^# TYPE (\S+) ", exposition(), re.MULTILINE)
    looked_at = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported_names()}
    assert set(declared) - looked_at == {"target_info"}


def test_every_panel_and_every_recorded_series_has_a_value(
    exposition: Callable[[], str], prometheus: StartPrometheus
) -> None:
    with exporting(exposition) as address:
        client = prometheus({"nanoagent": [address]}).client
        client.wait_for("min(count_over_time(nanoagent_runs_total[1m])) > 3")
        client.wait_for("job:nanoagent_runs_failed:ratio_rate15m")
        values = {asked: client.query(asked.text) for asked in expressions()}
    # An alert has one where something is wrong only.
    asked_of_all = {asked for asked in values if not asked.where.startswith("alert")}
    assert {asked for asked in asked_of_all if all(math.isnan(series.value) for series in values[asked])} == set()


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le, job) (rate(a_bucket{x="b{c}"}[5m])) > 0', {"a_bucket"}),
        ("a:b / on (c) group_left (d) e_total offset 5m", {"a:b", "e_total"}),
        ("histogram_quantile(0.95, sum without (x) (f))", {"f"}),
        ("g unless h == bool 1", {"g", "h"}),
        ('absent(up{job="x"}) or vector(1e3)', {"up"}),
    ],
)
def test_the_names_of_an_expression(expression: str, names: set[str]) -> None:
    assert metric_names(expression) == names
