"""What is recorded of runs is what their own numbers say."""

import asyncio
import os
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from pydantic_ai import Agent
from pydantic_ai.messages import TextPart
from pydantic_ai.usage import RequestUsage

from instrumentation import PerformanceAggregator
from instrumentation.metrics.recorder import Recorder
from instrumentation.metrics.state import observe
from instrumentation.testing import Capture, MetricPoint, series
from instrumentation.testing.decoding import points_of
from nanoagent import Budget, Orchestrator, PerformanceMetrics, Tracing
from tests.models import CannedModel, Reply, blocking, call, executed, plan, priced, reflected, response
from tests.runs import add, broken
from tests.totals import bucket_counts, buckets_of, totals_of


class Measured:
    """Runs that are captured with their metrics."""

    def __init__(self) -> None:
        self.captured = Capture.metered()

    def points(self) -> list[MetricPoint]:
        return self.captured.metrics()

    def value(self, name: str, **labels: Any) -> float | None:
        """Of a counter, or of a histogram its count."""
        wanted = {key.replace("__", "."): value for key, value in labels.items()}
        [point] = [point for point in self.points() if point.name == name and point.attributes == wanted]
        return point.count if point.value is None else point.value

    async def run(self, *replies: Reply, goal: str = "goal", **options: Any) -> PerformanceMetrics:
        orchestrator = self.orchestrator(*replies, goal=goal, **options)
        return (await orchestrator.run()).metrics

    def orchestrator(self, *replies: Reply, goal: str = "goal", **options: Any) -> Orchestrator:
        settings: dict[str, Any] = {"model": CannedModel(replies), "tracer_provider": self.captured.provider} | options
        orchestrator = Orchestrator(goal, **settings)
        for tool in (add, broken):
            orchestrator.registry.register(tool.__name__, tool)
        return orchestrator

    def assert_equal_to(self, runs: list[PerformanceMetrics]) -> None:
        points = self.points()
        for total in totals_of(runs):
            assert total.of_points(points) == pytest.approx(total.expected, rel=1e-9, abs=1e-12), total
        durations = sum(
            point.sum or 0
            for point in points
            if point.name in ("gen_ai.client.operation.duration", "gen_ai.execute_tool.duration")
        )
        # What lies inside one another's time counts twice there, which is what `parallel_ns` says.
        expected = sum(run.llm_ns + run.tool_ns + run.parallel_ns for run in runs) / 1e9
        assert durations == pytest.approx(expected, rel=1e-9)
        for name, counts in buckets_of(runs).items():
            assert bucket_counts(points, name) == counts


@pytest.fixture
def measured() -> Measured:
    return Measured()


SHORT = (plan("one"), executed("8"), reflected("8"))
PATIENCE_S = 20.0


async def simple(measured: Measured) -> PerformanceMetrics:
    return await measured.run(
        plan("one", **priced("0.0011")),
        response(call("add", a=5, b=3), **priced("0.0023")),
        executed("8", **priced("0.0031")),
        reflected("8", **priced("0.0047")),
        max_iterations=4,
        max_tokens=10_000,
        agent_version="2.1",
    )


async def failing_tools(measured: Measured) -> PerformanceMetrics:
    return await measured.run(
        plan("one", "two"),
        response(call("broken", why="secret"), call("invented", "c2")),
        executed("tried"),
        executed("tried again"),
        reflected("8"),
    )


async def unmeasured(measured: Measured) -> PerformanceMetrics:
    return await measured.run(plan("one", usage=RequestUsage()), executed("8"), reflected("8"))


async def out_of_iterations(measured: Measured) -> PerformanceMetrics:
    return await measured.run(plan("one", "two", "three"), executed("1"), executed("2"), max_iterations=2)


async def model_error(measured: Measured) -> PerformanceMetrics:
    return await measured.run(plan("one"), RuntimeError("down"))


async def cancelled(measured: Measured) -> PerformanceMetrics:
    reached = asyncio.Event()
    orchestrator = measured.orchestrator(plan("one"), blocking(reached))
    task = asyncio.create_task(orchestrator.run())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return orchestrator.metrics


