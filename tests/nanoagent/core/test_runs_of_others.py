"""Runs of others: which spans make one, and what of them counts."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoagent.core.records import CANCELLED_ERROR_TYPE, SpanRecord
from nanoagent.core.runs import CountedRun, runs_in
from nanoagent.tracing import names
from tests.span_records import RUN, root
from tests.span_records import chat as our_chat

TRACE = "f" * 32
AGENT, WORKFLOW, TOOL, CHAT = names.OP_AGENT, names.OP_WORKFLOW, names.OP_TOOL, names.OP_CHAT


def span(
    span_id: str,
    parent: str | None,
    operation: str | None = None,
    *,
    time: tuple[int, int] = (0, 100),
    error: str | None = None,
    trace_id: str = TRACE,
    **attributes: Any,
) -> SpanRecord:
    """A span of others; `tokens` are its input and output tokens."""
    given: dict[str, Any] = {} if operation is None else {names.OPERATION_NAME: operation}
    if "tokens" in attributes:
        given[names.INPUT_TOKENS], given[names.OUTPUT_TOKENS] = attributes.pop("tokens")
    given |= {key.replace("__", "."): value for key, value in attributes.items()}
    if error is not None:
        given[names.ERROR_TYPE] = error
    return SpanRecord.of(trace_id, span_id, parent, *time, operation or "http", given, error is not None)


def numbers(run: CountedRun) -> tuple[int, int | None, int]:
    return run.metrics.api_calls, run.metrics.tokens_used, run.metrics.tool_calls


def test_8_the_outermost_agent_is_the_run_and_has_no_iterations_tasks_or_stop_reason() -> None:
    (run,) = runs_in(
        [
            span("http", None, time=(0, 900)),
            span("flow", "http", WORKFLOW, time=(10, 110), tokens=(999, 9)),
            span("agent", "flow", AGENT, time=(10, 100), tokens=(999, 9)),
            span("c1", "agent", CHAT, time=(10, 30), tokens=(7, 3)),
            span("t1", "agent", TOOL, time=(30, 60)),
            span("inner", "t1", AGENT, time=(35, 55), tokens=(999, 9)),
            span("c2", "inner", CHAT, time=(40, 50), tokens=(20, 5)),
        ]
    )
    metrics = run.metrics
    assert (metrics.run_id, metrics.trace_id, metrics.status) == ("flow", TRACE, "completed")
    assert (metrics.iterations, metrics.tasks_total, metrics.stop_reason, metrics.complete) == (None, None, None, None)
    assert (metrics.api_calls, metrics.input_tokens, metrics.output_tokens, metrics.tool_calls) == (2, 27, 8, 1)
    assert (metrics.llm_ns, metrics.tool_ns, metrics.other_ns) == (30, 20, 50)
    assert (run.spans, metrics.by_phase, metrics.by_iteration, metrics.remote_usage) == (6, (), (), 0)


def test_8_two_agents_beside_each_other_are_two_runs_and_calls_beside_them_are_of_the_root() -> None:
    runs = runs_in(
        [
            span("http", None, time=(0, 90)),
            span("a", "http", AGENT, time=(10, 20)),
            span("ca", "a", CHAT, tokens=(1, 0), time=(10, 20)),
            span("b", "http", AGENT, time=(30, 40), error="ValueError"),
            span("cb", "b", CHAT, tokens=(2, 0), time=(30, 40)),
            span("c", "http", CHAT, tokens=(4, 0), time=(50, 60)),
        ]
    )
    assert [(run.metrics.run_id, run.metrics.status, *numbers(run)) for run in runs] == [
        ("http", "completed", 1, 4, 0),
        ("a", "completed", 1, 1, 0),
        ("b", "failed", 1, 2, 0),
    ]


def test_8_a_call_alone_is_a_run_and_a_trace_in_which_nothing_counts_is_none() -> None:
    (run,) = runs_in([span("c", None, CHAT, tokens=(5, 1), error=CANCELLED_ERROR_TYPE)])
    assert (run.metrics.run_id, run.metrics.status, *numbers(run)) == ("c", "cancelled", 1, 6, 0)
    assert (run.metrics.cancelled_api_calls, run.metrics.llm_ns, run.metrics.iterations) == (1, 100, None)
    assert runs_in([span("http", None), span("query", "http")]) == []


def test_8_a_run_of_ours_inside_an_agent_of_others_counts_on_its_own() -> None:
    ours = [
        root(20, 80, api_calls=1)._replace(trace_id=TRACE, parent_span_id="tool"),
        our_chat("ours", 30, 40, tokens=(50, 5), trace_id=TRACE),
    ]
    frame = [span("agent", None, AGENT, tokens=(55, 5)), span("tool", "agent", TOOL)]
    runs = {run.metrics.run_id: run for run in runs_in([*frame, span("c", "agent", CHAT, tokens=(3, 0)), *ours])}
    assert {run_id: numbers(run) for run_id, run in runs.items()} == {"agent": (1, 3, 1), RUN: (1, 55, 0)}
    assert runs["agent"].metrics.remote_usage == 0
    # An agent that is nothing but the frame of our run is no run: it would be listed beside itself.
    assert [run.metrics.run_id for run in runs_in([frame[0], ours[0]._replace(parent_span_id="agent"), ours[1]])] == [
        RUN
    ]


@pytest.mark.parametrize("between", [(), ("http",), (AGENT,), (TOOL, AGENT), ("http",) * 40])
def test_9_of_nested_calls_the_outermost_counts_whatever_lies_between(between: tuple[str, ...]) -> None:
    way = ["agent", "outer", *(f"b{n}" for n in range(len(between))), "inner"]
    spans = [span("agent", None, AGENT), span("outer", "agent", CHAT, tokens=(10, 2))]
    spans += [
        span(way[n + 2], way[n + 1], None if operation == "http" else operation) for n, operation in enumerate(between)
    ]
    spans.append(span("inner", way[-2], "generate_content", tokens=(10, 2)))
    (run,) = runs_in(spans)
    assert numbers(run)[:2] == (1, 12)


def test_9_an_agent_inside_a_call_starts_no_run_and_its_usage_is_the_calls() -> None:
    spans = [
        span("c", None, CHAT, tokens=(10, 2)),
        span("tool", "c", TOOL),
        span("agent", "tool", AGENT, tokens=(7, 1)),
    ]
    (run,) = runs_in(spans)
    assert (run.metrics.run_id, *numbers(run), run.metrics.remote_usage) == ("c", 1, 12, 1, 0)
    (run,) = runs_in([*spans, span("inner", "agent", CHAT, tokens=(7, 1))])
    assert (run.metrics.run_id, *numbers(run)) == ("c", 1, 12, 1)


def test_9_a_tool_inside_the_call_that_asked_for_it_calls_anew() -> None:
    spans = [
        span("agent", None, ai__operationId="ai.generateText"),
        span("c", "agent", ai__operationId="ai.generateText.doGenerate", tokens=(10, 2)),
        span("provider", "c", CHAT, tokens=(10, 2)),
        span("tool", "c", ai__operationId="ai.toolCall"),
        span("inner", "tool", ai__operationId="ai.generateText", tokens=(7, 1)),
        span("ci", "inner", ai__operationId="ai.generateText.doGenerate", tokens=(7, 1)),
        span("provider2", "ci", CHAT, tokens=(7, 1)),
    ]
    (run,) = runs_in(spans)
    assert (run.metrics.run_id, *numbers(run), run.metrics.remote_usage) == ("agent", 2, 20, 1, 0)


def test_9_failed_attempts_are_calls_of_their_own() -> None:
    attempt: Any = {"pydantic_ai__model_request__attempt": 0, "error": "ModelHTTPError"}
    answered = [
        span("agent", None, AGENT),
        span("c", "agent", CHAT, tokens=(10, 2)),
        span("try", "c", **attempt),
        span("provider", "try", CHAT, error="HTTPError"),
        span("again", "try", **attempt),
    ]
    (run,) = runs_in(answered)
    assert (*numbers(run), run.metrics.failed_api_calls) == (2, 12, 0, 1)


@pytest.mark.parametrize("error", [None, "pydantic_ai.exceptions.FallbackExceptionGroup"], ids=["streamed", "whole"])
def test_9_a_call_whose_every_attempt_failed_is_its_attempts(error: str | None) -> None:
    attempt: Any = {"pydantic_ai__model_request__attempt": 0, "error": "ModelHTTPError"}
    call: Any = {"gen_ai__request__model": "fallback:a,b"}
    spans = [
        span("agent", None, AGENT),
        span("c", "agent", CHAT, error=error, **call),
        span("try1", "c", **attempt),
        span("try2", "c", **attempt),
    ]
    (run,) = runs_in(spans)
    assert (*numbers(run), run.metrics.failed_api_calls) == (2, None, 0, 2)
    (run,) = runs_in(spans[:2])
    assert run.metrics.api_calls == 1
    # One that was cancelled in its second attempt is a call beside the first.
    (run,) = runs_in([*spans[:1], span("c", "agent", CHAT, error=CANCELLED_ERROR_TYPE, **call), spans[2]])
    assert (run.metrics.api_calls, run.metrics.failed_api_calls, run.metrics.cancelled_api_calls) == (2, 1, 1)


def test_9_an_attempt_whose_answer_was_rejected_is_an_answered_call() -> None:
    rejected: Any = {"pydantic_ai__model_request__attempt": 0, "gen_ai__response__model": "a", "tokens": (20, 3)}
    spans = [
        span("agent", None, AGENT),
        span("c", "agent", CHAT, tokens=(10, 2)),
        span("try", "c", error="_OTHER", **rejected),
    ]
    (run,) = runs_in(spans)
    assert (*numbers(run), run.metrics.failed_api_calls, run.metrics.unpriced_api_calls) == (2, 35, 0, 0, 2)


def test_9_what_a_stream_used_belongs_to_the_call_beside_it() -> None:
    log: Any = {"logfire__span_type": "log"}
    spans = [
        span("agent", None, AGENT),
        span("silent", "agent", CHAT, time=(10, 20)),
        span("other", "agent", CHAT, time=(12, 22), tokens=(1, 1)),
        span("failed", "agent", CHAT, time=(12, 23), error="ValueError"),
        span("late", "agent", CHAT, time=(60, 70)),
        span("log", "agent", CHAT, time=(50, 50), tokens=(40, 4), **log),
    ]
    (run,) = runs_in(spans)
    metrics = run.metrics
    assert (*numbers(run), metrics.unmeasured_api_calls, metrics.failed_api_calls) == (4, 46, 0, 1, 1)
    assert metrics.llm_ns == 50
    (run,) = runs_in([spans[0], spans[-1]])
    assert numbers(run) == (1, 44, 0)
    silent = [span(f"s{n}", "agent", CHAT, time=(n, 10 * n)) for n in (3, 1, 2)]
    (run,) = runs_in([spans[0], *silent, spans[-1], spans[-1]._replace(span_id="log2", start_ns=55, end_ns=55)])
    assert (*numbers(run), run.metrics.unmeasured_api_calls, run.metrics.llm_ns) == (3, 88, 0, 1, 54)
    apart = [span("early", "agent", CHAT, time=(1, 10)), span("late", "agent", CHAT, time=(25, 30))]
    (run,) = runs_in([spans[0], *apart, spans[-1]])
    assert (*numbers(run), run.metrics.llm_ns) == (2, 44, 0, 34)
    # Inside a run of ours, neither is a second call.
    inside = [one._replace(parent_span_id="root", trace_id="t" * 32) for one in (spans[1], spans[-1])]
    (run,) = runs_in([root(0, 99), *inside])
    assert (run.metrics.untracked_api_calls, run.metrics.untracked_tokens) == (1, 44)


def test_10_what_an_agent_used_counts_apart_where_no_call_lies_below_it() -> None:
    spans = [
        span("flow", None, WORKFLOW),
        span("local", "flow", AGENT, tokens=(900, 9)),
        span("c", "local", CHAT, tokens=(10, 1)),
        span("remote", "local", AGENT, tokens=(500, 60)),
        span("its", "remote", AGENT, tokens=(300, 30)),
        span("unknown", "flow", AGENT),
        span("inner", "unknown", AGENT, gen_ai__aggregated_usage__input_tokens=40),
    ]
    (run,) = runs_in(spans)
    assert (*numbers(run), run.metrics.remote_usage) == (1, 11, 0, 600)


def test_11_what_lost_its_parent_belongs_to_the_root_of_its_trace() -> None:
    spans = [
        span("agent", None, AGENT),
        span("tool", "agent", TOOL),
        span("worker", "tool", AGENT),
        span("c1", "worker", CHAT, tokens=(10, 1)),
        span("c2", "agent", CHAT, tokens=(20, 2)),
    ]
    (whole,) = runs_in(spans)
    assert (whole.metrics.complete, whole.missing_parents) == (None, ())
    (run,) = runs_in([one for one in spans if one.span_id != "tool"])
    assert (*numbers(run), run.metrics.complete, run.missing_parents) == (2, 33, 0, False, ("tool",))
    (run,) = runs_in([one for one in spans if one.span_id != "worker"])
    assert (*numbers(run), run.metrics.complete, run.missing_parents) == (2, 33, 1, False, ("worker",))


def test_11_the_loss_shows_on_the_run_that_has_it() -> None:
    runs = runs_in(
        [
            span("http", None, time=(0, 90)),
            span("second", None, time=(1, 90)),
            span("whole", "http", AGENT, time=(10, 20)),
            span("c1", "whole", CHAT, tokens=(1, 0), time=(10, 20)),
            span("cut off", "gone", AGENT, time=(30, 40)),
            span("c2", "cut off", CHAT, tokens=(2, 0), time=(30, 40)),
            span("c3", "lost", CHAT, tokens=(4, 0), time=(50, 60)),
        ]
    )
    assert [(run.metrics.run_id, run.metrics.complete, run.missing_parents, *numbers(run)) for run in runs] == [
        ("http", False, ("lost",), 1, 4, 0),
        ("whole", None, (), 1, 1, 0),
        ("cut off", False, ("gone",), 1, 2, 0),
    ]


def test_11_without_a_root_a_run_is_running_and_an_agent_may_have_its_parent_elsewhere() -> None:
    rest, agent = runs_in(
        [
            span("c1", "gone", CHAT, time=(10, 30), tokens=(10, 1)),
            span("c2", "gone", CHAT, time=(20, 50), tokens=(20, 2)),
            span("worker", "gone2", AGENT, time=(60, 70)),
            span("c3", "worker", CHAT, time=(60, 70), tokens=(40, 4)),
        ]
    )
    assert (rest.metrics.run_id, rest.metrics.status, rest.metrics.complete) == ("gone", "running", False)
    assert (*numbers(rest), rest.missing_parents, rest.metrics.duration_seconds()) == (2, 33, 0, ("gone",), 40e-9)
    assert (agent.metrics.run_id, agent.metrics.status, agent.metrics.complete) == ("worker", "completed", None)


def test_parents_that_go_in_a_circle_lose_nothing() -> None:
    spans = [
        span("a", "c", AGENT, time=(0, 9)),
        span("b", "a", CHAT, time=(1, 9), tokens=(1, 1)),
        span("c", "b", TOOL, time=(2, 9)),
        span("self", "self", CHAT, time=(3, 9), tokens=(4, 4)),
        span("below", "self", TOOL, time=(4, 9)),
    ]
    runs = runs_in(spans)
    assert [(run.metrics.run_id, *numbers(run)) for run in runs] == [("a", 1, 2, 1), ("c", 1, 8, 1)]
    assert runs_in(reversed(spans)) == runs
    ours = [our_chat("c1", 0, 1, tokens=(1, 1), parent="c2"), our_chat("c2", 0, 1, tokens=(2, 2), parent="c1")]
    (run,) = runs_in([*ours, span("theirs", "c1", CHAT, tokens=(3, 0), trace_id="t" * 32)])
    assert (*numbers(run), run.metrics.untracked_tokens) == (2, 6, 0, 3)


def test_runs_that_are_nested_in_each_other_count_each_span_once() -> None:
    spans = []
    for own, other in (("a", "b"), ("b", "a")):
        mine = [root(0, 9), our_chat("c" + own, 0, 1, tokens=(1, 1), parent="root" + own)]
        spans += [mine[0]._replace(span_id="root" + own, run_id=own, parent_run_id=other), mine[1]._replace(run_id=own)]
    assert [(run.metrics.run_id, *numbers(run)) for run in runs_in(spans)] == [("a", 2, 4, 0), ("b", 2, 4, 0)]


def test_five_thousand_levels_are_counted() -> None:
    deep = 5_000
    ours = [our_chat(str(n), n, n + 1, tokens=(1, 1), parent=str(n - 1)) for n in range(1, deep)]
    theirs = [
        span(str(n), str(n - 1) if n else None, (AGENT, None, TOOL)[n % 3], trace_id="e" * 32) for n in range(deep)
    ]
    theirs.append(span("c", str(deep - 1), CHAT, tokens=(7, 0), trace_id="e" * 32))
    foreign, run = runs_in([root(0, deep), *ours, *theirs])
    assert numbers(foreign) == (1, 7, 1_666)
    assert numbers(run) == (deep - 1, 2 * (deep - 1), 0)
    nested = [
        root(n, n + 1)._replace(span_id=f"r{n}", run_id=f"run-{n}", parent_run_id=f"run-{n - 1}" if n else None)
        for n in range(300)
    ]
    assert len(runs_in(nested)) == 300


def test_a_run_in_several_traces_is_one_and_several_in_one_trace_are_several() -> None:
    elsewhere = our_chat("c2", 2, 3, tokens=(2, 2), trace_id="a" * 32, parent=None)
    other = our_chat("c3", 4, 5, tokens=(4, 4))._replace(run_id="run-2")
    runs = runs_in([root(0, 9), our_chat("c1", 1, 2, tokens=(1, 1)), elsewhere, other])
    assert [(run.metrics.run_id, *numbers(run)) for run in runs] == [(RUN, 2, 6, 0), ("run-2", 1, 8, 0)]


def test_2_a_tool_that_was_deferred_or_is_the_producers_own_is_no_tool_call() -> None:
    spans = [
        span("a", None, AGENT),
        span("t0", "a", TOOL, pydantic_ai__tool__deferral__name="CallDeferred"),
        span("t1", "a", TOOL, error="pydantic_ai.exceptions.CallDeferred"),
        span("t2", "a", TOOL, error="ValueError"),
        span("t3", "a", TOOL, gen_ai__tool__name="(merged tools)"),
        span("t4", "a", TOOL, tool__name="final_answer"),
        span("t5", "a", openinference__span__kind="TOOL"),
    ]
    (run,) = runs_in([*spans, span("t6", "a", openinference__span__kind="TOOL", tool__name="add")])
    assert (run.metrics.tool_calls, run.metrics.failed_tool_calls) == (2, 1)


@pytest.mark.parametrize("bad", [None, -1, 1.0, "12", "NaN", True, 10**9, 2**63, (1, 2), {"a": 1}])
def test_12_a_bad_token_count_is_unknown(bad: Any) -> None:
    spans = [span("a", None, AGENT), span("c", "a", CHAT, tokens=(bad, 2)), span("d", "a", CHAT, tokens=(10, 2))]
    (run,) = runs_in(spans)
    metrics = run.metrics
    assert (metrics.api_calls, metrics.input_tokens, metrics.output_tokens) == (2, 10, 4)
    assert metrics.unmeasured_api_calls == 1


@st.composite
def trees(draw: st.DrawFn) -> list[SpanRecord]:
    """One trace of an agent's: calls are leaves, and whatever lies above them repeats what they used."""
    size = draw(st.integers(1, 40))
    operations = [AGENT] + [draw(st.sampled_from([AGENT, WORKFLOW, TOOL, None, CHAT])) for _ in range(size)]
    parents = [None] + [
        draw(st.sampled_from([m for m in range(n) if operations[m] != CHAT])) for n in range(1, size + 1)
    ]
    spans = []
    for n, operation in enumerate(operations):
        start = draw(st.integers(0, 50))
        tokens = (draw(st.integers(0, 1000)), draw(st.integers(0, 1000)))
        parent = None if parents[n] is None else f"s{parents[n]}"
        time = (start, start + draw(st.integers(0, 50)))
        spans.append(span(f"s{n}", parent, operation, time=time, tokens=tokens))
    return spans


