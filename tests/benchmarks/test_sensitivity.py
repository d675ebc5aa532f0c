"""The default benchmark can see a regression, and its numbers are those of every other source."""

import asyncio
import dataclasses
import functools
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from opentelemetry.trace import NoOpTracerProvider

from benchmarks.judging.verdict import VerdictWord
from benchmarks.results.results import Attempt
from benchmarks.running.runner import Listener, Session, run_goals
from benchmarks.subjects.models import ModelSubject, subject_named
from benchmarks.subjects.subject import Subject
from benchmarks.suite.goals import GOALS, Goal, Tier
from instrumentation.testing import Capture
from nanoagent.core import executor, orchestrator
from nanoagent.core.executor import Executor
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.tracing import names
from tests.benchmarks.attempted import attempted
from tests.benchmarks.comparing.worse import change_tools
from tests.models import CannedModel, executed, plan, reflected

Counted = dict[str, tuple[Any, ...]]


async def attempts_at(goals: Sequence[Goal], *, subject: Subject | None = None, **options: Any) -> list[Attempt]:
    return await attempted(subject or subject_named("scripted"), goals, **options)


async def counted(goals: Sequence[Goal] = GOALS, **options: Any) -> Counted:
    return {attempt.goal_id: _numbers(attempt) for attempt in await attempts_at(goals, **options)}


@functools.cache
def _usual() -> Counted:
    return asyncio.run(counted())


@pytest.fixture
def usual() -> Counted:
    """The numbers of every goal as it is."""
    return _usual()


def _numbers(attempt: Attempt) -> tuple[Any, ...]:
    metrics = attempt.metrics
    counts = metrics.iterations, metrics.api_calls, metrics.tool_calls, metrics.failed_tool_calls
    return attempt.verdict.word.value, *counts, metrics.input_tokens, metrics.output_tokens


def test_there_are_two_goals_or_more_of_every_tier_and_their_ids_are_their_own() -> None:
    assert len(GOALS) >= 24
    goals_of = Counter(goal.tier for goal in GOALS)
    assert {tier: goals_of[tier] >= 2 for tier in Tier} == dict.fromkeys(Tier, True)
    assert len({goal.id for goal in GOALS}) == len(GOALS)


async def test_every_goal_passes_with_the_numbers_of_the_live_aggregator() -> None:
    captured = Capture()
    done = await attempts_at(GOALS, tracer_provider=captured.provider)
    assert [(attempt.goal_id, attempt.verdict.word) for attempt in done] == [
        (goal.id, VerdictWord.PASS) for goal in GOALS
    ]
    for attempt in done:
        live = captured.aggregator.get(attempt.metrics.run_id or "")
        assert live is not None
        assert dataclasses.replace(live, goal=attempt.metrics.goal) == attempt.metrics
        assert attempt.metrics.complete is True
        assert PerformanceMetrics.from_dict(attempt.to_dict()["metrics"]) == attempt.metrics
        spans = [span for span in captured.spans if f"{span.context.trace_id:032x}" == attempt.trace_id]
        (top,) = [span for span in spans if span.parent is None]
        assert top.name == names.BENCHMARK_SPAN


async def test_numbers_repeat_and_do_not_depend_on_how_many_goals_run_at_a_time(usual: Counted) -> None:
    assert usual == await counted()
    many = [dataclasses.replace(goal, id=f"{goal.id}-{n}") for n in range(2) for goal in GOALS]
    together = await counted(many, concurrency=50)
    assert together == {goal.id: usual[goal.id.rsplit("-", 1)[0]] for goal in many}


async def test_a_longer_prompt_costs_tokens(usual: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "INSTRUCTIONS", executor.INSTRUCTIONS + "- Be polite.\n")
    after = await counted()
    for goal in GOALS:
        iterations = usual[goal.id][1]
        assert (after[goal.id][5] > usual[goal.id][5]) is (iterations > 0), goal.id
        assert after[goal.id][:5] == usual[goal.id][:5]


async def test_a_prompt_that_hides_the_task_fails_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "_prompt", lambda goal, task, results: f"Goal: {goal}\n\nResults so far:\n{results}")
    after = await counted()
    assert sum(numbers[0] == "fail" for numbers in after.values()) > len(GOALS) / 2


async def test_a_missing_tool_fails_the_goals_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    change_tools(monkeypatch, lambda tools: {name: tool for name, tool in tools.items() if name != "calculate"})
    after = await counted()
    assert (after["addition"][0], after["squares"][0], after["weekday"][0]) == ("fail", "fail", "pass")