async def nested(measured: Measured) -> PerformanceMetrics:
    async def ask(question: str) -> str:
        """Ask another agent."""
        inner = await measured.orchestrator(*SHORT, goal=question).run()
        return inner.output

    orchestrator = measured.orchestrator(
        plan("one"), response(call("ask", question="why?")), executed("8"), reflected("8"), agent_version="3"
    )
    orchestrator.registry.register("ask", ask)
    return (await orchestrator.run()).metrics


async def agent(measured: Measured) -> PerformanceMetrics:
    ended: list[PerformanceMetrics] = []
    tracing = Tracing(tracer_provider=measured.captured.provider, on_complete=ended.append)
    agent = Agent(
        CannedModel([response(call("add", a=1, b=2)), response(TextPart("3"))]), name="adder", capabilities=[tracing]
    )
    agent.tool_plain(add)
    await agent.run("1 + 2?")
    [metrics] = ended
    return metrics


STORIES: dict[str, Callable[[Measured], Any]] = {
    story.__name__: story
    for story in (simple, failing_tools, unmeasured, out_of_iterations, model_error, cancelled, nested, agent)
}


@pytest.mark.parametrize("story", STORIES)
async def test_each_kind_of_run_is_recorded_as_its_own_numbers_say(measured: Measured, story: str) -> None:
    measured.assert_equal_to([await STORIES[story](measured)])


async def test_runs_at_the_same_time_add_up(measured: Measured) -> None:
    runs = await asyncio.gather(*(story(measured) for story in STORIES.values() for _ in range(5)))
    measured.assert_equal_to(list(runs))


async def test_a_run_is_labelled_by_how_it_ended_and_whose_it_is(measured: Measured) -> None:
    await simple(measured)
    await model_error(measured)
    await agent(measured)
    counters = {point.series: point.value for point in measured.points() if point.name == "nanoagent.runs"}
    workflow = {"gen_ai.workflow.name": "nanoagent"}
    assert counters == {
        series(
            "nanoagent.runs",
            workflow
            | {"gen_ai.agent.version": "2.1", "nanoagent.status": "completed", "nanoagent.stop_reason": "goal_reached"},
        ): 1,
        series(
            "nanoagent.runs",
            workflow
            | {"nanoagent.status": "failed", "nanoagent.stop_reason": "model_error", "error.type": "RuntimeError"},
        ): 1,
        series("nanoagent.runs", {"gen_ai.agent.name": "adder", "nanoagent.status": "completed"}): 1,
    }


async def test_a_call_is_labelled_by_its_model_its_phase_and_the_version(measured: Measured) -> None:
    await simple(measured)
    calls = [point for point in measured.points() if point.name == "gen_ai.client.operation.duration"]
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "canned",
        "gen_ai.request.model": "canned",
        "gen_ai.response.model": "canned-2026",
        "gen_ai.agent.version": "2.1",
    }
    assert {point.series: point.count for point in calls} == {
        series("gen_ai.client.operation.duration", common | {"nanoagent.phase": phase}): count
        for phase, count in (("plan", 1), ("execute", 2), ("reflect", 1))
    }


async def test_what_a_nested_run_uses_is_filed_where_the_outermost_run_has_it(measured: Measured) -> None:
    run = await nested(measured)
    tokens = [point for point in measured.points() if point.name == "gen_ai.client.token.usage"]
    assert {point.attributes["gen_ai.agent.version"] for point in tokens} == {"3"}
    by_phase = {
        phase: sum(point.sum or 0 for point in tokens if point.attributes["nanoagent.phase"] == phase)
        for phase in ("plan", "execute", "reflect")
    }
    assert by_phase == {row.phase: row.tokens_used for row in run.by_phase}
    assert [point.value for point in measured.points() if point.name == "nanoagent.runs"] == [1]


async def test_how_much_of_each_limit_was_used_is_recorded(measured: Measured) -> None:
    run = await measured.run(*SHORT, max_iterations=4, max_tokens=1_000, max_tasks=2, timeout_s=1_000.0)
    used = {
        point.attributes["nanoagent.budget"]: point.sum
        for point in measured.points()
        if point.name == "nanoagent.run.budget.usage"
    }
    assert used == {
        "iterations": 0.25,
        "tokens": pytest.approx((run.tokens_used or 0) / 1_000),
        "tasks": 0.5,
        "time": pytest.approx(run.duration_seconds() / 1_000),
    }