@settings(max_examples=150, deadline=None)
@given(trees(), st.randoms(use_true_random=False))
def test_the_totals_of_any_tree_are_the_sums_of_its_leaves(spans: list[SpanRecord], shuffle: random.Random) -> None:
    runs = runs_in(spans)
    leaves = [one.call for one in spans if one.call is not None]
    (run,) = runs
    assert run.metrics.api_calls == len(leaves)
    assert run.metrics.tokens_used == sum(call.tokens for call in leaves)
    assert run.metrics.tool_calls == sum(one.operation == TOOL for one in spans)
    assert run.metrics.duration_ns == spans[0].end_ns - spans[0].start_ns
    assert run.spans == len(spans)
    shuffled = [*spans, *shuffle.sample(spans, shuffle.randint(0, len(spans)))]
    shuffle.shuffle(shuffled)
    assert runs_in(shuffled) == runs


@settings(max_examples=150, deadline=None)
@given(trees(), st.data())
def test_no_call_is_lost_with_another_span_and_the_loss_shows(spans: list[SpanRecord], data: st.DataObject) -> None:
    dropped = data.draw(st.sampled_from(spans[1:] or spans))
    kept = [one for one in spans if one is not dropped]
    runs = runs_in(kept)
    assert sum(run.metrics.api_calls for run in runs) == sum(one.call is not None for one in kept)
    has_children = any(one.parent_span_id == dropped.span_id for one in kept)
    if dropped is not spans[0] and has_children:
        assert [(run.metrics.complete, run.missing_parents) for run in runs] == [(False, (dropped.span_id,))]
