"""Runs counted out of a stream of spans: the same numbers however the spans come, in memory that is bounded."""

import math
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measuring.reading import peak_bytes
from benchmarks.measuring.traces import copies
from instrumentation.reading.counted import Price, counted_runs
from instrumentation.reading.grouping import Grouping
from instrumentation.reading.late_spans import LateSpans
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import Batch, ReadSpan
from nanoagent.core.records import SpanRecord
from nanoagent.core.runs import CountedRun, runs_in
from nanoagent.tracing import names
from tests.instrumentation.reading.otlp import as_line


def span(
    trace: str, number: int, parent: int | None, operation: str | None, *, run: str | None = None, **attributes: Any
) -> ReadSpan:
    """A span of a trace, from one nanosecond to the next; `parent` is the number of its parent."""
    own = {names.OPERATION_NAME: operation, names.RUN_ID: run} | attributes
    return ReadSpan(
        trace,
        f"{trace}{number:015}",
        None if parent is None else f"{trace}{parent:015}",
        number,
        number + 1,
        "span",
        {key: value for key, value in own.items() if value is not None},
        False,
    )


def trace_of(trace: str, *, chats: int = 1, run: str | None = None) -> list[ReadSpan]:
    """An agent with some chats, the agent last, as exporters write them."""
    return [*(chat(trace, number, run=run) for number in range(1, chats + 1)), agent(trace, run=run)]


def chat(trace: str, number: int = 1, *, run: str | None = None, **attributes: Any) -> ReadSpan:
    usage = {names.INPUT_TOKENS: 10, names.OUTPUT_TOKENS: 1, names.REQUEST_MODEL: "m"}
    return span(trace, number, 0, names.OP_CHAT, run=run, **usage | attributes)


def agent(trace: str, *, parent: int | None = None, run: str | None = None, **attributes: Any) -> ReadSpan:
    status = {} if run is None else {names.STATUS: "completed"}
    return span(trace, 0, parent, names.OP_AGENT, run=run, **status | attributes)


class Counted:
    """What became of some batches of spans."""

    def __init__(self, batches: Sequence[Batch], *, price: Price | None = None, **bounds: int) -> None:
        problems = Problems()
        self.at: list[int] = []
        """How many batches were asked for when each of the runs came."""
        self._asked = 0
        self.runs: list[CountedRun] = []
        for run in counted_runs(self._asked_for(batches), problems, price=price, grouping=Grouping(**bounds)):
            self.runs.append(run)
            self.at.append(self._asked)
        self.problems = [str(problem) for problem in problems.kept]
        self.lossy = problems.lossy

    @property
    def tokens(self) -> dict[str | None, int | None]:
        """Input tokens by trace."""
        return {run.metrics.trace_id: run.metrics.input_tokens for run in self.runs}

    def _asked_for(self, batches: Sequence[Batch]) -> Any:
        for batch in batches:
            self._asked += 1
            yield batch


RUNS = st.sampled_from([None, None, "run-a", "run-b", "run-c"])
OPERATIONS = st.sampled_from([names.OP_CHAT, names.OP_CHAT, names.OP_TOOL, names.OP_AGENT, names.OP_WORKFLOW, None])


@st.composite
def traces(draw: st.DrawFn) -> list[ReadSpan]:
    """Up to four traces of runs of ours and of others, which may share runs, and lack spans."""
    spans = []
    for trace in "abcd"[: draw(st.integers(1, 4))]:
        for number in range(draw(st.integers(1, 8))):
            run = draw(RUNS)
            attributes: dict[str, Any] = {names.INPUT_TOKENS: draw(st.sampled_from([None, 5, "5", -1]))}
            if run is not None and draw(st.booleans()):
                attributes[names.STATUS] = "completed"
                attributes[names.PARENT_RUN_ID] = draw(RUNS)
            parent = draw(st.integers(0, 9)) if number else None
            spans.append(span(trace, number, parent, draw(OPERATIONS), run=run, **attributes))
    return spans


def whole(spans: Sequence[ReadSpan]) -> list[CountedRun]:
    return sorted(runs_in(SpanRecord.of(*one) for one in spans), key=repr)