async def test_a_count_of_what_is_missing_is_there_before_anything_is_missing(measured: Measured) -> None:
    """Growth is only seen from one value to the next: from nothing to 1 is none."""
    names = ("nanoagent.unmeasured_api_calls", "nanoagent.unpriced_api_calls")
    counts: list[list[float | int | None]] = []
    prices: list[dict[str, Any]] = [priced("1"), {}, priced("1")]
    for cost in prices:
        await measured.run(plan("one", **cost), executed("8", **cost), reflected("8", **cost))
        points = measured.points()
        counts += [[point.value for point in points if point.name == name] for name in names]
    assert counts == [[0] * 3, [0] * 3, [0] * 3, [1] * 3, [0] * 3, [1] * 3]


async def test_a_tool_is_labelled_by_its_name_and_how_it_failed_unless_the_model_invented_it(
    measured: Measured,
) -> None:
    await failing_tools(measured)
    calls = {
        (point.attributes["gen_ai.tool.name"], point.attributes["error.type"]): point.count
        for point in measured.points()
        if point.name == "gen_ai.execute_tool.duration"
    }
    assert calls == {("broken", "ValueError"): 1, ("unknown", "unknown_tool"): 1}


async def test_each_agent_at_work_is_measured(measured: Measured) -> None:
    await simple(measured)
    await agent(measured)
    agents = [point for point in measured.points() if point.name == "gen_ai.invoke_agent.duration"]
    assert {point.series: point.count for point in agents} == {
        series("gen_ai.invoke_agent.duration", attributes): 1
        for attributes in (
            {"gen_ai.agent.name": "executor", "gen_ai.agent.version": "2.1"},
            {"gen_ai.agent.name": "reflector", "gen_ai.agent.version": "2.1"},
            {"gen_ai.agent.name": "adder"},
        )
    }
    seconds = {f"invoke_agent {point.attributes['gen_ai.agent.name']}": point.sum for point in agents}
    assert seconds == {
        span.name: pytest.approx(((span.end_time or 0) - (span.start_time or 0)) / 1e9)
        for span in measured.captured.spans
        if span.name.startswith("invoke_agent")
    }


async def test_each_budget_that_a_run_passes_is_counted_with_what_was_done(measured: Measured) -> None:
    budgets = [Budget(tokens=150, action="warn"), Budget(tokens=250, action="stop")]
    run = await measured.run(plan("one", "two"), executed("1"), executed("2"), reflected("8"), budgets=budgets)
    passed = [point for point in measured.points() if point.name == "nanoagent.budgets.passed"]
    assert run.stop_reason == "token_budget"
    assert {point.series: point.value for point in passed} == {
        series(
            "nanoagent.budgets.passed",
            {"gen_ai.workflow.name": "nanoagent", "nanoagent.budget": "tokens", "nanoagent.action": action},
        ): 1
        for action in ("warn", "stop")
    }


async def test_an_exemplar_names_the_span_that_was_measured(measured: Measured) -> None:
    run = await simple(measured)
    spans = {f"{span.context.span_id:016x}": span.name for span in measured.captured.spans if span.context}
    points = measured.points()  # the next collection gives those of later measurements
    for name, spans_named in (
        ("gen_ai.client.operation.duration", {"chat canned"}),
        ("gen_ai.execute_tool.duration", {"execute_tool add"}),
        ("gen_ai.invoke_agent.duration", {"invoke_agent executor", "invoke_agent reflector"}),
        ("nanoagent.run.duration", {"invoke_workflow nanoagent"}),
    ):
        exemplars = [one for point in points if point.name == name for one in point.exemplars]
        assert {one.trace_id for one in exemplars} == {run.trace_id}
        assert {spans[str(one.span_id)] for one in exemplars} == spans_named


