"""Recordings for tests: a canned model's attempts at one goal, recorded and run."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.results.results import Attempt
from benchmarks.subjects.models import ModelSubject
from benchmarks.subjects.recording import Recorder
from benchmarks.subjects.subject import Subject
from benchmarks.suite.checks import number
from benchmarks.suite.goals import Goal, Tier
from tests.benchmarks.attempted import attempted
from tests.models import CannedModel, call, executed, plan, priced, reflected, response

GOAL = Goal(id="a/b:c?*", tier=Tier.SIMPLE, text="What is 5 + 3?", check=number(8), timeout_s=30.0)
NAME = "openai:gpt-5-mini"


def replies(answer: str = "8") -> list[Any]:
    return [
        plan("add", **priced("0.001")),
        response(call("calculate", expression="5 + 3")),
        executed(f"it is {answer}"),
        reflected(answer),
    ]


def canned(*given: Any) -> ModelSubject:
    model = CannedModel(given or replies())
    return ModelSubject(name=NAME, model_for=lambda goal, attempt: model, token_source="provider")


async def attempts_at(subject: Subject, *goals: Goal, **options: Any) -> list[Attempt]:
    """The attempts, by goal and number; at the goal that is recorded where none is named."""
    done = await attempted(subject, goals or (GOAL,), **options)
    return sorted(done, key=lambda attempt: (attempt.goal_id, attempt.number))


async def recorded(directory: Path, *goals: Goal, subject: ModelSubject | None = None, repeat: int = 1) -> Recorder:
    recorder = Recorder(directory, now=lambda: datetime(2026, 5, 4, tzinfo=UTC))
    await attempts_at(recorder.subject(subject or canned(), goals or (GOAL,)), *goals, repeat=repeat)
    return recorder


def counts(attempt: Attempt) -> dict[str, Any]:
    """What a replay must repeat: everything but times and ids."""
    times = re.compile(r"_ns$|_seconds$|_id$|^start_time|^end_time|^by_|^duration")
    return {key: value for key, value in attempt.metrics.to_dict().items() if not times.search(key)}


def files_in(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def path_in(directory: Path) -> Path:
    """The one that is there."""
    (path,) = files_in(directory)
    return path