@given(traces(), st.randoms(use_true_random=False), st.data())
def test_the_numbers_are_the_same_however_the_spans_come(
    spans: list[ReadSpan], chance: random.Random, data: st.DataObject
) -> None:
    right = whole(spans)
    again = data.draw(st.lists(st.sampled_from(spans), max_size=5))
    coming = [*spans, *again]
    chance.shuffle(coming)
    batches = []
    while coming:
        number = data.draw(st.integers(1, len(coming)))
        batches.append(coming[:number])
        coming = coming[number:]
    found = Counted(batches)
    assert sorted(found.runs, key=repr) == right
    assert not found.lossy


@given(traces(), st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.randoms(use_true_random=False))
def test_within_any_bounds_the_numbers_are_right_or_something_is_told(
    spans: list[ReadSpan], idle: int, max_idle: int, max_kept: int, chance: random.Random
) -> None:
    right = whole(spans)
    chance.shuffle(spans)
    found = Counted([[one] for one in spans], idle_spans=idle, max_idle=max_idle, max_kept=max_kept, sweep=1)
    assert found.lossy or sorted(found.runs, key=repr) == right


def test_a_trace_is_counted_as_soon_as_its_root_was_there_and_others_came() -> None:
    others = [trace_of(f"{number:x}", chats=99) for number in range(2, 10)]
    found = Counted([trace_of("1"), *others], idle_spans=500)
    assert (found.runs[0].metrics.trace_id, found.at[0]) == ("1", 6)
    assert found.at[1:] == sorted(found.at[1:])
    assert found.tokens == {"1": 10} | {f"{number:x}": 990 for number in range(2, 10)}


def test_a_trace_whose_root_is_not_there_yet_waits_for_it() -> None:
    others = [trace_of(f"{number:x}", chats=99) for number in range(2, 10)]
    found = Counted([[chat("1", 1)], *others, [chat("1", 2), agent("1")]], idle_spans=500)
    assert found.tokens["1"] == 20
    assert not found.lossy


def test_when_too_much_is_open_the_trace_that_rested_longest_is_counted_first() -> None:
    rootless = [[chat(trace, number) for number in range(1, 301)] for trace in "12345"]
    found = Counted(rootless, idle_spans=500, max_idle=1_000)
    assert [run.metrics.trace_id for run in found.runs] == ["1", "2", "3", "4", "5"]
    assert found.at[0] < len(rootless)


def test_traces_that_are_still_coming_are_not_given_up_for_being_large() -> None:
    interleaved = [[chat(trace, number)] for number in range(1, 301) for trace in "12"]
    found = Counted([*interleaved, [agent("1"), agent("2")]], idle_spans=100, max_idle=200)
    assert (found.tokens, found.problems) == ({"1": 3_000, "2": 3_000}, [])


def test_traces_that_are_over_make_room() -> None:
    over = [trace_of(f"{number:x}", chats=99) for number in range(2, 16)]
    found = Counted([[chat("1", 1)], *over, [chat("1", 2), agent("1")]], idle_spans=200, max_idle=900)
    assert (found.tokens["1"], found.problems) == (20, [])


def test_a_trace_that_goes_on_and_on_keeps_none_waiting() -> None:
    batches = [[chat("1", number), *trace_of(f"{number:x}", chats=99)] for number in range(2, 12)]
    found = Counted(batches, idle_spans=500, sweep=1)
    assert (found.runs[0].metrics.trace_id, found.at[0]) == ("2", 6)


def test_when_far_too_much_is_open_even_traces_that_are_still_coming_are_counted() -> None:
    interleaved = [[chat(trace, number)] for number in range(1, 301) for trace in "123"]
    found = Counted(interleaved, max_kept=600)
    assert found.lossy
    assert found.at[0] < len(interleaved)
    assert sum(run.metrics.api_calls for run in found.runs) < len(interleaved)


def test_groups_that_become_one_are_over_together() -> None:
    first = [*trace_of("1", run="a")]
    second = [chat("2", number, run="b") for number in range(1, 6)]
    link = _with(agent("2", parent=99, run="b"), {names.PARENT_RUN_ID: "a"})
    others = [trace_of(f"{number:x}", chats=99) for number in range(3, 12)]
    found = Counted([first, second, [link], *others, [chat("9", 1, run="a")]], idle_spans=500)
    assert [(run.metrics.run_id, run.metrics.input_tokens) for run in found.runs[:2]] == [("a", 60), ("b", 50)]
    assert found.at[1] < 12
    assert found.problems == ["trace 9: 1 span came long after the rest, when it was counted already: left out"]