async def test_one_needless_call_in_the_loop_is_seen(usual: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    execute = Executor.execute

    async def twice(self: Executor, place: Any, **given: Any) -> Any:
        await execute(self, place, **given)
        return await execute(self, place, **given)

    monkeypatch.setattr(Executor, "execute", twice)
    after = await counted()
    for goal in GOALS:
        assert (after[goal.id][2] > usual[goal.id][2]) is (usual[goal.id][1] > 0), goal.id


async def test_reflecting_after_every_task_is_seen(usual: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orchestrator, "REFLECT_EVERY", 1)
    after = await counted()
    assert after["squares"][2] > usual["squares"][2]
    assert after["addition"] == usual["addition"]


def own_goal(**options: Any) -> Goal:
    return dataclasses.replace(GOALS[0], **({"id": "own", "text": "own"} | options))


def subject(model: CannedModel) -> ModelSubject:
    return ModelSubject(name="canned", model_for=lambda goal, attempt: model, token_source="provider")


async def test_a_goal_that_never_ends_runs_exactly_its_iterations_and_fails() -> None:
    steps = [reply for n in range(9) for reply in (executed("8"), reflected(None, new_tasks=[f"again {n}"]))]
    (attempt,) = await attempts_at([own_goal(max_iterations=3)], subject=subject(CannedModel([plan("a"), *steps])))
    assert (attempt.verdict.word, attempt.metrics.iterations) == (VerdictWord.FAIL, 3)
    assert attempt.metrics.stop_reason == "max_iterations"
    assert "stop reason max_iterations, expected goal_reached" in attempt.verdict.reasons


async def test_a_provider_that_raises_is_an_error_not_a_failure() -> None:
    (attempt,) = await attempts_at([own_goal()], subject=subject(CannedModel([RuntimeError("no")])))
    assert (attempt.verdict.word, attempt.verdict.cause) == (VerdictWord.ERROR, "model_error")


async def test_tokens_that_are_not_told_leave_the_budget_unjudged() -> None:
    told = [plan("a", input_tokens=None), executed("8"), reflected("8")]
    (attempt,) = await attempts_at([own_goal()], subject=subject(CannedModel(told)))
    assert (attempt.verdict.word, attempt.verdict.cause) == (VerdictWord.ERROR, "unmeasured_tokens")


async def test_an_attempt_that_breaks_in_the_harness_stops_no_other() -> None:
    def twice_named() -> str:
        """A tool that cannot be registered twice."""
        return ""

    broken = own_goal(tools=(twice_named, twice_named))
    raised: list[BaseException] = []
    done: list[Attempt] = []
    listener = Listener(
        ended=lambda goal, attempt: done.append(attempt), raised=lambda goal, error: raised.append(error)
    )
    captured = Capture()
    session = Session(subject=subject_named("scripted"), tracer_provider=captured.provider)
    await run_goals([(broken, 1), (GOALS[0], 1)], session, concurrency=1, listener=listener)
    assert [(attempt.verdict.word, attempt.verdict.cause) for attempt in done] == [
        (VerdictWord.ERROR, "harness"),
        (VerdictWord.PASS, None),
    ]
    assert (len(raised), done[0].metrics.api_calls, done[0].metrics.cost_usd) == (1, 0, None)
    assert captured.spans[0].status.status_code.name == "ERROR"


async def test_cancelling_keeps_what_is_done_and_ends_every_span() -> None:
    reached = asyncio.Event()

    async def block() -> Any:
        reached.set()
        await asyncio.Event().wait()

    done: list[Attempt] = []
    captured = Capture()
    model = CannedModel([plan("a"), executed("8"), reflected("8"), block])
    session = Session(subject=subject(model), tracer_provider=captured.provider)
    listener = Listener(ended=lambda goal, attempt: done.append(attempt))
    goals = [own_goal(id="one"), own_goal(id="two"), own_goal(id="three")]
    task = asyncio.create_task(run_goals([(goal, 1) for goal in goals], session, concurrency=1, listener=listener))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [attempt.goal_id for attempt in done] == ["one"]
    tops = [span for span in captured.spans if span.name == names.BENCHMARK_SPAN]
    assert [span.status.status_code.name for span in tops] == ["UNSET", "ERROR"]


async def test_without_an_sdk_there_is_no_trace_id_and_the_numbers_are_the_same() -> None:
    traced, bare = Capture().provider, NoOpTracerProvider()
    (attempt,) = await attempts_at(GOALS[:1], tracer_provider=bare)
    assert attempt.trace_id is None
    assert _numbers(attempt) == (await counted(GOALS[:1], tracer_provider=traced))[GOALS[0].id]


async def test_the_date_tools_take_the_benchmarks_day() -> None:
    later = await counted([goal for goal in GOALS if goal.id == "days-to-new-year"], now=lambda: datetime(2026, 3, 10))
    assert later["days-to-new-year"][0] == "fail"


async def test_an_attempt_is_a_trace_of_its_own_whatever_encloses_it() -> None:
    captured = Capture()
    with captured.provider.get_tracer("ci").start_as_current_span("nightly job") as job:
        (attempt,) = await attempts_at(GOALS[:1], tracer_provider=captured.provider)
    assert attempt.trace_id != f"{job.get_span_context().trace_id:032x}"
    (top,) = [span for span in captured.spans if span.name == names.BENCHMARK_SPAN]
    assert top.parent is None
