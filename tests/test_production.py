"""Production: metrics are the sums of the runs' own numbers, whatever is sampled and wherever they go."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate, product
from typing import Any

import pytest
from opentelemetry import metrics
from pydantic_ai.messages import ModelRequest, TextPart
from pydantic_ai.models import ModelRequestParameters

from benchmarks.suite.goals import GOALS, Goal
from instrumentation import configure
from instrumentation.installed import forget_providers
from instrumentation.metrics.labels import MAX_MODELS
from instrumentation.testing import Capture, MetricPoint, by_series, closed_port, collecting
from nanoagent import Orchestrator, PerformanceMetrics, traced, traced_run
from nanoagent.tracing.run import current_place
from nanoagent.tracing.spans import tool_span
from tests.benchmarks.subjects.provider import Failing, Provider, provider
from tests.models import CannedModel, Reply, call, executed, plan, priced, reflected, response
from tests.prometheus.client import PrometheusClient, waited_for
from tests.prometheus.expressions import Asked, exported_names, expressions
from tests.prometheus.plugin import StartPrometheus
from tests.runs import add, broken
from tests.service import PATIENCE_S, ServiceProcess, serving
from tests.totals import PROMETHEUS_NAMES, bucket_counts, buckets_of, totals_of

AT_ONCE = 4
SCRAPED = {"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT": "0"}
PLAN = '{"tasks": [{"description": "Add 5 and 3"}], "questions": []}'


def assert_equal(points: Sequence[MetricPoint], runs: Sequence[PerformanceMetrics]) -> None:
    for total in totals_of(runs):
        assert total.of_points(points) == pytest.approx(total.expected, rel=1e-9, abs=1e-12), total
    for name, counts in buckets_of(runs).items():
        assert bucket_counts(points, name) == counts, name


# -- a real Prometheus, and a receiver of OTLP ------------------------------------------------------------------------


@pytest.mark.slow
def test_what_prometheus_scrapes_of_services_are_the_sums_of_their_runs(prometheus: StartPrometheus) -> None:
    """One answers the benchmark's goals by rules; the other one's model has prices, fails, and is too dear."""
    with (
        serving(SCRAPED) as service,
        provider(PLAN, Failing(400)) as found,
        serving(SCRAPED | dear_model(found)) as dear,
    ):
        client = prometheus({"nanoagent": [metrics_address(service), metrics_address(dear)]}).client
        # An increase is one between two scrapes: the series have to be there before.
        for goals in (GOALS, GOALS):
            post(service, goals)
            post(dear, GOALS[:2])
            runs = runs_of(service, dear)
            wait_until_scraped(client, len(runs))
        assert len(runs) == 2 * len(GOALS) + 4 > 50
        assert {run.stop_reason for run in runs} >= {"goal_reached", "cost_budget", "model_error", "no_progress"}
        for total in totals_of(runs):
            value = sum(one.value for one in client.query(total.query))
            assert value == pytest.approx(total.expected, rel=1e-9, abs=1e-12), total
        for name, counts in buckets_of(runs).items():
            assert scraped_buckets(client, PROMETHEUS_NAMES[name]) == list(accumulate(counts)), name
        assert exported_names() - client.names() == set()
        waited_for(lambda: not without_data(client), f"nothing of {without_data(client)}", deadline_s=PATIENCE_S)


def dear_model(found: Provider) -> dict[str, str]:
    """The settings of a service that asks this provider, and may not spend anything to speak of."""
    return {
        "NANOAGENT_MODEL": "openai-chat:gpt-5-mini",
        "OPENAI_BASE_URL": found.url,
        "OPENAI_API_KEY": "none",
        "NANOAGENT_SERVICE_MAX_COST_USD": "1e-9",
        "NANOAGENT_SERVICE_AGENT_VERSION": "2.1",
        "NANOAGENT_KEEP": "failed",
    }


def post(service: ServiceProcess, goals: Sequence[Goal]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda goal: service.post("/goals", {"goal": goal.text}), goals))


def runs_of(*services: ServiceProcess) -> list[PerformanceMetrics]:
    """The numbers of all runs, as the services have them."""
    answers = [service.get("/runs/recent").json()["runs"] for service in services]
    return [PerformanceMetrics.from_dict(run) for runs in answers for run in runs]


@pytest.mark.slow
def test_what_a_receiver_of_otlp_gets_of_a_service_are_the_sums_of_its_runs() -> None:
    with collecting() as collector:
        settings = {
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.url}/v1/metrics",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }
        with serving(settings) as service:
            post(service, [*GOALS, *GOALS])
            runs = runs_of(service)
    assert len(runs) == 2 * len(GOALS) > 50
    assert_equal([*by_series(collector.metrics).values()], runs)


def metrics_address(service: ServiceProcess) -> str:
    [address] = set(re.findall(r"http://(127\.0\.0\.1:\d+)/metrics", service.log))
    return str(address)


def wait_until_scraped(client: PrometheusClient, runs: int) -> None:
    waited_for(
        lambda: sum(one.value for one in client.query("sum(nanoagent_runs_total)")) == runs,
        f"not all of {runs} runs were scraped",
        deadline_s=PATIENCE_S,
    )


def scraped_buckets(client: PrometheusClient, name: str) -> list[float]:
    """The counts of a histogram, each with those below it."""
    rows = {float(one.labels["le"]): one.value for one in client.query(f"sum by (le) ({name}_bucket)")}
    return [rows[bound] for bound in sorted(rows)]


def without_data(client: PrometheusClient) -> list[str]:
    """Who asks for something that there is nothing of."""
    return [asked.where for asked in expressions() if not client.query(compared(asked))]


def compared(asked: Asked) -> str:
    """Of an alert what it compares, since it has a value itself only where something is wrong."""
    if not asked.where.startswith("alert "):
        return asked.text
    if absent := re.fullmatch(r"absent\((.*)\)", asked.text):
        return absent[1]
    return re.split(r"\s(?:[<>]=?|[!=]=)\s", asked.text)[0]


# -- whatever is sampled ----------------------------------------------------------------------------------------------

RUNS = 100
FEW_RUNS = 30


@contextmanager
def metered() -> Iterator[Callable[[], list[MetricPoint]]]:
    """The application has a meter provider of its own; what it has measured."""
    captured = Capture()
    metrics.set_meter_provider(captured.meter_provider)
    yield captured.metrics
    captured.meter_provider.shutdown()
    forget_providers()


async def run_kinds(runs: int) -> list[PerformanceMetrics]:
    """Runs of every kind at the same time, and their own numbers."""
    return list(await asyncio.gather(*(KINDS[number % len(KINDS)]() for number in range(runs))))


async def run_one(*replies: Reply, **options: Any) -> PerformanceMetrics:
    orchestrator = Orchestrator("goal", model=CannedModel(replies), **options)
    for tool in (add, broken):
        orchestrator.registry.register(tool.__name__, tool)
    return (await orchestrator.run()).metrics


KINDS: tuple[Callable[[], Awaitable[PerformanceMetrics]], ...] = (
    lambda: run_one(plan("one", **priced("0.01")), executed("8", **priced("0.02")), reflected("8", **priced("0.03"))),
    lambda: run_one(
        plan("one"), response(call("broken", why="x"), call("add", "c2", a=1, b=2)), executed("8"), reflected("8")
    ),
    lambda: run_one(plan("one"), response(call("invented")), executed("8"), reflected("8")),
    lambda: run_one(plan("one"), RuntimeError("down")),
    lambda: run_one(plan("one", "two"), executed("1"), max_iterations=1, agent_version="2"),
)


@pytest.mark.slow
@pytest.mark.usefixtures("no_global_state")
def test_no_number_depends_on_what_is_sampled_or_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    seen: list[dict[Any, Any]] = []
    arrived: dict[tuple[str, bool], int] = {}
    for ratio, is_alive in product(("0", "0.01", "1"), (True, False)):
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
        with collecting() as collector, closed_port() as dead, metered() as points:
            env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url if is_alive else dead}
            telemetry = configure(exporters=["otlp"], env=env, notify=lambda _line: None)
            runs = asyncio.run(run_kinds(FEW_RUNS))
            measured = points()
            telemetry.shutdown(10.0 if is_alive else 0.1)
        assert len(telemetry.aggregator.recent()) == FEW_RUNS
        assert_equal(measured, runs)
        seen.append({point.series: timeless(point) for point in measured if "spans" not in point.name})
        arrived[ratio, is_alive] = len({span.trace_id for span in collector.received})
    assert all(one == seen[0] for one in seen)
    assert [arrived["0", True], arrived["1", True]] == [0, FEW_RUNS]
    assert arrived["0.01", True] < FEW_RUNS / 2
    assert {arrived[ratio, False] for ratio in ("0", "0.01", "1")} == {0}


@pytest.mark.usefixtures("no_global_state")
def test_a_run_that_is_sampled_out_is_counted_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.1")
    with collecting() as collector, metered() as points:
        telemetry = configure(exporters=["otlp"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        runs = asyncio.run(run_kinds(RUNS))
        assert_equal(points(), runs)
        assert telemetry.flush(10.0)
        by_id = {run.run_id: replace(run, goal=None) for run in runs}
        assert {run.run_id: run for run in telemetry.aggregator.recent()} == by_id
        [report] = telemetry.delivery()
        assert report.ended_spans == report.exported_spans + report.sampled_out_spans
        assert report.sampled_out_spans > report.exported_spans


def timeless(point: MetricPoint) -> tuple[Any, ...]:
    """What a point says apart from times, which no two runs share."""
    if re.search(r"duration|time", point.name):
        return (point.count,)
    return (point.value, point.count, point.sum and round(point.sum, 9), point.bucket_counts)


# -- however many names there are -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_global_state")
def test_names_that_models_invent_make_no_series_and_models_only_so_many() -> None:
    """10,000 tools that are none and 1,000 models; the sums stay whole."""
    models, tools = 1_000, 10_000
    with metered() as points:
        configure(env={})
        runs = asyncio.run(ask_models(models, tools // models))
        measured = points()
    assert_equal(measured, runs)
    series = Counter(point.name for point in measured)
    assert series["gen_ai.execute_tool.duration"] == 1
    assert {point.attributes["gen_ai.tool.name"] for point in measured if "tool.duration" in point.name} == {"unknown"}
    assert series["gen_ai.client.operation.duration"] == MAX_MODELS + 1
    assert max(series.values()) <= 2 * (MAX_MODELS + 1)
    assert sum(series.values()) < 1_500


async def ask_models(models: int, tools_each: int) -> list[PerformanceMetrics]:
    """Each model is asked in a run of its own, and asks for tools that are none."""
    ended: list[PerformanceMetrics] = []
    for number in range(models):
        model = traced(CannedModel([response(TextPart("8"))], name=f"model-{number}"))
        with traced_run("asker", on_complete=ended.append):
            await model.request([ModelRequest.user_text_prompt("5 + 3?")], None, ModelRequestParameters())
            place = current_place()
            assert place is not None
            for tool in range(tools_each):
                with tool_span(place, f"invented-{number}-{tool}", call_id=None, known=False) as span:
                    span.fail("unknown_tool")
    return ended
