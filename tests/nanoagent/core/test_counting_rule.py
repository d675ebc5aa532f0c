"""One test for each line of the counting rule, and the properties that hold for any run."""

import json
import re
from collections.abc import Callable
from decimal import ROUND_UP, Context, Decimal, Inexact, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoagent import PerformanceMetrics
from nanoagent.core.intervals import time_split, union
from nanoagent.core.performance import IterationCounts
from nanoagent.core.records import CANCELLED_ERROR_TYPE, SpanRecord, as_cost_usd, as_count
from nanoagent.core.runs import runs_in
from nanoagent.tracing import names
from tests.span_records import RUN, chat, fold, record, root, tool

COMPLETE = [
    record(names.OP_PLAN, "plan", 0, 20, phase="plan"),
    chat("c1", 0, 20, tokens=(100, 10), cost=0.1, phase="plan", parent="plan"),
    record("iteration", "i1", 20, 90, iteration=1),
    record(names.OP_AGENT, "a1", 20, 80, phase="execute", iteration=1, parent="i1"),
    chat("c2", 30, 50, tokens=(200, 20), cost=0.2, phase="execute", iteration=1, parent="a1"),
    tool("t1", 45, 60, phase="execute", iteration=1, parent="a1"),
    chat("c3", 60, 70, tokens=(7, 3), cost=0.02, phase="execute", iteration=1, parent="a1"),
    root(
        0, 100, iterations=1, api_calls=3, tool_calls=1, input_tokens=307, output_tokens=33, cost=0.32,
        completed=1, total=2,
    ),
]  # fmt: skip


def test_a_whole_run() -> None:
    metrics = fold(COMPLETE)
    assert metrics == PerformanceMetrics(
        run_id=RUN,
        trace_id="t" * 32,
        start_time_unix_ns=0,
        end_time_unix_ns=100,
        status="completed",
        stop_reason="goal_reached",
        models=("m",),
        iterations=1,
        api_calls=3,
        input_tokens=307,
        output_tokens=33,
        cached_input_tokens=None,
        cache_creation_input_tokens=None,
        reasoning_tokens=None,
        tool_calls=1,
        tasks_completed=1,
        tasks_total=2,
        cost_usd=Decimal("0.32"),
        cost_usd_known=Decimal("0.32"),
        llm_ns=50,
        tool_ns=10,
        other_ns=40,
        parallel_ns=5,
        by_phase=metrics.by_phase,
        by_iteration=metrics.by_iteration,
        complete=True,
    )
    assert metrics.by_iteration == (
        IterationCounts(
            iteration=1,
            api_calls=2,
            input_tokens=207,
            output_tokens=23,
            cached_input_tokens=None,
            cache_creation_input_tokens=None,
            reasoning_tokens=None,
            tool_calls=1,
            cost_usd=Decimal("0.22"),
            cost_usd_known=Decimal("0.22"),
            llm_ns=30,
            tool_ns=10,
            other_ns=30,
            parallel_ns=5,
        ),
    )
    assert [(row.phase, row.api_calls, row.duration_ns, row.llm_ns) for row in metrics.by_phase] == [
        ("plan", 1, 20, 20),
        ("execute", 2, 60, 30),
    ]
    assert (metrics.tokens_used, metrics.duration_seconds()) == (340, 1e-7)


def test_1_records_of_other_runs_and_spans_seen_twice_are_left_out() -> None:
    stranger = COMPLETE[1]._replace(span_id="x", run_id="run-2")
    nobody = COMPLETE[1]._replace(span_id="y", run_id=None, parent_span_id=None)
    assert fold([nobody, *COMPLETE, stranger, *COMPLETE], run_id=RUN) == fold(COMPLETE)


def test_1_of_two_spans_with_one_id_the_one_that_ended_later_counts() -> None:
    early, late = chat("c1", 5, 10, tokens=(1, 1)), chat("c1", 0, 20, tokens=(2, 2))
    for records in ([early, late, early], [late, early], [early, late]):
        assert fold([root(0, 30), *records]).tokens_used == 4


def test_2_a_tool_call_with_an_error_is_a_failed_one() -> None:
    metrics = fold([tool("t1", 0, 1), tool("t2", 1, 2, error="ValueError"), tool("t3", 2, 3, error="unknown_tool")])
    assert (metrics.tool_calls, metrics.failed_tool_calls) == (3, 2)