def test_of_what_was_counted_the_oldest_is_forgotten_first() -> None:
    late = LateSpans(max_remembered=4)
    for traces in ("ab", "cd", "e"):
        late.counted(traces, ())
    assert [late.are_late(trace, None, 1) for trace in "abcdef"] == [False, False, True, True, True, False]


def test_a_trace_is_not_late_for_having_the_id_of_a_run() -> None:
    late = LateSpans()
    late.counted(["a"], ["b"])
    assert [late.are_late(trace, run, 1) for trace, run in (("b", None), ("c", "a"), ("a", None), ("c", "b"))] == [
        False,
        False,
        True,
        True,
    ]


def test_more_spans_of_one_trace_than_are_kept_are_left_out_and_told() -> None:
    found = Counted([trace_of("1", chats=600)], max_kept=500)
    assert found.tokens == {"1": 5_000}
    assert found.problems == ["trace 1: has 101 spans more than the 500 that are kept: left out"]
    assert found.lossy


def test_spans_that_come_after_their_trace_was_counted_are_left_out_and_told() -> None:
    batches = [
        trace_of("1"),
        trace_of("2", chats=999),
        [chat("1", 2), chat("1", 3)],
        trace_of("3"),
        [chat("1", 4)],
    ]
    found = Counted(batches, idle_spans=500)
    assert found.tokens == {"1": 10, "2": 9_990, "3": 10}
    assert found.problems == ["trace 1: 3 spans came long after the rest, when it was counted already: left out"]
    assert found.lossy


def test_spans_of_a_run_that_was_counted_are_late_in_whatever_trace_they_come() -> None:
    batches = [trace_of("1", run="run"), trace_of("2", chats=999), [chat("3", 1, run="run")]]
    found = Counted(batches, idle_spans=500)
    assert found.tokens == {"1": 10, "2": 9_990}
    assert found.lossy


def test_late_spans_of_many_traces_are_told_as_one_number() -> None:
    traces = [f"{number:03}" for number in range(60)]
    batches = [*map(trace_of, traces), trace_of("x", chats=999), *([chat(trace, 2)] for trace in traces)]
    found = Counted(batches, idle_spans=500)
    assert len(found.problems) == 51
    assert found.problems[-1] == "further traces: 10 spans came when they were counted already: left out"


def test_a_run_in_several_traces_is_one_run() -> None:
    first, second = trace_of("1", run="run"), [chat("2", 1, run="run"), chat("2", 2, run="run")]
    for batches in ([first, second], [second, first], [second, trace_of("3", chats=700), first]):
        found = Counted(batches, idle_spans=500)
        (run,) = [run for run in found.runs if run.metrics.run_id == "run"]
        assert (run.metrics.api_calls, run.metrics.input_tokens) == (3, 30)


def test_several_runs_in_one_trace_are_several_runs() -> None:
    spans = [
        chat("1", 1, run="a"),
        span("1", 2, 9, names.OP_AGENT, run="a", **{names.STATUS: "completed"}),
        chat("1", 3, run="b"),
        span("1", 4, 9, names.OP_AGENT, run="b", **{names.STATUS: "completed"}),
        span("1", 9, None, None),
    ]
    found = Counted([[one] for one in spans])
    assert [(run.metrics.run_id, run.metrics.input_tokens) for run in found.runs] == [("a", 10), ("b", 10)]


def test_a_nested_run_in_a_trace_of_its_own_is_counted_in_the_one_around_it() -> None:
    inner = [chat("2", 1, run="inner"), _with(agent("2", run="inner"), {names.PARENT_RUN_ID: "outer"})]
    for batches in ([inner, trace_of("1", run="outer")], [trace_of("1", run="outer"), inner]):
        found = Counted(batches)
        assert {run.metrics.run_id: run.metrics.input_tokens for run in found.runs} == {"inner": 10, "outer": 20}


def test_a_nested_run_that_comes_when_the_one_around_it_was_counted_is_told() -> None:
    inner = [chat("2", 1, run="inner"), _with(agent("2", run="inner"), {names.PARENT_RUN_ID: "outer"})]
    found = Counted([trace_of("1", run="outer"), trace_of("3", chats=999), inner], idle_spans=500)
    assert found.tokens == {"1": 10, "3": 9_990, "2": 10}
    assert found.problems == [
        "trace 2: holds a run nested in run outer, which was counted already: that one lacks its numbers"
    ]
    assert found.lossy


