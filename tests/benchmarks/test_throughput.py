"""Many attempts at a time: their numbers add up, what stays of them is bounded, and bare calls are the same calls."""

import gc
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from benchmarks.judging.verdict import Verdict, VerdictWord
from benchmarks.measuring.attempts import CONCURRENCY, Attempts, work_of
from benchmarks.measuring.bare import BareAgents, asked_in
from benchmarks.results.results import Attempt, row_of
from benchmarks.running.runner import Session, run_attempt
from benchmarks.running.traces import MAX_ATTEMPTS
from benchmarks.scripted.model import ScriptedModel
from benchmarks.subjects.models import SCRIPTED, subject_named
from benchmarks.suite.goals import GOALS, Goal
from instrumentation.aggregator import PerformanceAggregator
from nanoagent.core.performance import PerformanceMetrics

REPEATS: Final = 4
"""With 26 goals more attempts than there may be at a time."""
NUMBERS: Final = (
    "iterations",
    "api_calls",
    "failed_api_calls",
    "tool_calls",
    "failed_tool_calls",
    "input_tokens",
    "output_tokens",
    "tasks_completed",
    "tasks_total",
)
"""All that does not depend on time."""


class CountingModel(WrapperModel):
    """Counts what it is asked and answers."""

    def __init__(self) -> None:
        super().__init__(ScriptedModel())
        self.counted: Counter[str] = Counter()

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        response = await self.wrapped.request(messages, model_settings, model_request_parameters)
        self.counted["api_calls"] += 1
        self.counted["input_tokens"] += response.usage.input_tokens
        self.counted["output_tokens"] += response.usage.output_tokens
        return response


async def alone(goal: Goal) -> PerformanceMetrics:
    return (await run_attempt(goal, Session(subject=subject_named(SCRIPTED)))).metrics


def numbers_of(metrics: Mapping[str, Any]) -> Counter[str]:
    return Counter({name: metrics[name] or 0 for name in NUMBERS})


def total(many: Iterable[Mapping[str, Any]]) -> Counter[str]:
    added: Counter[str] = Counter()
    for metrics in many:
        added.update(numbers_of(metrics))
    return added


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.id)
async def test_bare_calls_are_those_that_an_attempt_makes(goal: Goal) -> None:
    metrics = await alone(goal)
    model = CountingModel()
    await BareAgents(model, [goal]).ask(goal, await asked_in(goal, ScriptedModel()))
    assert model.counted == {
        "api_calls": metrics.api_calls,
        "input_tokens": metrics.input_tokens,
        "output_tokens": metrics.output_tokens,
    }


@pytest.mark.slow
async def test_the_numbers_of_many_attempts_at_a_time_are_those_of_each_alone(tmp_path: Path) -> None:
    single = {goal.id: numbers_of((await alone(goal)).to_dict()) for goal in GOALS}
    attempts = Attempts(tmp_path)
    work = work_of(REPEATS)
    assert len(work) > CONCURRENCY
    await attempts.make(work)

    _, *rows = map(json.loads, attempts.file.path.read_text().splitlines())
    seals = [row.pop("checksum") for row in rows]
    assert len(set(seals)) == len(rows)
    assert sorted((row["id"], row["attempt"]) for row in rows) == sorted((goal.id, number) for goal, number in work)
    assert len({row["trace_id"] for row in rows}) == len(rows)
    assert rows == [json.loads(json.dumps(row_of(attempt))) for attempt in attempts.ended]
    assert {row["verdict"] for row in rows} == {VerdictWord.PASS}
    assert [numbers_of(row["metrics"]) for row in rows] == [single[row["id"]] for row in rows]

    expected: Counter[str] = Counter()
    for numbers in single.values():
        expected.update({name: REPEATS * number for name, number in numbers.items()})
    assert total(row["metrics"] for row in rows) == expected
    assert total(metrics.to_dict() for metrics in attempts.aggregator.recent()) == expected
    assert attempts.aggregator.open_runs() == []


@pytest.mark.slow
async def test_nothing_but_its_result_is_left_of_an_attempt(tmp_path: Path) -> None:
    goals = GOALS[:10]
    attempts = Attempts(tmp_path, PerformanceAggregator(max_recent_runs=len(goals)))
    first, second, third = ([(goal, MAX_ATTEMPTS + 1 + number) for goal in goals] for number in range(3))
    await attempts.make(first)  # what is kept for good is made now
    await attempts.make(second)
    before = objects_alive()
    await attempts.make(third)
    added = objects_alive() - before
    assert added[Attempt] == added[PerformanceMetrics] == added[Verdict] == len(goals)
    del attempts.ended[-len(goals) :]
    assert {kind: number for kind, number in (objects_alive() - before).items() if number >= len(goals)} == {}


def objects_alive() -> Counter[type]:
    gc.collect()
    return Counter(map(type, gc.get_objects()))