def test_3_failed_and_cancelled_calls_count_and_are_told_apart() -> None:
    calls = [
        chat("c1", 0, 1, tokens=(1, 1)),
        chat("c2", 1, 2, error="ValueError"),
        chat("c3", 2, 3, error=CANCELLED_ERROR_TYPE),
    ]
    metrics = fold(calls)
    assert (metrics.api_calls, metrics.failed_api_calls, metrics.cancelled_api_calls) == (3, 1, 1)
    assert metrics.unmeasured_api_calls == 0


def test_4_a_failed_iteration_is_an_iteration() -> None:
    assert fold([record("iteration", "i1", 0, 1, iteration=1, error="ValueError")]).iterations == 1


def test_5_rollups_and_subsets_are_never_added() -> None:
    rollup = {names.RUN_INPUT_TOKENS: 1000, names.INPUT_TOKENS: 1000}
    subsets = {names.CACHE_READ_TOKENS: 60, names.CACHE_CREATION_TOKENS: 5, names.REASONING_TOKENS: 7}
    metrics = fold(
        [
            record("iteration", "i1", 0, 9, iteration=1, attributes=rollup),
            record(names.OP_AGENT, "a1", 0, 9, attributes=rollup),
            chat("c1", 0, 1, tokens=(100, 10), attributes=subsets),
        ]
    )
    assert (metrics.tokens_used, metrics.cached_input_tokens) == (110, 60)
    assert (metrics.cache_creation_input_tokens, metrics.reasoning_tokens) == (5, 7)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], (0, 0, 0)),
        ([(None, None)], (None, None, 1)),
        ([(None, 98)], (None, 98, 1)),
        ([(0, 0)], (0, 0, 0)),
        ([(5, 1), (None, None)], (5, 1, 1)),
        ([(-5, 1.5), (True, "7")], (None, None, 2)),
    ],
)
def test_12_unknown_is_none_and_a_sum_is_that_of_the_known_parts(tokens: list[Any], expected: Any) -> None:
    metrics = fold([root(0, 9), *(chat(f"c{n}", n, n + 1, tokens=pair) for n, pair in enumerate(tokens))])
    assert (metrics.input_tokens, metrics.output_tokens, metrics.unmeasured_api_calls) == expected


def test_13_the_cost_is_known_when_every_answered_call_has_a_price() -> None:
    priced = [chat("c1", 0, 1, cost=0.1), chat("c2", 1, 2, cost=0.2), chat("c3", 2, 3, error="ValueError")]
    metrics = fold(priced)
    assert (metrics.cost_usd, metrics.cost_usd_known, metrics.unpriced_api_calls) == (Decimal("0.3"), Decimal("0.3"), 0)
    partly = fold([*priced, chat("c4", 3, 4)])
    assert (partly.cost_usd, partly.cost_usd_known, partly.unpriced_api_calls) == (None, Decimal("0.3"), 1)
    assert fold([chat("c1", 0, 1, error="ValueError")]).cost_usd is None


def test_14_time_is_clipped_to_the_root_and_an_end_before_its_start_is_the_start() -> None:
    metrics = fold(
        [root(100, 200), chat("c1", 50, 120), tool("t1", 110, 130), tool("t2", 190, 300), chat("c2", 150, 90)]
    )
    assert (metrics.llm_ns, metrics.tool_ns, metrics.other_ns, metrics.parallel_ns) == (20, 20, 60, 10)
    assert fold([root(200, 100), chat("c1", 50, 120)]).duration_seconds() == 0.0


def test_16_without_a_root_a_run_is_running() -> None:
    metrics = fold(COMPLETE[:-1])
    assert (metrics.start_time_unix_ns, metrics.duration_ns, metrics.llm_ns) == (0, 90, 50)
    assert (metrics.status, metrics.stop_reason, metrics.end_time, metrics.complete) == ("running", None, None, False)
    assert metrics.tasks_total == 0
    failed = fold([COMPLETE[-1]._replace(error_type="ValueError")])
    assert (failed.error_type, failed.tasks_completed, failed.tasks_total) == ("ValueError", 1, 2)


def test_16_of_two_roots_that_started_together_the_same_one_counts_in_any_order() -> None:
    one, other = root(0, 100), root(0, 50)._replace(trace_id="a" * 32)
    assert fold([one, other]) == fold([other, one])
    assert fold([one, other]).trace_id == "a" * 32


