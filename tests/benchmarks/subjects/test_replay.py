"""A replay gives what was recorded, attempt by attempt, and nothing for a request that was not."""

import asyncio
import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic_ai import Agent

from benchmarks.running.runner import Session, run_attempt
from benchmarks.subjects.agents import subject_of
from benchmarks.subjects.models import subject_named
from benchmarks.subjects.orchestrator_run import OrchestratorRun
from benchmarks.subjects.recording import Recorder, RecordingModel, Tape
from benchmarks.subjects.recordings import read
from benchmarks.subjects.replay import ReplayModel
from benchmarks.subjects.spending import Spending
from benchmarks.subjects.subject import Outcome, Surroundings
from benchmarks.subjects.unanswered import NoAnswerCause
from benchmarks.suite.goals import TODAY, Goal
from instrumentation.testing import Capture
from nanoagent.core.orchestrator import Orchestrator
from nanoagent.errors import ConfigurationError
from nanoagent.tools.builtin import register_builtin_tools
from nanoagent.tracing.clock import RunClock
from tests.benchmarks.subjects.recorded import GOAL, NAME, attempts_at, canned, counts, path_in, recorded, replies
from tests.models import executed, plan, reflected

OWN = "tests.benchmarks.own_agents"


async def outcome_of(directory: Path, goal: Goal = GOAL) -> Outcome:
    surroundings = Surroundings(clock=RunClock(), tracer_provider=None, now=lambda: TODAY)
    return await subject_named(f"replay:{directory}", [goal]).run_of(goal, surroundings)()


async def test_a_replay_has_the_numbers_of_what_was_recorded(tmp_path: Path) -> None:
    live = await attempts_at(Recorder(tmp_path).subject(canned(), [GOAL]))
    replayed = await attempts_at(subject_named(f"replay:{tmp_path}", [GOAL]))
    assert [counts(attempt) for attempt in replayed] == [counts(attempt) for attempt in live]
    assert [(one.verdict.word, one.answer, one.metrics.api_calls, one.metrics.tool_calls) for one in replayed] == [
        ("pass", "8", 4, 1)
    ]


async def test_a_replay_says_of_which_model_and_day_it_is_wherever_it_is_named(
    tmp_path: Path, no_global_state: None
) -> None:
    await recorded(tmp_path / "here")
    subject = subject_named("replay:here", [GOAL])
    assert (subject.name, subject.token_source) == ("replay of openai:gpt-5-mini, recorded 2026-05-04", "provider")
    capture = Capture()
    await run_attempt(GOAL, Session(subject=subject, tracer_provider=capture.provider))
    attributes = {span.name.split()[0]: dict(span.attributes or {}) for span in capture.spans}
    assert attributes["benchmark"]["nanoagent.benchmark.model"] == subject.name
    asked = (attributes["chat"]["gen_ai.provider.name"], attributes["chat"]["gen_ai.request.model"])
    assert asked == ("replay", NAME)


@pytest.mark.parametrize("concurrency", [1, 5])
async def test_each_attempt_replays_its_own_and_after_the_last_comes_the_first(
    tmp_path: Path, concurrency: int
) -> None:
    told = [reply for answer in ("8", "9") for reply in replies(answer)]
    await recorded(tmp_path, subject=canned(*told), repeat=2)
    attempts = await attempts_at(subject_named(f"replay:{tmp_path}", [GOAL]), repeat=5, concurrency=concurrency)
    assert [attempt.answer for attempt in attempts] == ["8", "9", "8", "9", "8"]


async def test_a_request_that_was_not_recorded_is_an_error_with_the_command_that_records_anew(tmp_path: Path) -> None:
    await recorded(tmp_path)
    changed = dataclasses.replace(GOAL, text="What is 5 + 4?")
    outcome = await outcome_of(tmp_path, changed)
    assert outcome.cause is NoAnswerCause.STALE_TRANSCRIPT
    command = (
        f"uv run python benchmarks/run_benchmarks.py --model openai:gpt-5-mini --goal 'a/b:c?*' --record {tmp_path}"
    )
    assert outcome.error is not None
    assert outcome.error.endswith(f"record anew: {command}")
    assert (await outcome_of(tmp_path)).cause is None


