"""What makes attempts: whoever it is, it is asked for so many at a time, and for no more."""

import asyncio
from typing import Any

import pytest

from benchmarks.judging.verdict import VerdictWord
from benchmarks.results.results import Attempt
from benchmarks.running.runner import Listener, Work, run_goals
from benchmarks.subjects.models import ModelSubject
from benchmarks.suite.goals import Goal
from instrumentation.testing import Capture
from nanoagent.errors import ConfigurationError
from tests.benchmarks.attempted import attempted
from tests.benchmarks.results_made import attempt, goal
from tests.models import CannedModel, executed, plan, reflected

GOALS = [goal(id=f"goal-{number}") for number in range(4)]
WORK: list[Work] = [(one, number) for number in (1, 2) for one in GOALS]


class Elsewhere:
    """An engine that is over after so many attempts, or breaks at one of them while the others wait."""

    def __init__(self, *, over_after: int = 100, breaks_at: int | None = None) -> None:
        self._over_after, self._breaks_at = over_after, breaks_at
        self.asked: list[Work] = []
        self.cancelled: list[Work] = []
        self.at_work = self.most = 0

    def is_over(self) -> bool:
        return len(self.asked) >= self._over_after

    async def attempt(self, goal: Goal, number: int, listener: Listener) -> Attempt:
        self.asked.append((goal, number))
        if len(self.asked) == self._breaks_at:
            raise ConfigurationError("nobody is there any more")
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        try:
            await asyncio.sleep(0 if self._breaks_at is None else 60)
            listener.troubled(goal, "it was cold")
            return attempt(goal_id=goal.id, number=number)
        except asyncio.CancelledError:
            self.cancelled.append((goal, number))
            raise
        finally:
            self.at_work -= 1

    def close(self) -> bool:
        return True


async def test_an_engine_is_asked_for_each_attempt_so_many_at_a_time() -> None:
    engine, ended, said = Elsewhere(), list[tuple[str, int, VerdictWord]](), list[str]()
    listener = Listener(
        ended=lambda goal, made: ended.append((goal.id, made.number, made.verdict.word)),
        troubled=lambda goal, what: said.append(f"{goal.id}: {what}"),
    )
    await run_goals(WORK, engine, concurrency=3, listener=listener)
    assert engine.asked == WORK
    assert engine.most == 3
    assert sorted(ended) == sorted((one.id, number, VerdictWord.PASS) for one, number in WORK)
    assert sorted(said) == sorted(f"{one.id}: it was cold" for one, _ in WORK)


async def test_of_an_engine_that_is_over_no_more_is_asked() -> None:
    engine = Elsewhere(over_after=3)
    await run_goals(WORK, engine, concurrency=2, listener=Listener())
    assert engine.asked == WORK[:3]


async def test_what_an_engine_raises_ends_the_run_and_what_is_at_work_is_cancelled() -> None:
    engine = Elsewhere(breaks_at=3)
    with pytest.raises(ConfigurationError, match="nobody is there any more"):
        await run_goals(WORK, engine, concurrency=3, listener=Listener())
    assert engine.asked == WORK[:3]
    assert sorted(goal.id for goal, _ in engine.cancelled) == ["goal-0", "goal-1"]


async def test_a_cancellation_of_an_agents_own_is_its_error_and_stops_no_other_attempt() -> None:
    async def cancelled() -> Any:
        raise asyncio.CancelledError

    model = CannedModel([cancelled, plan("a"), executed("8"), reflected("8")])
    captured = Capture()
    subject = ModelSubject(name="canned", model_for=lambda goal, attempt: model, token_source="provider")
    done = await attempted(subject, GOALS[:2], tracer_provider=captured.provider)
    errors = [(one.goal_id, one.verdict.cause, one.error_type) for one in done]
    assert errors == [("goal-0", "harness", "asyncio.exceptions.CancelledError"), ("goal-1", None, None)]