@pytest.mark.parametrize("call", [chat, tool])
def test_16_a_call_that_carries_a_status_is_no_root(call: Callable[..., SpanRecord]) -> None:
    told = call("c1", 10, 20, attributes={names.STATUS: "completed", names.PARENT_RUN_ID: "outer"})
    assert (told.summary, told.parent_run_id) == (None, None)
    metrics = fold([told])
    assert (metrics.status, metrics.api_calls + metrics.tool_calls, metrics.duration_ns) == ("running", 1, 10)


def test_16_without_a_root_an_end_before_its_start_is_the_start_too() -> None:
    assert fold([chat("c1", 10, 20), record("iteration", "i", 30, 0, iteration=1)]).duration_ns == 20
    theirs = [one._replace(run_id=None) for one in (chat("c1", 10, 20), chat("c2", 30, 0))]
    assert fold(theirs).duration_ns == 20


@pytest.mark.parametrize("dropped", [n for n, span in enumerate(COMPLETE[:-1]) if span.operation != names.OP_AGENT][1:])
def test_17_a_run_that_lost_a_counted_span_is_not_complete(dropped: int) -> None:
    kept = [span for n, span in enumerate(COMPLETE) if n != dropped]
    assert fold(kept).complete is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": 2},
        {"api_calls": 4},
        {"tool_calls": 0},
        {"input_tokens": 306},
        {"output_tokens": None},
        {"cost_usd": Decimal("0.33")},
    ],
    ids=str,
)
def test_17_a_root_that_counted_otherwise_is_not_complete(wrong: dict[str, Any]) -> None:
    summary = COMPLETE[-1].summary
    assert summary is not None
    other = COMPLETE[-1]._replace(summary=summary._replace(**wrong))
    assert fold([*COMPLETE[:-1], other]).complete is False


def test_17_a_missing_parent_is_found() -> None:
    without_agent = [span for span in COMPLETE if span.span_id != "a1"]
    (run,) = runs_in(without_agent)
    assert (run.metrics.complete, run.missing_parents, run.metrics.tokens_used) == (False, ("a1",), 340)


def test_17_a_parent_is_looked_for_in_the_same_trace() -> None:
    lost, beside = chat("c1", 0, 1, parent="x"), chat("x", 0, 1, trace_id="a" * 32, parent=None)
    (run,) = runs_in([root(0, 9), lost, beside])
    assert (run.metrics.complete, run.missing_parents) == (False, ("x",))


def test_17_what_a_nested_run_lost_is_missing_in_the_run_around_it() -> None:
    inner = [
        root(10, 20)._replace(span_id="inner", run_id="run-2", parent_run_id=RUN, parent_span_id="t1"),
        chat("c2", 10, 12, parent="gone")._replace(run_id="run-2"),
    ]
    runs = runs_in([root(0, 100), tool("t1", 5, 25), *inner])
    assert [(run.metrics.run_id, run.metrics.complete, run.missing_parents) for run in runs] == [
        (RUN, False, ("gone",)),
        ("run-2", False, ("gone",)),
    ]


def test_17_a_large_cost_is_the_same_as_on_the_root_which_has_it_as_a_float() -> None:
    calls = [chat(f"c{n}", n, n + 1, cost=cost) for n, cost in enumerate((9_000.000_000_000_001, 0.123_456_789_012))]
    assert fold([root(0, 9, api_calls=2, tool_calls=0, iterations=0, cost=9000.123456789013), *calls]).complete is True
    assert fold([root(0, 9, api_calls=2, tool_calls=0, iterations=0, cost=9000.123456799), *calls]).complete is False


def test_17_a_run_tells_how_many_spans_it_has() -> None:
    summary = COMPLETE[-1].summary
    assert summary is not None
    whole = [*COMPLETE[:-1], COMPLETE[-1]._replace(summary=summary._replace(spans=len(COMPLETE)))]
    (run,) = runs_in(whole)
    assert (run.metrics.complete, run.spans, run.expected_spans) == (True, 8, 8)
    # An agent without a call is counted in nothing else.
    (run,) = runs_in([span for span in whole if span.operation != names.OP_PLAN])
    assert (run.metrics.complete, run.spans, run.expected_spans) == (False, 7, 8)


def test_17_a_root_without_counts_leaves_it_open() -> None:
    assert fold([root(0, 1)]).complete is None


