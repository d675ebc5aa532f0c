"""Metrics as `configure` sets them up: from runs of the process to whoever reads them."""

import asyncio
import re
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import requests
from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from instrumentation import Keep, Telemetry, configure
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.testing import by_series, closed_port, collecting, never_answers, series
from instrumentation.testing.decoding import points_of
from nanoagent import Budget, Orchestrator, PerformanceMetrics
from nanoagent.errors import ConfigurationError
from tests.commands import ROOT
from tests.models import CannedModel, Reply, call, executed, plan, priced, reflected, response

pytestmark = pytest.mark.usefixtures("no_global_state")

SHORT = (plan("one"), executed("8"), reflected("8"))
DOCUMENT = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
ANY_PORT = {"OTEL_EXPORTER_PROMETHEUS_PORT": "0"}


@pytest.fixture
def sampled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")


def run(*replies: Reply, **options: Any) -> PerformanceMetrics:
    return asyncio.run(Orchestrator("goal", model=CannedModel(replies or SHORT), **options).run()).metrics


def families(telemetry: Telemetry) -> list[Metric]:
    """All that is served."""
    [url] = telemetry.metrics_endpoints
    return list(text_string_to_metric_families(requests.get(url, timeout=10.0).text))


def scraped(telemetry: Telemetry, name: str) -> dict[tuple[str, ...], float]:
    """The samples of this name, by the values of their labels, sorted by label."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in families(telemetry)
        for sample in family.samples
        if sample.name == name
    }


def test_what_has_ended_is_in_the_next_scrape() -> None:
    telemetry = configure(metrics_exporters=["prometheus"], env=ANY_PORT)
    for number in range(1, 4):
        run()
        [runs] = scraped(telemetry, "nanoagent_runs_total").values()
        assert runs == number


def test_the_environment_chooses_and_the_release_is_a_label_of_each_series() -> None:
    env = ANY_PORT | {"OTEL_METRICS_EXPORTER": " Prometheus ", "OTEL_RESOURCE_ATTRIBUTES": "service.version=7.1"}
    telemetry = configure(env=env)
    run()
    assert scraped(telemetry, "nanoagent_runs_total") == {("nanoagent", "completed", "goal_reached", "7.1"): 1.0}


def test_the_state_of_the_telemetry_is_measured_too(tmp_path: Path) -> None:
    env = ANY_PORT | {"OTEL_EXPORTER_FILE_PATH": str(tmp_path / "traces.jsonl")}
    telemetry = configure(exporters=["file"], metrics_exporters=["prometheus"], env=env)
    run()
    assert telemetry.flush()
    [report] = telemetry.delivery()
    assert {key[:2]: value for key, value in scraped(telemetry, "nanoagent_spans_total").items()} == {
        ("file", "exported"): report.exported_spans,
        ("file", "spooled"): 0,
        ("file", "dropped"): 0,
        ("file", "sampled_out"): 0,
    }
    assert report.exported_spans == 8
    for name in (
        "nanoagent_spans_pending",
        "nanoagent_runs_open",
        "nanoagent_runs_evicted_total",
        "nanoagent_unrecorded_total",
    ):
        [value] = scraped(telemetry, name).values()
        assert value == 0, name


@pytest.mark.usefixtures("sampled_out")
def test_a_run_that_goes_on_is_open_and_its_spans_are_held_where_it_may_be_kept() -> None:
    telemetry = configure(exporters=["file"], metrics_exporters=["prometheus"], keep=Keep(failed=True), env=ANY_PORT)
    seen: list[float] = []

    async def look() -> Any:
        for name in ("nanoagent_runs_open", "nanoagent_spans_held"):
            seen.extend(scraped(telemetry, name).values())
        return executed("8")

    run(plan("one"), look, reflected("8"))
    assert seen == [1.0, 2.0]  # the plan and its call have ended


def test_without_a_choice_nothing_is_recorded_and_no_provider_installed() -> None:
    before = metrics.get_meter_provider()
    telemetry = configure(env={})
    run()
    assert telemetry.metrics_endpoints == ()
    assert metrics.get_meter_provider() is before


def test_instruments_of_the_application_come_out_by_ours() -> None:
    telemetry = configure(metrics_exporters=["prometheus"], env=ANY_PORT)
    metrics.get_meter("app").create_counter("orders").add(3)
    [orders] = scraped(telemetry, "orders_total").values()
    assert orders == 3


def test_a_provider_of_the_application_gets_the_metrics_and_one_line_says_so() -> None:
    reader, notices = InMemoryMetricReader(), list[str]()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    telemetry = configure(metrics_exporters=["prometheus"], env=ANY_PORT, notify=notices.append)
    run()
    assert telemetry.metrics_endpoints == ()
    data = reader.get_metrics_data()
    assert data is not None
    names = {m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert "nanoagent.runs" in names
    [notice] = notices
    assert "a meter provider of its own (opentelemetry.sdk.metrics" in notice


def test_a_provider_of_the_application_that_nothing_replaces_gets_the_metrics() -> None:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    configure(env={}, replace=True)
    run()
    data = reader.get_metrics_data()
    assert data is not None
    assert "nanoagent.runs" in {point.name for point in points_of(encode_metrics(data))}


def test_after_a_shutdown_a_provider_of_the_application_has_the_state_of_what_is_set_up_anew(tmp_path: Path) -> None:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    env = {"OTEL_EXPORTER_FILE_PATH": str(tmp_path / "traces.jsonl")}
    exported = series("nanoagent.spans", {"nanoagent.destination": "file", "nanoagent.outcome": "exported"})
    seen: list[tuple[float | None, ...]] = []

    def looked() -> dict[Any, Any]:
        data = reader.get_metrics_data()
        assert data is not None
        return by_series(points_of(encode_metrics(data)))

    async def look() -> Any:
        seen.append((looked()[series("nanoagent.runs.open", {})].value,))
        return executed("8")

    for keep in (None, Keep(failed=True)):
        telemetry = configure(exporters=["file"], keep=keep, env=env)
        run(plan("one"), look, reflected("8"))
        assert telemetry.flush(10.0)
        found = looked()
        runs = sum(point.value for name, point in found.items() if point.name == "nanoagent.runs")
        seen.append((runs, found[exported].value, series("nanoagent.spans.held", {}) in found))
        telemetry.shutdown(10.0)
    assert seen == [(1,), (1, 8, False), (1,), (2, 8, True)]


def test_a_flush_is_true_when_spans_and_metrics_have_arrived() -> None:
    with collecting() as collector:
        telemetry = configure(
            exporters=["otlp"], metrics_exporters=["otlp"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        )
        run()
        assert telemetry.flush(10.0)
        assert len(collector.received) == 8
        assert [point.value for point in collector.metrics if point.name == "nanoagent.runs"] == [1]


def sending(*, spans_to: str, metrics_to: str) -> Telemetry:
    env = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{spans_to}/v1/traces",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{metrics_to}/v1/metrics",
    }
    return configure(exporters=["otlp"], metrics_exporters=["otlp"], env=env, notify=lambda _line: None)


def test_a_flush_is_false_while_only_the_metrics_do_not_arrive() -> None:
    with collecting("http/protobuf", never_answers) as hanging, collecting() as healthy:
        telemetry = sending(spans_to=healthy.url, metrics_to=hanging.url)
        run()
        assert telemetry.flush(0.5) is False
        assert len(healthy.received) == 8
        assert telemetry.shutdown(0.5) is False


def test_a_receiver_of_metrics_that_is_not_there_is_named_at_set_up() -> None:
    with closed_port() as closed:
        said: SimpleQueue[str] = SimpleQueue()
        configure(metrics_exporters=["otlp"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": closed}, notify=said.put)
        assert re.match(f"nothing listens at {closed}.*: metrics will not arrive", said.get(timeout=20.0))


def test_the_shutdown_sends_the_last_numbers() -> None:
    with collecting() as collector:
        telemetry = configure(metrics_exporters=["otlp"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        run()
        assert telemetry.shutdown(10.0)
        # Once or twice: before and after the last spans.
        assert {point.value for point in collector.metrics if point.name == "nanoagent.runs"} == {1}
        run()
    assert telemetry.metrics_endpoints == ()


def test_the_last_numbers_say_what_became_of_the_last_spans() -> None:
    with collecting() as collector, closed_port() as closed:
        telemetry = sending(spans_to=closed, metrics_to=collector.url)
        run()
        assert telemetry.shutdown(1.0) is False
    last = by_series(collector.metrics)
    spans = {"nanoagent.destination": "otlp"}
    assert last[series("nanoagent.spans", spans | {"nanoagent.outcome": "spooled"})].value == 8
    assert last[series("nanoagent.spans.pending", spans)].value == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"metrics_exporters": ["jaeger"]},
            r"^metrics_exporters must name exporters out of none, console, otlp, prometheus; got .jaeger.",
        ),
        ({"env": {"OTEL_METRICS_EXPORTER": "prometheus,none"}}, r"^OTEL_METRICS_EXPORTER"),
        ({"env": {"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT": "x"}}, "_PROMETHEUS_PORT"),
        ({"env": {"NANOAGENT_KEEP": "fast"}}, r"^NANOAGENT_KEEP"),
        ({"keep": "failed"}, r"^keep must be a Keep, such as Keep\(failed=True\), got 'failed'$"),
        ({"metrics_exporters": "otlp"}, r"^metrics_exporters must be a list of names out of none, .*; got 'otlp'$"),
        ({"exporters": "file"}, r"^exporters must be a list of names out of none, .*; got 'file'$"),
        ({"exporters": [None]}, r"^exporters must be a list of names .*; got \[None\]$"),
        ({"exporters": 1}, r"^exporters must be a list of names .*; got 1$"),
    ],
)
def test_an_unusable_choice_is_an_error_before_anything_is_set_up(settings: dict[str, Any], message: str) -> None:
    before = metrics.get_meter_provider()
    with pytest.raises(ConfigurationError, match=message):
        configure(**settings)
    assert metrics.get_meter_provider() is before


@pytest.mark.usefixtures("sampled_out")
@pytest.mark.parametrize("by_variable", [False, True])
def test_runs_to_keep_are_exported_whole_whatever_the_sampler_says(tmp_path: Path, by_variable: bool) -> None:
    path = tmp_path / "traces.jsonl"
    env = (
        ANY_PORT
        | {"OTEL_EXPORTER_FILE_PATH": str(path)}
        | ({"NANOAGENT_KEEP": "failed,cost=0.5"} if by_variable else {})
    )
    telemetry = configure(
        exporters=["file"],
        metrics_exporters=["prometheus"],
        keep=None if by_variable else Keep(failed=True, cost_above_usd=0.5),
        env=env,
    )
    run(plan("one"), RuntimeError("down"), run_id="failed")
    run(run_id="well")
    run(plan("one", **priced("0.6")), *SHORT[1:], run_id="costly")
    seen = {name: scraped(telemetry, name) for name in ("nanoagent_spans_held", "nanoagent_runs_undecided_total")}
    assert [list(values.values()) for values in seen.values()] == [[0.0], [0.0]]
    assert telemetry.shutdown(10.0)
    problems = Problems()
    kept = [run.metrics.run_id for run in counted_runs(read_file(str(path), problems), problems)]
    assert kept == ["failed", "costly"]
    [report] = telemetry.delivery()
    assert report.ended_spans == report.exported_spans + report.sampled_out_spans
    assert report.sampled_out_spans == 8


def test_the_document_names_every_metric_that_is_served_and_no_other() -> None:
    rows = re.findall(r"^\| (`(?:gen_ai|nanoagent)_.*?) \| (?:histogram|counter|gauge)", DOCUMENT, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    telemetry = configure(exporters=["file"], metrics_exporters=["prometheus"], keep=Keep(failed=True), env=ANY_PORT)
    dear: dict[str, Any] = priced("0.6")
    budgets = [Budget(tokens=1, action="warn")]
    run(
        plan("one", **dear),
        response(call("add", a=1, b=2), **dear),
        executed("3", **dear),
        reflected("3", **dear),
        budgets=budgets,
    )
    assert {family.name for family in families(telemetry)} - {"target_info"} == {
        name.removesuffix("_total") for name in documented
    }
