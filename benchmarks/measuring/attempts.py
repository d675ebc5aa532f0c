"""The rounds of goal attempts, as the benchmark makes them and as bare agent calls, so many at a time."""

import asyncio
import gc
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import TracerProvider

from benchmarks.measuring.bare import BareAgents, asked_in
from benchmarks.measuring.budget import Budget, order
from benchmarks.measuring.ratios import Round
from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.results import SCHEMA_VERSION, Attempt, row_of
from benchmarks.running.runner import Listener, Session, Work, run_goals
from benchmarks.running.traces import MAX_ATTEMPTS, KeptTraces
from benchmarks.scripted.model import ScriptedModel
from benchmarks.subjects.models import SCRIPTED, subject_named
from benchmarks.suite.goals import GOALS, Goal
from instrumentation.aggregator import PerformanceAggregator
from instrumentation.sampling import RecordingSampler

CONCURRENCY: Final = 100
"""Attempts at a time."""
_NS_PER_US: Final = 1_000

Way = Callable[[Sequence[Work]], Awaitable[object]]
"""Make these attempts."""


async def attempt_rounds(budget: Budget, *, repeats: int) -> list[Round]:
    """What an attempt costs, in microseconds of CPU time, and by the clock on the wall under `..._wall`.

    Args:
        budget: How many rounds.
        repeats: How often every goal is attempted in a turn.
    """
    with tempfile.TemporaryDirectory() as directory:
        # One run of the benchmark, which goes on from turn to turn; its first attempts, whose traces are kept, warm up.
        ways: Mapping[str, Way] = {"attempts": Attempts(Path(directory)).make, "bare": await bare_calls()}
        for way in ways.values():
            await way(work_of(MAX_ATTEMPTS))
        return [await _round(ways, work_of(repeats, MAX_ATTEMPTS + seed * repeats), seed) for seed in budget]


def work_of(repeats: int, made: int = 0) -> Sequence[Work]:
    """Every goal so many times, as `--repeat` has it, after as many attempts at each as are made already."""
    return [(goal, made + number) for number in range(1, repeats + 1) for goal in GOALS]


class Attempts:
    """Attempts as the command makes them: traced, counted, kept, each with its row on the disk when it has ended.

    Args:
        directory: Where the rows go.
        aggregator: By default as the command has it.
    """

    def __init__(self, directory: Path, aggregator: PerformanceAggregator | None = None) -> None:
        self.aggregator: Final = aggregator or PerformanceAggregator()
        self.traces: Final = KeptTraces()
        self.ended: Final[list[Attempt]] = []
        self.file: Final = AttemptsFile(directory)
        self.file.begin({"schema_version": SCHEMA_VERSION}, [])
        provider = TracerProvider(shutdown_on_exit=False)
        provider.sampler = RecordingSampler(provider.sampler)
        for processor in (self.aggregator, self.traces):
            provider.add_span_processor(processor)
        self._session: Final = Session(subject=subject_named(SCRIPTED), tracer_provider=provider)

    async def make(self, work: Sequence[Work]) -> None:
        """Make them, so many at a time."""
        await run_goals(work, self._session, concurrency=CONCURRENCY, listener=Listener(ended=self._ended))

    def _ended(self, goal: Goal, attempt: Attempt) -> None:
        self.ended.append(attempt)
        self.traces.ended(attempt)
        self.file.add(row_of(attempt))


async def bare_calls() -> Way:
    """The agent calls of the same attempts, and nothing else."""
    model = ScriptedModel()
    asked = {goal.id: await asked_in(goal, model) for goal in GOALS}
    agents = BareAgents(model, GOALS)

    async def make(work: Sequence[Work]) -> None:
        left = deque(work)

        async def ask_those_left() -> None:
            while left:
                goal, _ = left.popleft()
                await agents.ask(goal, asked[goal.id])

        async with asyncio.TaskGroup() as group:
            for _ in range(min(CONCURRENCY, len(left))):
                group.create_task(ask_those_left())

    return make


async def _round(ways: Mapping[str, Way], work: Sequence[Work], seed: int) -> Round:
    found: dict[str, float] = {}
    for name in order(ways, seed):
        gc.collect()
        cpu_ns, wall_ns = time.process_time_ns(), time.perf_counter_ns()
        await ways[name](work)  # with the garbage collector on, as it is by default
        found[name] = (time.process_time_ns() - cpu_ns) / len(work) / _NS_PER_US
        found[f"{name}_wall"] = (time.perf_counter_ns() - wall_ns) / len(work) / _NS_PER_US
    return found