spans = st.lists(
    st.builds(
        lambda kind, n, start, length, tokens, error, iteration: (
            chat(f"s{n}", start, start + length, tokens=tokens, error=error, iteration=iteration, phase="execute")
            if kind == "chat"
            else tool(f"s{n}", start, start + length, error=error, iteration=iteration, phase="execute")
        ),
        st.sampled_from(["chat", "tool"]),
        st.integers(0, 10_000),
        st.integers(-50, 150),
        st.integers(-20, 80),
        st.tuples(st.none() | st.integers(0, 99), st.none() | st.integers(0, 99)),
        st.sampled_from([None, "ValueError", CANCELLED_ERROR_TYPE]),
        st.integers(1, 3),
    ),
    max_size=12,
    unique_by=lambda span: span.span_id,
)


@settings(max_examples=80, deadline=None)
@given(spans, st.randoms(use_true_random=False))
def test_any_order_and_any_duplication_give_the_same_numbers(drawn: list[SpanRecord], random: Any) -> None:
    shuffled = [*drawn, root(0, 100), *drawn[:3]]
    random.shuffle(shuffled)
    assert fold(shuffled) == fold([*drawn, root(0, 100)])


@settings(max_examples=80, deadline=None)
@given(spans)
def test_the_totals_are_the_sums_of_the_leaves_and_the_time_adds_up(drawn: list[SpanRecord]) -> None:
    metrics = fold([*drawn, root(0, 100)])
    calls = [span.call for span in drawn if span.call]
    assert metrics.api_calls == len(calls) == sum(row.api_calls for row in metrics.by_iteration)
    assert metrics.tool_calls == len(drawn) - len(calls) == sum(row.tool_calls for row in metrics.by_iteration)
    known = [call.input_tokens for call in calls if call.input_tokens is not None]
    assert metrics.input_tokens == (sum(known) if known or not calls else None)
    assert metrics.llm_ns + metrics.tool_ns + metrics.other_ns == 100
    assert min(metrics.llm_ns, metrics.tool_ns, metrics.other_ns, metrics.parallel_ns) >= 0
    assert PerformanceMetrics.from_dict(json.loads(json.dumps(metrics.to_dict(), allow_nan=False))) == metrics


intervals = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 30)).map(lambda pair: (pair[0], sum(pair))), max_size=8
)


@settings(max_examples=150, deadline=None)
@given(intervals, intervals, intervals)
def test_the_split_of_any_time_is_that_of_its_single_moments(frame: Any, calls: Any, tools: Any) -> None:
    def covers(some: list[tuple[int, int]], moment: int) -> bool:
        return any(start <= moment < end for start, end in some)

    moments = [moment for moment in range(100) if covers(frame, moment)]
    split = time_split(frame, calls, tools)
    assert split.llm_ns == sum(covers(calls, moment) for moment in moments)
    assert split.tool_ns == sum(covers(tools, moment) and not covers(calls, moment) for moment in moments)
    assert split.other_ns == len(moments) - split.llm_ns - split.tool_ns
    assert sum(end - start for start, end in union(frame)) == len(moments)


@pytest.mark.parametrize(
    ("call", "llm_ns"), [((2, 5), 3), ((-5, 2), 2), ((8, 15), 2), ((-5, 15), 10), ((20, 30), 0), ((-5, 0), 0)]
)
def test_the_time_of_a_single_call_is_clipped_too(call: tuple[int, int], llm_ns: int) -> None:
    assert time_split([(0, 10)], [call], []) == (llm_ns, 0, 10 - llm_ns, 0)
    assert time_split([(0, 10), (10, 10)], [call], []) == (llm_ns, 0, 10 - llm_ns, 0)