async def test_what_is_unknown_is_recorded_nowhere(measured: Measured) -> None:
    unknown: dict[str, Any] = {"usage": RequestUsage()}
    await measured.run(plan("one", **unknown), executed("8", **unknown), reflected("8", **unknown))
    names = {point.name for point in measured.points()}
    assert names.isdisjoint(
        {"gen_ai.client.token.usage", "nanoagent.cost", "nanoagent.run.tokens", "nanoagent.run.cost"}
    )


class Odd:
    """A meter whose instruments do as told."""

    def __init__(self, record: Callable[..., object]) -> None:
        self._record = record

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_options: SimpleNamespace(record=self._record, add=self._record)


async def test_an_instrument_that_raises_costs_its_own_number_only(caplog: pytest.LogCaptureFixture) -> None:
    values: list[float] = []

    def record(value: float, *_rest: Any) -> None:
        values.append(value)
        if len(values) == 1:
            raise SystemExit("no")

    recorder = Recorder(cast("Meter", Odd(record)))
    captured = Capture(aggregator=PerformanceAggregator(observer=recorder))
    result = await Orchestrator("goal", model=CannedModel(SHORT), tracer_provider=captured.provider).run()
    assert recorder.drain(10.0)
    assert result.metrics.api_calls == 3
    assert 3 in values  # what was recorded last, of the run
    assert [line.getMessage().splitlines()[0] for line in caplog.records] == ["a metric could not be recorded"]


def test_where_no_thread_can_start_any_more_nothing_is_recorded_and_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    root = ReadableSpan("root")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    recorder = Recorder(cast("Meter", Odd(lambda *_: pytest.fail("recorded"))))
    recorder.run_ended(PerformanceMetrics, root, {})
    assert (recorder.unrecorded, recorder.drain(PATIENCE_S), recorder.close(PATIENCE_S)) == (1, True, True)


async def test_an_instrument_that_hangs_holds_up_no_run_and_what_cannot_wait_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("instrumentation.metrics.recorder.MAX_WAITING", 4)
    let_go, values = threading.Event(), list[float]()

    def record(value: float, *_: Any) -> None:
        values.append(value)
        let_go.wait(PATIENCE_S)

    others = set(threading.enumerate())
    recorder = Recorder(cast("Meter", Odd(record)))
    [thread] = set(threading.enumerate()) - others
    captured = Capture(aggregator=PerformanceAggregator(observer=recorder))
    for _ in range(5):
        await Orchestrator("goal", model=CannedModel(SHORT), tracer_provider=captured.provider).run()
    measured_spans = 5 * 6  # of each run three calls, two agents and the run
    assert recorder.unrecorded >= measured_spans - 5
    assert not recorder.drain(0.01)
    assert not recorder.close(0.01)
    let_go.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert len(values) <= 5 * 5  # of a call its duration, its tokens and whether they and its price are there


def test_who_ends_spans_far_faster_than_they_are_recorded_waits_a_little_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("MAX_WAITING", 50), ("PAUSE_AT", 5), ("PAUSE_S", 0.01)):
        monkeypatch.setattr(f"instrumentation.metrics.recorder.{name}", value)
    recorder = Recorder(cast("Meter", Odd(lambda *_: None)))
    root = ReadableSpan("root")
    for _ in range(100):
        recorder.run_ended(PerformanceMetrics, root, {})
    assert (recorder.unrecorded, recorder.close(PATIENCE_S)) == (0, True)


async def test_after_the_close_nothing_is_recorded() -> None:
    provider = MeterProvider(shutdown_on_exit=False)
    recorder = Recorder(provider.get_meter("nanoagent"))
    captured = Capture(aggregator=PerformanceAggregator(observer=recorder), meter_provider=provider)
    for is_closed in (False, True):
        await Orchestrator("goal", model=CannedModel(SHORT), tracer_provider=captured.provider).run()
        assert recorder.close(10.0)
        assert [point.value for point in captured.metrics() if point.name == "nanoagent.runs"] == [1]
        assert recorder.unrecorded == (6 if is_closed else 0)


async def test_a_span_that_ends_while_metrics_are_collected_is_recorded(measured: Measured) -> None:
    """As a finalizer ends one: the collection holds locks of the SDK, in this very thread."""
    orchestrators = [measured.orchestrator(*SHORT)]

    def look(_options: Any) -> list[Observation]:
        if orchestrators:
            asyncio.run(orchestrators.pop().run())
        return []

    measured.captured.meter_provider.get_meter("look").create_observable_gauge("look", [look])
    await asyncio.to_thread(measured.points)
    [run] = measured.captured.aggregator.recent()
    measured.assert_equal_to([run])


