"""Why a number is worse, from the traces of two benchmarks that were really run."""

import dataclasses
import re
import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.against import Against
from benchmarks.comparing.compare import compare
from benchmarks.comparing.comparison import Comparison, Row, Side, WhyOf, Word
from benchmarks.comparing.thresholds import read_thresholds
from benchmarks.results.reading import Recorded
from benchmarks.results.results import Attempt, Results, results_of
from benchmarks.running.runner import Listener, Session, run_goals
from benchmarks.running.traces import MAX_ATTEMPTS, KeptTraces
from benchmarks.scripted import behaviour
from benchmarks.subjects.models import subject_named
from benchmarks.suite.facts import facts_of
from benchmarks.suite.goals import GOALS
from benchmarks.why import Traced, why_of
from nanoagent.core import executor
from nanoagent.tools.builtin.arithmetic import calculate
from tests.benchmarks.comparing.worse import calling_twice, put_in_place_of_calculate
from tests.benchmarks.results_made import provenance

ADDITION = GOALS[0]


async def measured(*, repeat: int = 1) -> tuple[Results, list[bytes]]:
    """The results of a goal, and the traces that are kept of it."""
    traces, provider, attempts = KeptTraces(), TracerProvider(), list[Attempt]()
    provider.add_span_processor(traces)

    def ended(_: object, attempt: Attempt) -> None:
        attempts.append(attempt)
        traces.ended(attempt)

    session = Session(subject=subject_named("scripted"), tracer_provider=provider)
    work = [(ADDITION, number) for number in range(1, repeat + 1)]
    await run_goals(work, session, concurrency=1, listener=Listener(ended=ended))
    made = results_of(provenance(repeat=repeat), [facts_of(ADDITION)], attempts)
    return made, traces.lines([attempt.trace_id or "" for attempt in attempts])


def why(before: tuple[Results, list[bytes]], now: tuple[Results, list[bytes]], **options: Any) -> WhyOf:
    comparison = compare(before[0], now[0], read_thresholds({ADDITION.id}))
    return why_of(comparison, Traced(*before), Traced(*now), options.get("compare_url"))


async def test_a_longer_prompt_is_found_in_the_call_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()
    monkeypatch.setattr(executor, "INSTRUCTIONS", executor.INSTRUCTIONS + "- Be polite.\n")
    found = why(before, await measured(), compare_url=lambda one, other: f"{one.goal_id}/{other.goal_id}")
    assert set(found) == {("addition", "input_tokens"), ("addition", "tokens_used")}
    reason = found["addition", "input_tokens"]
    assert [re.sub(r"1,\d\d\d", "1,###", line) for line in reason.findings] == [
        "iteration 1: model call 1 has 1,### input tokens in baseline, 1,### in this run (+4): its prompt is longer, "
        "and the instructions are others",
        "tokens by phase: execute +8 input",
        "input tokens of the last call: iteration 1 +4",
    ]
    assert reason.compare_url == "addition/addition"


async def test_a_tool_that_is_called_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()
    monkeypatch.setattr(behaviour, "answer", calling_twice(behaviour.answer))
    found = why(before, await measured())
    assert found["addition", "tool_calls"].findings == [
        "iteration 1: baseline called `calculate` once, this run twice; +22 input and +14 output tokens"
    ]
    assert found["addition", "tool_calls"].compare_url is None


async def test_a_slower_tool_is_named_with_how_much_slower_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured(repeat=8)

    def slow(expression: str) -> int | float:
        time.sleep(0.2)
        return calculate(expression)

    slow.__annotations__ = calculate.__annotations__
    put_in_place_of_calculate(monkeypatch, slow)
    found = why(before, await measured(repeat=8))["addition", "duration_seconds"].findings
    tools = re.fullmatch(r"slower tools: `calculate` \+(\d+) ms", found[1])
    assert tools is not None
    assert 195 <= int(tools[1]) <= 900


async def test_a_wrong_answer_is_told_where_both_did_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()

    def wrong(expression: str) -> int | float:
        return calculate(expression) + 1

    put_in_place_of_calculate(monkeypatch, wrong)
    findings = why(before, await measured())["addition", "pass_rate"].findings
    assert findings == ["attempt 1 did not pass: answer does not hold 8; its numbers are 5, 3, 9"]


async def test_where_no_trace_is_kept_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()
    monkeypatch.setattr(executor, "INSTRUCTIONS", executor.INSTRUCTIONS + "- Be polite.\n")
    now = await measured()
    for sides, which in (((before[0], []), now), "the baseline"), ((before, (now[0], [])), "this run"):
        assert why(*sides)["addition", "tokens_used"].findings == [
            f"no trace of {which} is kept, so where they part is not known"
        ]


async def test_the_traces_of_the_first_attempts_are_kept() -> None:
    results, lines = await measured(repeat=MAX_ATTEMPTS + 1)
    assert len(results.attempts) == MAX_ATTEMPTS + 1
    assert len(lines) == MAX_ATTEMPTS


async def test_jaeger_is_named_only_where_it_was_sent_both_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await measured()
    monkeypatch.setattr(executor, "INSTRUCTIONS", executor.INSTRUCTIONS + "- Be polite.\n")
    now = await measured()
    for sent, url in (((True, True), "http://jaeger/trace/"), ((True, False), None), ((False, True), None)):
        one = sent_to_jaeger(before[0]) if sent[0] else before[0]
        other = sent_to_jaeger(now[0]) if sent[1] else now[0]
        recorded = Recorded(one, b"\n".join(before[1]))
        against = Against(recorded=recorded, thresholds=read_thresholds({ADDITION.id}), ui_url="http://jaeger")
        kept = KeptTraces()
        kept.restore({attempt.trace_id or "": line for (_, attempt), line in zip(other.attempts, now[1], strict=True)})
        found = against.compared(other, kept).why["addition", "tokens_used"].compare_url
        assert (found is None) if url is None else (found or "").startswith(url)


def sent_to_jaeger(results: Results) -> Results:
    (row,) = results.goals
    attempts = [dataclasses.replace(attempt, trace_url="http://jaeger/one") for attempt in row.attempts]
    return dataclasses.replace(results, goals=[dataclasses.replace(row, attempts=attempts)])


async def test_of_several_attempts_the_worst_is_set_beside_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    before, now = await measured(repeat=2), await measured(repeat=2)
    monkeypatch.setattr(behaviour, "answer", calling_twice(behaviour.answer))
    worse, lines = await measured(repeat=2)
    (row,), (other,) = now[0].goals, worse.goals
    mixed = dataclasses.replace(row, attempts=[row.attempts[0], other.attempts[1]])
    sides = dataclasses.replace(now[0], goals=[mixed]), [now[1][0], lines[1]]
    called = "iteration 1: baseline called `calculate` once, this run twice; +22 input and +14 output tokens"
    assert why(before, sides)["addition", "tool_calls"].findings == [called]


async def test_where_the_traces_say_nothing_that_is_said() -> None:
    side = await measured()
    row = Row(
        goal_id="addition",
        tier="simple",
        metric="api_calls",
        word=Word.WORSE,
        reason="",
        baseline=Side(n=1, value=4.0),
        current=Side(n=1, value=5.0),
    )
    comparison = Comparison(baseline=provenance(), current=provenance(), rows=[row])
    found = why_of(comparison, Traced(*side), Traced(*side), None)
    assert found["addition", "api_calls"].findings == ["both did the same, as far as their traces say"]
