"""One source of numbers: the run, the process that watches it, its file and its Jaeger say the same, byte for byte."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import TextPart

from benchmarks.results.results import Attempt
from benchmarks.running.runner import Listener, Session, run_goals
from benchmarks.subjects.models import SCRIPTED, subject_named
from benchmarks.suite.goals import GOALS, Goal
from instrumentation.configuration import _forget, configure
from instrumentation.reading.arrival import Patience
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.jaeger_api import JaegerApi
from instrumentation.reading.problems import Problems
from instrumentation.telemetry import Telemetry
from nanoagent import Orchestrator, PerformanceMetrics, Tracing
from nanoagent.core.runs import CountedRun
from tests.jaeger.plugin import Jaeger
from tests.models import CannedModel, blocking, call, executed, plan, priced, reflected, response
from tests.runs import add, broken

pytestmark = pytest.mark.jaeger

Run = Callable[[Callable[[PerformanceMetrics], object]], Awaitable[object]]
"""Runs something, and hands out the numbers of each run that ends."""


class Sides:
    """The same runs as each side knows them, their numbers as JSON by run id."""

    def __init__(self, run: Run, jaeger: Jaeger, path: Path) -> None:
        telemetry = configure(
            service_name="parity",
            exporters=("file", "jaeger"),
            env={
                "OTEL_EXPORTER_FILE_PATH": str(path),
                "OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp_http_endpoint,
            },
        )
        runs: list[PerformanceMetrics] = []
        asyncio.run(_awaited(run(runs.append)))
        assert telemetry.shutdown(10.0)
        self.run = as_json(runs)
        self.live = as_json(_live(telemetry, self.run))
        self.file = as_json(counted.metrics for counted in _in_file(path))
        self.jaeger = as_json(counted.metrics for counted in _in_jaeger(jaeger, runs))


async def _awaited(work: Awaitable[object]) -> None:
    await work


def as_json(runs: Iterable[PerformanceMetrics]) -> dict[str, str]:
    """The numbers without the goal, which is content and on no span."""
    return {str(metrics.run_id): json.dumps(replace(metrics, goal=None).to_dict()) for metrics in runs}


def _live(telemetry: Telemetry, run_ids: Iterable[str]) -> Iterator[PerformanceMetrics]:
    for run_id in run_ids:
        metrics = telemetry.aggregator.get(run_id)
        assert metrics is not None
        yield metrics


def _in_file(path: Path) -> Iterator[CountedRun]:
    problems = Problems()
    yield from counted_runs(read_file(str(path), problems), problems)
    assert problems.kept == []


def _in_jaeger(jaeger: Jaeger, runs: Iterable[PerformanceMetrics]) -> Iterator[CountedRun]:
    problems, patience, api = Problems(), Patience(), JaegerApi(jaeger.ui_url)
    for trace_id in {str(metrics.trace_id): None for metrics in runs}:
        arrival = patience.wait_for(partial(_read, api, trace_id, problems))
        assert arrival.lack is None
        yield from arrival.runs
    assert problems.kept == []


def _read(api: JaegerApi, trace_id: str, problems: Problems) -> list[CountedRun]:
    return list(counted_runs(api.trace(trace_id, problems), problems))


@pytest.fixture(scope="module")
def sides_of(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Run], Sides]]:
    def made(run: Run) -> Sides:
        _forget()
        return Sides(run, jaeger, tmp_path_factory.mktemp("parity") / "traces.jsonl")

    yield made
    _forget()


@pytest.fixture(scope="module")
def benchmark(sides_of: Callable[[Run], Sides]) -> tuple[dict[str, str], Sides]:
    """The run id of each goal's attempt, and what the sides say of it."""
    run_ids: dict[str, str] = {}

    async def run(ended: Callable[[PerformanceMetrics], object]) -> None:
        def attempted(goal: Goal, attempt: Attempt) -> None:
            run_ids[goal.id] = str(attempt.metrics.run_id)
            ended(attempt.metrics)

        session = Session(subject=subject_named(SCRIPTED))
        await run_goals([(goal, 1) for goal in GOALS], session, concurrency=2, listener=Listener(ended=attempted))

    return run_ids, sides_of(run)


@pytest.mark.parametrize("goal_id", [goal.id for goal in GOALS])
def test_each_goals_numbers_are_the_same_from_every_side(benchmark: tuple[dict[str, str], Sides], goal_id: str) -> None:
    run_ids, sides = benchmark
    run_id = run_ids[goal_id]
    numbers = json.loads(sides.run[run_id])
    assert (numbers["complete"], numbers["api_calls"] > 0, numbers["duration_seconds"] > 0) == (True, True, True)
    assert sides.live[run_id] == sides.run[run_id]
    assert sides.file[run_id] == sides.run[run_id]
    assert sides.jaeger[run_id] == sides.run[run_id]


def test_no_side_knows_other_runs(benchmark: tuple[dict[str, str], Sides]) -> None:
    run_ids, sides = benchmark
    assert len(run_ids) == len(GOALS)
    assert set(sides.run) == set(sides.live) == set(sides.file) == set(sides.jaeger) == set(run_ids.values())


async def _nested(ended: Callable[[PerformanceMetrics], object]) -> None:
    """A run with another one and an agent's stream in a tool of it; some calls fail, and others cost money."""

    async def delegate() -> str:
        """Delegate."""
        model = CannedModel([plan("Add"), response(call("broken", why="no")), executed("3"), RuntimeError("down")])
        inner = Orchestrator("Add 1 and 2", model=model)
        inner.registry.register("broken", broken)
        ended((await inner.run()).metrics)
        agent = Agent(
            CannedModel([response(call("add", a=1, b=2), **priced("0.1")), response(TextPart("It is 3."))]),
            tools=[add],
            name="streamer",
            capabilities=[Tracing()],
        )
        async with agent.run_stream("add") as stream:
            return str(await stream.get_output())

    replies = [
        plan("Delegate", **priced("0.000001")),
        response(call("delegate"), **priced("0.2")),
        executed("three", **priced("0.3")),
        reflected("three", **priced("0.7")),
    ]
    outer = Orchestrator("Delegate", model=CannedModel(replies), attributes={"user.id": "42"})
    outer.registry.register("delegate", delegate)
    ended((await outer.run()).metrics)


async def _cancelled(ended: Callable[[PerformanceMetrics], object]) -> None:
    """A run that is cancelled within a call of its executor."""
    reached = asyncio.Event()
    orchestrator = Orchestrator("Wait", model=CannedModel([plan("Wait"), blocking(reached)]))
    running = asyncio.create_task(orchestrator.run())
    await reached.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    ended(orchestrator.metrics)


@pytest.mark.parametrize(("run", "runs"), [(_nested, 2), (_cancelled, 1)])
def test_runs_within_runs_failures_money_and_cancellation_are_the_same_from_every_side(
    sides_of: Callable[[Run], Sides], run: Run, runs: int
) -> None:
    sides = sides_of(run)
    assert len(sides.run) == runs
    assert sides.live == sides.run
    assert sides.file == sides.run
    assert sides.jaeger == sides.run
