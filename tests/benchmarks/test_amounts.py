"""The amounts by which two runs differ, in words."""

from typing import Any

from benchmarks import amounts
from instrumentation.comparing.comparison import Comparison
from instrumentation.comparing.recorded import RecordedRun
from instrumentation.comparing.steps import Moment, Step, StepKind
from nanoagent.core.performance import PerformanceMetrics, PhaseCounts
from nanoagent.core.records import ModelCall
from nanoagent.core.runs import CountedRun

MS = 1_000_000


def step(kind: StepKind, name: str = "", *inside: Moment, took_ms: int = 0, **options: Any) -> Step:
    return Step(kind=kind, name=name, inside=inside, start_ns=0, end_ns=took_ms * MS, digest=b"", **options)


def tool(name: str, took_ms: int) -> Step:
    return step(StepKind.TOOL, name, took_ms=took_ms)


def iteration(number: int, last_prompt: int | None, *tools: Step) -> Step:
    call = step(StepKind.CALL, "m", call=ModelCall(model="m", input_tokens=last_prompt))
    moments: tuple[Moment, ...] = (tools, (call,)) if tools else ((call,),)
    agent = step(StepKind.AGENT, "executor", *moments, phase="execute")
    return step(StepKind.ITERATION, "", (agent,), iteration=number)


def run(*iterations: Step, **fields: Any) -> RecordedRun:
    counted = CountedRun(PerformanceMetrics(**fields), 0)
    return RecordedRun(counted=counted, steps=step(StepKind.RUN, "r", *((one,) for one in iterations)))


def beside(one: RecordedRun, other: RecordedRun) -> Comparison:
    return Comparison(one=one, other=other, first=None, parting=None)


def phase(name: str, input_tokens: int | None, output_tokens: int) -> PhaseCounts:
    return PhaseCounts(phase=name, input_tokens=input_tokens, output_tokens=output_tokens)


def test_tokens_are_told_by_phase_where_they_differ_and_are_known() -> None:
    one = run(by_phase=(phase("plan", 100, 10), phase("execute", 200, 20), phase("reflect", None, 5)))
    other = run(by_phase=(phase("plan", 100, 10), phase("execute", 1_612, 15), phase("reflect", 90, 5)))
    assert amounts.of_tokens(beside(one, other)) == ["tokens by phase: execute +1,412 input and execute -5 output"]
    assert amounts.of_tokens(beside(one, one)) == []


def test_prompts_that_grew_most_are_told_first_and_the_others_counted() -> None:
    one = run(*(iteration(number, 100) for number in range(1, 6)), iteration(6, None))
    other = run(*(iteration(number, 100 + 10 * number) for number in range(1, 6)), iteration(6, 900))
    assert amounts.of_tokens(beside(one, other)) == [
        "input tokens of the last call: iteration 5 +50, iteration 4 +40, iteration 3 +30 and 2 more"
    ]
    few = beside(run(iteration(1, 100)), run(iteration(1, 60)))
    assert amounts.of_tokens(few) == ["input tokens of the last call: iteration 1 -40"]


def test_time_is_split_and_the_tools_that_took_longer_are_named_the_slowest_first() -> None:
    one = run(
        iteration(1, 1, tool("a", 100), tool("b", 50), tool("c", 5), tool("d", 9)),
        iteration(2, 1, tool("a", 100)),
        llm_ns=300 * MS,
        tool_ns=200 * MS,
        other_ns=40 * MS,
    )
    other = run(
        iteration(1, 1, tool("a", 150), tool("b", 250), tool("c", 6), tool("d", 8)),
        iteration(2, 1, tool("a", 160), tool("e", 2)),
        llm_ns=290 * MS,
        tool_ns=1_700 * MS,
        other_ns=40 * MS,
    )
    assert amounts.of_time(beside(one, other)) == [
        "time: model calls -10 ms, tools +1.5 s and the rest +0 ms",
        "slower tools: `b` +200 ms, `a` +110 ms and `e` +2 ms",
    ]
    assert amounts.of_time(beside(one, one)) == ["time: model calls +0 ms, tools +0 ms and the rest +0 ms"]