def test_a_fresh_run_has_counted_nothing() -> None:
    fresh = PerformanceMetrics(goal="What is 5 + 3?")
    assert fresh.duration_seconds() == 0.0
    counted = fresh.to_dict()
    assert [counted[key] for key in ("goal", "status", "api_calls", "tokens_used", "tool_calls", "iterations")] == [
        "What is 5 + 3?", "running", 0, 0, 0, 0,
    ]  # fmt: skip
    assert [counted[key] for key in ("run_id", "trace_id", "cost_usd", "stop_reason", "complete")] == [None] * 5
    assert (fresh.start_time, fresh.end_time, fresh.llm_seconds, fresh.tool_seconds, fresh.other_seconds) == (
        None, None, 0.0, 0.0, 0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "expected a mapping of fields, got []"),
        ({"cost_usd": "much"}, "cost_usd must be a finite number of 0 or more, got 'much'"),
        ({"cost_usd_known": -1}, "cost_usd_known must be a finite number of 0 or more, got -1"),
        ({"cost_usd": float("nan")}, "cost_usd must be a finite number of 0 or more, got nan"),
        ({"cost_usd_known": None}, "cost_usd_known must be a finite number of 0 or more, got None"),
        ({"api_calls": "many"}, "api_calls must be a whole number of 0 or more, got 'many'"),
        ({"api_calls": None}, "api_calls must be a whole number of 0 or more, got None"),
        ({"input_tokens": -1}, "input_tokens must be a whole number of 0 or more, got -1"),
        ({"llm_ns": 1.5}, "llm_ns must be a whole number of 0 or more, got 1.5"),
        ({"tool_calls": True}, "tool_calls must be a whole number of 0 or more, got True"),
        ({"status": 3}, "status must be text, got 3"),
        ({"complete": "yes"}, "complete must be true, false or null, got 'yes'"),
        ({"models": "gpt"}, "models must be a list, got 'gpt'"),
        ({"models": [1]}, "models must be text, got 1"),
        ({"by_iteration": 3}, "by_iteration must be a list, got 3"),
        ({"by_iteration": [None]}, "expected a mapping of fields, got None"),
        ({"by_phase": [{"phase": "plan", "cost_usd": []}]}, "cost_usd must be a finite number of 0 or more, got []"),
        ({"by_phase": [{}]}, "missing 1 required keyword-only argument: 'phase'"),
    ],
)
def test_what_are_no_metrics_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^not metrics: .*{re.escape(message)}$"):
        PerformanceMetrics.from_dict(data)


def test_a_time_beyond_the_calendar_is_unknown() -> None:
    metrics = PerformanceMetrics(start_time_unix_ns=10**30, end_time_unix_ns=10**30)
    assert (metrics.start_time, metrics.end_time) == (None, None)


def test_times_are_in_utc() -> None:
    metrics = PerformanceMetrics(start_time_unix_ns=1_700_000_000_123_456_789)
    assert metrics.start_time is not None
    assert metrics.start_time.isoformat() == "2023-11-14T22:13:20.123456+00:00"


@pytest.mark.parametrize("value", [True, -1, 1.0, "1", None, float("nan")])
def test_only_a_non_negative_integer_is_a_count(value: object) -> None:
    assert as_count(value) is None


@pytest.mark.parametrize("value", [True, -1, "1", None, float("nan"), float("inf")])
def test_only_a_finite_non_negative_number_is_a_price(value: object) -> None:
    assert as_cost_usd(value) is None


def test_a_failed_span_that_names_no_error_failed_all_the_same() -> None:
    failed = tool("t", 0, 1, error="x")
    unnamed = SpanRecord.of(
        trace_id=None, span_id="t", parent_span_id=None, start_ns=0, end_ns=1, name="execute_tool t",
        attributes={names.OPERATION_NAME: names.OP_TOOL, names.RUN_ID: RUN}, failed=True,
    )  # fmt: skip
    assert (failed.error_type, unnamed.error_type) == ("x", "_OTHER")


@pytest.mark.parametrize("context", [Context(prec=3), Context(rounding=ROUND_UP), Context(traps=[Inexact])], ids=str)
def test_13_the_applications_own_way_with_decimals_changes_no_price_and_no_sum(context: Context) -> None:
    costs = (0.1 + 0.2, 0.123456789, 1234.5)
    spans = [chat(f"c{n}", n, n + 1, cost=cost) for n, cost in enumerate(costs)]
    usual = fold(spans)
    with localcontext(context):
        unusual = fold([chat(f"c{n}", n, n + 1, cost=cost) for n, cost in enumerate(costs)])
    assert unusual == usual
    assert usual.cost_usd == Decimal("1234.923456789")


def test_16_of_two_roots_the_earlier_one_counts_in_any_order() -> None:
    first, second = root(0, 10, api_calls=0), root(5, 9)._replace(span_id="root2")
    assert fold([first, second]) == fold([second, first])
    assert fold([second, first]).end_time_unix_ns == 10


def test_16_without_a_root_the_trace_does_not_depend_on_the_order() -> None:
    a, b = chat("c1", 0, 1, trace_id="a" * 32), chat("c2", 1, 2, trace_id="b" * 32)
    assert fold([a, b]) == fold([b, a])