def test_what_is_left_at_the_end_comes_oldest_first() -> None:
    found = Counted([[chat("1", 30)], [chat("2", 10)], [chat("3", 20)]])
    assert [run.metrics.trace_id for run in found.runs] == ["2", "3", "1"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        (-1, "-1"),
        (12.0, "12.0"),
        (math.nan, "nan"),
        ("12", "'12'"),
        (True, "True"),
        (2**63, "9223372036854775808"),
        ((1,), "(1,)"),
    ],
)
@pytest.mark.parametrize("run", [None, "run"])
def test_a_count_that_is_none_is_unknown_and_told_once(value: Any, shown: str, run: str | None) -> None:
    bad = {names.INPUT_TOKENS: value}
    spans = [_with(chat("1", number, run=run), bad) for number in (1, 2, 2, 3)]
    found = Counted([spans, [agent("1", run=run)]])
    (counted,) = found.runs
    assert (counted.metrics.input_tokens, counted.metrics.unmeasured_api_calls) == (None, 3)
    assert found.problems == [
        f"trace 1: 3 spans hold no count in {names.INPUT_TOKENS}, such as {shown} in span 1000000000000001: "
        "taken as unknown"
    ]
    assert not found.lossy


def test_a_count_of_others_that_is_none_is_told_under_the_name_that_it_has() -> None:
    bad = {names.INPUT_TOKENS: None, "llm.token_count.prompt": "many"}
    usable = {names.INPUT_TOKENS: "12", "llm.token_count.prompt": 12}
    found = Counted([[_with(chat("1", 1), bad), _with(chat("1", 2), usable), chat("1", 3), agent("1")]])
    assert found.tokens == {"1": 22}
    assert found.problems == [
        f"trace 1: 1 span holds no count in {names.INPUT_TOKENS}, such as None in span 1000000000000001: "
        "taken as unknown",
        "trace 1: 1 span holds no count in llm.token_count.prompt, such as 'many' in span 1000000000000001: "
        "taken as unknown",
    ]


def test_a_price_is_asked_for_answered_calls_of_others_that_carry_none() -> None:
    asked: list[tuple[Any, str]] = []

    def price(attributes: Mapping[str, Any], record: SpanRecord) -> Decimal | None:
        asked.append((attributes[names.REQUEST_MODEL], record.span_id))
        return Decimal("0.5") if attributes[names.REQUEST_MODEL] == "known" else None

    spans = [
        chat("1", 1, **{names.REQUEST_MODEL: "known"}),
        chat("1", 2, **{names.REQUEST_MODEL: "unknown"}),
        _with(chat("1", 3), {names.OPERATION_COST: 0.25}),
        chat("1", 4, **{names.ERROR_TYPE: "Boom"})._replace(failed=True),
        span("1", 5, 0, names.OP_TOOL),
        agent("1"),
        *trace_of("2", run="run"),
    ]
    found = Counted([spans], price=price)
    assert asked == [("known", "1000000000000001"), ("unknown", "1000000000000002")]
    numbers = {run.metrics.trace_id: run.metrics for run in found.runs}
    assert (numbers["1"].cost_usd_known, numbers["1"].unpriced_api_calls) == (Decimal("0.75"), 1)
    assert (numbers["2"].cost_usd_known, numbers["2"].unpriced_api_calls) == (Decimal(0), 1)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    trace = as_line(*(one._replace(trace_id="1" * 32) for one in trace_of("1", chats=15, run="2" * 32)))
    peaks = []
    for spans in (20_000, 200_000):
        path = tmp_path / f"{spans}.jsonl"
        with path.open("wb") as file:
            file.writelines(line + b"\n" for line in copies([trace], spans=spans))
        peaks.append(peak_bytes(path))
    assert peaks[1] < 1.3 * peaks[0]


def _with(one: ReadSpan, attributes: Mapping[str, Any]) -> ReadSpan:
    """A span with these attributes, also where they are `None`."""
    return one._replace(attributes={**one.attributes, **attributes})


def test_what_is_left_out_of_groups_that_became_one_is_told_as_it_is() -> None:
    first = [chat("1", number, run="a") for number in range(1, 5)]
    second = [chat("2", number, run="b") for number in range(1, 5)]
    joining = [chat("2", number, run="a") for number in range(5, 12)]
    found = Counted([[*first, *second, *joining]], max_kept=5)
    kept = sum(run.spans for run in found.runs)
    assert f"has {15 - kept} spans more than the {kept} that are kept" in found.problems[0]
