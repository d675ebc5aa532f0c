"""A deliberately worse agent, really run, is named: the right goals, the right numbers, and no others."""

from typing import Any

import pytest

from benchmarks.comparing.comparison import Comparison, Word
from benchmarks.comparing.thresholds import read_thresholds
from benchmarks.scripted import behaviour
from instrumentation.exits import ExitCode
from nanoagent.core import executor, orchestrator
from nanoagent.tools.builtin.arithmetic import calculate
from tests.benchmarks.comparing.measured import SOME, Clock, measured
from tests.benchmarks.comparing.sides import compared, words
from tests.benchmarks.comparing.worse import calling_twice, put_in_place_of_calculate

TOKENS = ("input_tokens", "tokens_used")


def worse(found: Comparison) -> dict[str, set[str]]:
    """The numbers that are worse, by what they are of."""
    rows = found.of(Word.WORSE)
    return {where: {row.metric for row in rows if row.where == where} for where in {row.where for row in rows}}


async def test_one_reflection_too_many_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()
    monkeypatch.setattr(orchestrator, "REFLECT_EVERY", 1)
    found = compared(before, await measured())
    assert worse(found) == {"squares": {"api_calls", "output_tokens", *TOKENS}}
    assert found.exit_code is ExitCode.REGRESSION


async def test_a_longer_prompt_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()
    monkeypatch.setattr(executor, "INSTRUCTIONS", executor.INSTRUCTIONS + "- Be polite.\n")
    found = compared(before, await measured())
    assert worse(found) == {goal.id: set(TOKENS) for goal in SOME}


async def test_a_tool_that_is_called_twice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()
    monkeypatch.setattr(behaviour, "answer", calling_twice(behaviour.answer))
    found = compared(before, await measured())
    needing = {"tool_calls", "output_tokens", *TOKENS}
    assert worse(found) == {"addition": needing, "squares": needing}


async def test_a_wrong_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()
    put_in_place_of_calculate(monkeypatch, lambda expression: 7)
    found = compared(before, await measured())
    rates = {where: metrics & {"pass_rate"} for where, metrics in worse(found).items() if "pass_rate" in metrics}
    assert rates.keys() == {"addition", "squares", "all goals", "tier simple"}
    assert found.exit_code is ExitCode.REGRESSION


async def test_a_slower_tool_is_named_in_seconds_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    goals = [goal for goal in SOME if goal.id != "squares"]
    before = await measured(goals, repeat=10, clock=Clock(1))
    clock = Clock(2)

    def slow_calculate(expression: str) -> Any:
        clock.spend(0.1)
        return calculate(expression)

    put_in_place_of_calculate(monkeypatch, slow_calculate)
    found = compared(before, await measured(goals, repeat=10, clock=clock), read_thresholds([]))
    assert worse(found) == {"addition": {"duration_seconds"}}
    assert words(found, "weekday")["duration_seconds"] is Word.SAME
    assert words(found, "addition")["llm_seconds"] is Word.SAME
    assert found.exit_code is ExitCode.REGRESSION


async def test_the_same_code_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(await measured(), await measured())
    counts = [row for row in found.rows if not row.metric.endswith("seconds")]
    assert {row.word for row in counts} == {Word.SAME}
    assert found.exit_code is ExitCode.OK
