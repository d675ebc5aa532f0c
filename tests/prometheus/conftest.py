"""What several tests ask: it takes a Prometheus five seconds from its start to ask its targets, so there is one.

Its targets answer in threads of this process, which other tests may count: so there is none outside of this package.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Histogram, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import SERVICE_VERSION, Resource
from prometheus_client import CollectorRegistry, generate_latest

from instrumentation import Keep
from instrumentation.aggregator import PerformanceAggregator
from instrumentation.delivery.account import DeliveryReport
from instrumentation.keeping.processor import KeepingProcessor
from instrumentation.metrics.instruments import Instruments
from instrumentation.metrics.recorder import Recorder
from instrumentation.metrics.state import observe
from tests.prometheus.client import PrometheusClient
from tests.prometheus.exporter import exporting
from tests.prometheus.plugin import INTERVAL_S
from tests.prometheus.server import agent_option, configured, running

PLAIN = """
# TYPE plain_total counter
plain_total{nanoagent_status="completed",service_version="1"} 3
plain_total{nanoagent_status="failed",service_version="1"} 1
"""
NOBODY = "127.0.0.1:1"
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


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A Prometheus that asks, and is handed on to by one that is an agent."""

    client: PrometheusClient
    plain: str
    """Host and port of what has the job `plain`, and the job `handed_on` of the agent."""


@pytest.fixture(scope="package")
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
    keeping = KeepingProcessor(Keep(failed=True), [], metrics_of=lambda _run_id: None)
    observe(meter, recorder=recorder, aggregator=PerformanceAggregator(), delivery=lambda: [report], keeping=keeping)

    def text() -> str:
        for name, instrument in vars(instruments).items():
            for labels in LABELS.get(name, [RUN]):
                (instrument.record if isinstance(instrument, Histogram) else instrument.add)(0.9, labels)
        return generate_latest(registry).decode()

    yield text
    recorder.close(10)
    provider.shutdown()


@pytest.fixture(scope="package")
def asking(
    prometheus_program: Path, exposition: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asking]:
    """Asks a service, something plain, and a port where nobody listens; the agent asks for it what is plain, too."""
    directory = tmp_path_factory.mktemp("asking")
    with ExitStack() as stack:
        service, plain = (stack.enter_context(exporting(text)) for text in (exposition, lambda: PLAIN))
        targets = {"nanoagent": [service, NOBODY], "plain": [plain]}
        config = configured(directory / "server", targets, interval_s=INTERVAL_S)
        options = ["--web.enable-remote-write-receiver"]
        server = stack.enter_context(running(prometheus_program, config, options=options))
        agent_config = configured(
            directory / "agent",
            {"handed_on": [plain, NOBODY]},
            interval_s=INTERVAL_S,
            file="agent.yml",
            remote_write=f"{server.url}/api/v1/write",
        )
        stack.enter_context(running(prometheus_program, agent_config, options=[agent_option(prometheus_program)]))
        yield Asking(client=server.client, plain=plain)
