"""Calls that fail for the moment are made again when the provider lets it, and each try is a call that counts."""

import asyncio
import json
import time
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError
from pydantic_ai.models import Model

from benchmarks.subjects.models import ModelSubject, subject_named
from benchmarks.subjects.recording import Recorder
from benchmarks.subjects.retrying import MAX_CALLS, RetryingModel
from benchmarks.subjects.spending import Spending
from instrumentation.testing import Capture
from nanoagent.tracing.capability import Tracing
from tests.benchmarks.subjects.provider import Failing, provider
from tests.benchmarks.subjects.recorded import GOAL, attempts_at, path_in
from tests.secrets import PLANTED

LIMITED = Failing(429, {"Retry-After": "7"})
ANSWERS = [
    json.dumps({"tasks": ["add"], "questions": []}),
    json.dumps({"success": True, "output": "8"}),
    json.dumps({"done": True, "answer": "8"}),
]
"""Of a run that reaches its goal."""


class Clock:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


def retrying(model: Model, clock: Clock) -> RetryingModel:
    return RetryingModel(model, monotonic_s=clock.monotonic_s, sleep=clock.sleep)


async def test_retry_after_is_waited_for_and_each_try_is_a_call() -> None:
    clock, capture = Clock(), Capture()
    with provider(LIMITED, "8") as there:
        tracing = Tracing(tracer_provider=capture.provider)
        agent = Agent(retrying(there.model, clock), capabilities=[tracing])
        assert (await agent.run("go")).output == "8"
    assert (len(there.asked_s), clock.slept_s) == (2, [7.0])
    (metrics,) = capture.aggregator.recent()
    assert (metrics.api_calls, metrics.failed_api_calls, metrics.input_tokens, metrics.status) == (
        2,
        1,
        1_000,
        "completed",
    )


@pytest.mark.parametrize("failure", [Failing(500), Failing(503), Failing(529), Failing(502), Failing(0), Failing(408)])
async def test_failures_of_the_moment_are_tried_again_later_and_later(failure: Failing) -> None:
    clock = Clock()
    with provider(failure, failure, "8") as there:
        assert (await Agent(retrying(there.model, clock)).run("go")).output == "8"
    assert len(there.asked_s) == 3
    assert [0 <= slept <= 2**tries for tries, slept in enumerate(clock.slept_s)] == [True, True]


@pytest.mark.parametrize(
    "failure",
    [
        Failing(400),
        Failing(401),
        Failing(404),
        Failing(402),
        Failing(429, {"Retry-After": "3600"}),
        Failing(500, {"x-should-retry": "false"}),
    ],
)
async def test_what_will_not_pass_is_not_tried_again(failure: Failing) -> None:
    clock = Clock()
    with provider(failure) as there, pytest.raises(ModelHTTPError) as raised:
        await Agent(retrying(there.model, clock)).run("go")
    assert (len(there.asked_s), clock.slept_s, raised.value.status_code) == (1, [], failure.status)


@pytest.mark.parametrize(("failure", "error"), [(Failing(500), ModelHTTPError), (Failing(0), ModelConnectionError)])
async def test_it_ends_with_the_provider_s_own_error(failure: Failing, error: type[Exception]) -> None:
    clock = Clock()
    with provider(failure) as there, pytest.raises(error):
        await Agent(retrying(there.model, clock)).run("go")
    assert (len(there.asked_s), len(clock.slept_s)) == (MAX_CALLS, MAX_CALLS - 1)


async def test_a_stream_is_opened_again() -> None:
    clock = Clock()
    with provider(LIMITED, Failing(0), "eight it is") as there:
        async with Agent(retrying(there.model, clock)).run_stream("go") as stream:
            assert await stream.get_output() == "eight it is"
    assert (len(there.asked_s), clock.slept_s[0]) == (3, 7.0)


async def test_one_answer_to_wait_holds_the_calls_of_all_runs() -> None:
    clock = Clock()
    with provider(LIMITED, "8") as there:
        model = retrying(there.model, clock)
        await Agent(model).run("first")
        clock.now_s = 2.0
        await Agent(model).run("second")
    assert (len(there.asked_s), clock.slept_s) == (3, [7.0, 5.0])


async def test_a_run_that_is_cancelled_while_it_waits_ends_at_once() -> None:
    with provider(Failing(429, {"Retry-After": "60"})) as there:
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Agent(RetryingModel(there.model)).run("go"), 0.3)
    assert (len(there.asked_s), time.monotonic() - began_s < 5) == (1, True)


async def test_the_verdict_of_a_goal_is_not_moved_by_a_provider_that_was_busy() -> None:
    with provider(LIMITED, ANSWERS[0], Failing(503), *ANSWERS[1:]) as there:
        model = retrying(there.model, Clock())
        subject = ModelSubject(name="there", model_for=lambda goal, attempt: model, token_source="provider")
        (attempt,) = await attempts_at(subject)
    assert (attempt.verdict.word, attempt.metrics.api_calls, attempt.metrics.failed_api_calls) == ("pass", 5, 2)


async def test_a_model_string_is_retried_recorded_and_held_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Spending(limit_usd=Decimal(1), allow_unpriced=True)
    with provider(Failing(429, {"retry-after-ms": "5"}), *ANSWERS) as there:
        monkeypatch.setenv("OPENAI_BASE_URL", there.url)
        monkeypatch.setenv("OPENAI_API_KEY", PLANTED["openai"])
        name = "openai-chat:gpt-5-mini"
        (live,) = await attempts_at(subject_named(name, [GOAL], recorder=Recorder(tmp_path), spending=limits))
    (replayed,) = await attempts_at(subject_named(f"replay:{tmp_path}", [GOAL]))
    words = [(one.verdict.word, one.metrics.api_calls, one.metrics.failed_api_calls) for one in (live, replayed)]
    assert words == [("pass", 4, 1), ("pass", 3, 0)]
    assert (replayed.metrics.tokens_used, replayed.metrics.cost_usd) == (live.metrics.tokens_used, limits.spent_usd)
    assert limits.spent_usd > 0
    assert PLANTED["openai"] not in path_in(tmp_path).read_text()