def test_recording_that_hangs_keeps_no_collection_from_being_in_time() -> None:
    """The application's own numbers are in it."""
    go = threading.Event()
    reader, aggregator = InMemoryMetricReader(), PerformanceAggregator()
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    recorder = Recorder(cast("Meter", Odd(lambda *_: go.wait(PATIENCE_S))))
    observe(meter_provider.get_meter("nanoagent"), recorder=recorder, aggregator=aggregator, delivery=tuple)
    recorder.run_ended(PerformanceMetrics, ReadableSpan("root"), {})
    reader.collect(timeout_millis=600)  # else it raises
    go.set()


def in_child(work: Callable[[], int]) -> int:
    """What it gives in a forked child."""
    child = os.fork()
    if not child:
        try:
            os._exit(work())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_records_its_own_runs_alone() -> None:
    reader, reader_of_child = InMemoryMetricReader(), InMemoryMetricReader()
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    recorder = Recorder(meter_provider.get_meter("nanoagent"))
    recorder.unrecorded = 1
    provider = Capture(aggregator=PerformanceAggregator(observer=recorder)).provider

    def recorded(by: InMemoryMetricReader) -> tuple[float, list[Any]]:
        """How many runs, and the counts of calls without tokens."""
        price = priced("1")
        replies = (plan("one", **price), executed("8", **price), reflected("8", **price))
        asyncio.run(Orchestrator("goal", model=CannedModel(replies), tracer_provider=provider).run())
        data = by.get_metrics_data() if recorder.drain(10.0) else None
        points = points_of(encode_metrics(data)) if data else []
        unmeasured = [point.value for point in points if point.name == "nanoagent.unmeasured_api_calls"]
        return sum(point.value or 0 for point in points if point.name == "nanoagent.runs"), unmeasured

    def record() -> int:
        meter_provider.add_metric_reader(reader_of_child)
        return int((recorder.unrecorded, recorded(reader_of_child)) == (0, (1, [0, 0, 0])))

    assert [recorded(reader), recorded(reader)] == [(1, [0, 0, 0]), (2, [0, 0, 0])]
    assert in_child(record) == 1
    assert recorded(reader) == (3, [0, 0, 0])


class Locking:
    """Records with a lock in its hand, as instruments of the SDK do, and as slowly as it is told."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reached, self.go = threading.Event(), threading.Event()
        self.recorder = Recorder(cast("Meter", Odd(self._record)))
        self.provider = Capture(aggregator=PerformanceAggregator(observer=self.recorder)).provider

    def _record(self, *_: Any) -> None:
        with self.lock:
            self.reached.set()
            self.go.wait(PATIENCE_S)

    def run(self) -> None:
        asyncio.run(Orchestrator("goal", model=CannedModel(SHORT), tracer_provider=self.provider).run())


def test_a_fork_waits_for_what_is_being_recorded_and_the_child_can_record() -> None:
    locking = Locking()
    locking.run()
    assert locking.reached.wait(PATIENCE_S)
    later = threading.Timer(0.05, locking.go.set)
    later.start()

    def record() -> int:
        is_free = locking.lock.acquire(timeout=0)
        locking.lock.release()
        locking.go.set()
        locking.run()
        return int(is_free and locking.recorder.drain(PATIENCE_S))

    assert in_child(record) == 1
    assert locking.recorder.drain(PATIENCE_S)


def test_a_child_that_is_forked_while_recording_hangs_measures_nothing_and_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("instrumentation.metrics.quiet.MOST_WAIT_S", 0.01)
    locking = Locking()
    locking.run()
    assert locking.reached.wait(PATIENCE_S)

    def record() -> int:
        locking.run()
        return locking.recorder.unrecorded if locking.recorder.close(PATIENCE_S) else 0

    assert in_child(record) == 6  # three calls, two agents and the run
    locking.go.set()
    assert locking.recorder.close(PATIENCE_S)