async def test_a_request_that_was_recorded_once_is_not_answered_twice(tmp_path: Path) -> None:
    await recorded(tmp_path, subject=canned(plan("add"), executed("8"), reflected("8")))
    path = path_in(tmp_path)
    model = ReplayModel(read(path), 1, tmp_path)

    def twice() -> Orchestrator:
        orchestrator = Orchestrator(GOAL.text, GOAL.max_iterations, model=model)
        register_builtin_tools(orchestrator.registry, now=lambda: TODAY)
        return orchestrator

    outcomes = [await OrchestratorRun(GOAL, twice)() for _ in range(2)]
    assert [outcome.cause for outcome in outcomes] == [None, NoAnswerCause.STALE_TRANSCRIPT]


async def test_the_same_request_made_at_a_time_gets_each_answer_once(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    tape = Tape(1)
    model = RecordingModel(canned(*(plan(name) for name in "abc")).model_for(GOAL, 1), tape)
    agent = Agent(model)
    told = [(await agent.run("go")).output for _ in range(3)]
    recorder.keep(canned(), GOAL, tape)
    path = path_in(tmp_path)
    replaying = Agent(ReplayModel(read(path), 1, tmp_path))
    replayed = await asyncio.gather(*(replaying.run("go") for _ in range(3)))
    assert sorted(result.output for result in replayed) == sorted(told)


async def test_a_stream_is_recorded_and_replayed_like_a_request(tmp_path: Path) -> None:
    recorder, tape = Recorder(tmp_path), Tape(1)
    agent = Agent(RecordingModel(canned(executed("one two three")).model_for(GOAL, 1), tape))
    async with agent.run_stream("go") as live:
        text = await live.get_output()
    recorder.keep(canned(), GOAL, tape)
    path = path_in(tmp_path)
    async with Agent(ReplayModel(read(path), 1, tmp_path)).run_stream("go") as replayed:
        assert await replayed.get_output() == text
        assert (replayed.usage.input_tokens, replayed.usage.output_tokens) == (100, 10)


async def test_a_goal_without_a_recording_is_told_before_anything_runs(tmp_path: Path) -> None:
    await recorded(tmp_path)
    other = dataclasses.replace(GOAL, id="other")
    with pytest.raises(ConfigurationError, match=r"got none of 'other' in .*; choose among a/b:c\?\* with --goal"):
        subject_named(f"replay:{tmp_path}", [GOAL, other])


async def test_what_answers_by_rules_or_from_recordings_is_not_recorded(tmp_path: Path) -> None:
    await recorded(tmp_path)
    for name in ("scripted", f"replay:{tmp_path}"):
        with pytest.raises(ConfigurationError, match="--record is for models that answer of themselves"):
            subject_named(name, [GOAL], recorder=Recorder(tmp_path))


async def test_an_agent_is_recorded_and_replayed(tmp_path: Path) -> None:
    reference = f"{OWN}:eight"
    live = await attempts_at(subject_of(reference, None, GOAL, goals=[GOAL], recorder=Recorder(tmp_path)))
    subject = subject_of(reference, f"replay:{tmp_path}", GOAL, goals=[GOAL])
    replayed = await attempts_at(subject)
    assert subject.name.startswith(f"agent {reference} (replay of agent {reference} (function:told), recorded ")
    assert [counts(attempt) for attempt in replayed] == [counts(attempt) for attempt in live]


def test_orchestrators_that_a_function_makes_are_neither_recorded_nor_held_to_a_limit(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--record must be left out with --agent"):
        subject_of(f"{OWN}:orchestrator", None, GOAL, recorder=Recorder(tmp_path))
    with pytest.raises(ConfigurationError, match="--max-cost must be left out with --agent"):
        subject_of(f"{OWN}:orchestrator", None, GOAL, spending=Spending(limit_usd=Decimal(1)))
