"""What is kept is what would have arrived with everything sampled: the same spans, and the same numbers in a file."""

import threading
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from instrumentation.delivery.destination import Destination
from instrumentation.delivery.destinations import destinations_of
from instrumentation.keeping.policy import Keep
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.sampling import RecordingSampler
from nanoagent import Orchestrator, PerformanceMetrics, traced_run
from nanoagent.tracing import names
from tests.instrumentation.keeping.programs import (
    PROGRAMS,
    Case,
    Others,
    at_once,
    fails,
    orchestrator,
    succeeds,
    with_spans_around,
    with_spans_of_others,
)
from tests.instrumentation.keeping.sides import Keeping, all_sampled, in_order

UNWANTED = Keep(cost_above_usd=1_000)
every_program = pytest.mark.parametrize("case", PROGRAMS.values(), ids=PROGRAMS)


# -- the same spans ----------------------------------------------------------------------------------------------------


@every_program
async def test_a_run_that_is_kept_arrives_as_with_everything_sampled(case: Case) -> None:
    provider, everything = all_sampled()
    await case.program(provider)
    keeping = Keeping(case.keep)
    await case.program(keeping.provider)
    assert keeping.arrived == in_order(everything.spans)
    assert {span.context.trace_flags for span in keeping.arrivals.spans if span.context} == {TraceFlags.SAMPLED}
    assert keeping.arrivals.sampled_out == []
    assert (keeping.processor.held_spans, keeping.processor.held_bytes, keeping.processor.given_up_runs) == (0, 0, 0)


@every_program
async def test_a_run_that_is_not_kept_is_sampled_out_as_it_is(case: Case) -> None:
    keeping = Keeping(UNWANTED)
    await case.program(keeping.provider)
    assert keeping.arrived == []
    assert sorted(map(id, keeping.arrivals.sampled_out)) == sorted(map(id, keeping.everything.spans))
    assert (keeping.processor.held_spans, keeping.processor.held_bytes, keeping.processor.given_up_runs) == (0, 0, 0)


async def test_a_finished_span_is_not_changed_when_a_copy_of_it_is_sampled() -> None:
    keeping = Keeping(Keep(failed=True))
    await with_spans_of_others(keeping.provider)
    assert len(keeping.arrivals.spans) == len(keeping.everything.spans)
    assert {bool(span.context.trace_flags.sampled) for span in keeping.everything.spans if span.context} == {False}


def test_a_copy_says_all_that_the_span_says() -> None:
    keeping = Keeping(Keep(failed=True))
    random, state = TraceFlags(TraceFlags.RANDOM_TRACE_ID), TraceState([("vendor", "value")])
    caller = SpanContext(1, 2, is_remote=True, trace_flags=random, trace_state=state)
    with (
        trace.use_span(NonRecordingSpan(caller)),
        traced_run("agent", tracer_provider=keeping.provider) as run,
    ):
        other = keeping.provider.get_tracer("others").start_span("other")
        other.set_attributes({f"key-{number}": number for number in range(200)})
        for number in range(200):
            other.add_event(f"event-{number}")
        other.end()
        run.fail("ValueError")
    copy, own = keeping.arrivals.spans[0], keeping.everything.spans[0]
    assert (copy.dropped_attributes, copy.dropped_events, copy.dropped_links) == (72, 72, 0)
    assert (copy.resource, copy.instrumentation_scope) == (own.resource, own.instrumentation_scope)
    assert own.context is not None
    flags = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)
    assert copy.context == copy.get_span_context() == SpanContext(1, own.context.span_id, False, flags, state)


# -- among others ------------------------------------------------------------------------------------------------------


def run_ids(keeping: Keeping) -> set[Any]:
    return {row["attributes"].get(names.RUN_ID) for row in keeping.arrived}


def of_runs(keeping: Keeping, *wanted: str) -> list[dict[str, Any]]:
    """The spans of these runs, as they ended."""
    return [row for row in in_order(keeping.everything.spans) if row["attributes"].get(names.RUN_ID) in wanted]


async def test_of_several_runs_in_one_trace_the_one_that_failed_is_kept_with_what_is_around_it() -> None:
    keeping = Keeping(Keep(failed=True))
    others = Others(keeping.provider)
    with others("POST /batch"):
        await orchestrator(keeping.provider, succeeds(), run_id="before").run()
        with others("item"):
            pass
        with others("item that fails"):
            await orchestrator(keeping.provider, fails(), run_id="kept").run()
        with others("item after it"):
            await orchestrator(keeping.provider, succeeds(), run_id="after").run()
    assert [row["name"] for row in keeping.arrived][-2:] == ["item that fails", "POST /batch"]
    assert keeping.arrived[:-2] == of_runs(keeping, "kept")
    assert keeping.account_is_true


async def test_what_a_run_that_is_not_kept_left_behind_is_not_kept_with_another_run_of_its_trace() -> None:
    keeping = Keeping(Keep(failed=True))
    others = Others(keeping.provider)
    left: list[trace.Span] = []

    def leave() -> str:
        """Start something."""
        left.append(others.start("left behind"))
        return "8"

    with others("POST /batch"):
        await orchestrator(keeping.provider, succeeds("leave"), tools={"leave": leave}, run_id="not kept").run()
        await orchestrator(keeping.provider, fails(), run_id="kept").run()
        others.end(left[0])
    assert keeping.arrived[:-1] == of_runs(keeping, "kept")
    assert keeping.arrived[-1]["name"] == "POST /batch"


async def test_runs_at_once_in_tasks_are_told_apart() -> None:
    keeping = Keeping(Keep(failed=True))
    made = {
        f"run-{number}": orchestrator(keeping.provider, succeeds() if number % 3 else fails(), run_id=f"run-{number}")
        for number in range(30)
    }
    async with at_once(*(one.run() for one in made.values())):
        pass
    failed = [run_id for run_id, one in made.items() if one.metrics.status == "failed"]
    assert len(failed) == 10
    assert run_ids(keeping) == set(failed)
    for run_id in failed:
        arrived = [row for row in keeping.arrived if row["attributes"][names.RUN_ID] == run_id]
        assert arrived == of_runs(keeping, run_id)
    assert keeping.account_is_true


def test_runs_at_once_in_threads_are_told_apart() -> None:
    keeping = Keeping(Keep(failed=True), counting_ids=False)
    numbers = count()

    def work() -> None:
        for number in (next(numbers) for _ in range(40)):
            with traced_run("agent", run_id=f"run-{number}", tracer_provider=keeping.provider) as run:
                for _ in range(5):
                    keeping.provider.get_tracer("others").start_span("other").end()
                if number % 2:
                    run.fail("ValueError")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = {f"run-{number}" for number in range(160) if number % 2}
    assert run_ids(keeping) - {None} == failed
    traces = Counter(row["trace_id"] for row in keeping.arrived)
    assert set(traces.values()) == {6}
    assert len(traces) == len(failed)
    assert sorted(row["span_id"] for row in keeping.arrived) == sorted(
        row["span_id"] for row in in_order(keeping.everything.spans) if row["trace_id"] in traces
    )
    assert (keeping.processor.held_spans, keeping.processor.held_bytes) == (0, 0)
    assert keeping.account_is_true


async def test_threads_of_one_run_that_end_spans_while_it_ends_lose_none() -> None:
    keeping = Keeping(Keep(failed=True), counting_ids=False)
    tracer = keeping.provider.get_tracer("others")
    for _ in range(30):
        with traced_run("agent", tracer_provider=keeping.provider) as run:
            spans = [tracer.start_span("other") for _ in range(50)]
            run.fail("ValueError")
            thread = threading.Thread(target=lambda: [span.end() for span in spans])  # noqa: B023 - joined below
            thread.start()
        thread.join()
    assert len(keeping.arrivals.spans) == len(keeping.everything.spans) == 30 * 51
    assert keeping.processor.held_spans == 0


# -- what is sampled, or of no run -------------------------------------------------------------------------------------


async def test_what_a_remote_caller_has_sampled_arrives_at_once() -> None:
    keeping = Keeping(UNWANTED)
    caller = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    seen: list[int] = []

    def count_them() -> str:
        """Count what has arrived."""
        seen.append(len(keeping.arrivals.spans))
        return "8"

    with trace.use_span(NonRecordingSpan(caller)):
        await orchestrator(keeping.provider, succeeds("count"), tools={"count": count_them}).run()
    assert seen == [3]  # a call and the role around it, and the call that asked for the tool
    assert keeping.arrivals.spans == keeping.everything.spans
    assert keeping.processor.held_spans == 0


async def test_a_run_below_a_remote_caller_that_was_not_sampled_is_kept() -> None:
    caller = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(TraceFlags.DEFAULT))
    keeping = Keeping(Keep(failed=True))
    with trace.use_span(NonRecordingSpan(caller)):
        await with_spans_around(keeping.provider)
    assert keeping.arrived == in_order(keeping.everything.spans)


async def test_of_ten_percent_sampled_and_failed_runs_kept_exactly_those_arrive() -> None:
    sampler = RecordingSampler(ParentBased(TraceIdRatioBased(0.1)))
    keeping = Keeping(Keep(failed=True), sampler=sampler, counting_ids=False)
    statuses: dict[str, str] = {}
    for number in range(60):
        made = orchestrator(keeping.provider, succeeds() if number % 4 else fails(), run_id=f"run-{number}")
        statuses[f"run-{number}"] = (await made.run()).status
    sampled = {
        (span.attributes or {})[names.RUN_ID]
        for span in keeping.everything.spans
        if span.context and span.context.trace_flags.sampled
    }
    assert run_ids(keeping) == sampled | {run_id for run_id, status in statuses.items() if status == "failed"}
    assert keeping.account_is_true


def test_what_is_of_no_run_goes_on_at_once_as_it_is() -> None:
    keeping = Keeping(Keep(failed=True))
    tracer = keeping.provider.get_tracer("others")
    with tracer.start_as_current_span("GET /health"):
        tracer.start_span("inner").end()
        assert [span.name for span in keeping.arrivals.sampled_out] == ["inner"]
    assert keeping.arrivals.sampled_out == keeping.everything.spans
    assert keeping.arrivals.started == 2


def test_a_run_in_a_context_of_its_own_is_a_run_of_its_own() -> None:
    """Work that lost the context, as in a thread pool, belongs to no other run."""
    keeping = Keeping(Keep(failed=True))
    with traced_run("outer", run_id="outer", tracer_provider=keeping.provider):

        def work() -> None:
            with traced_run("lost", run_id="lost", tracer_provider=keeping.provider) as run:
                run.fail("ValueError")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert run_ids(keeping) == {"lost"}


def test_a_span_that_was_given_the_run_and_not_its_context_is_of_the_run() -> None:
    keeping = Keeping(Keep(failed=True))
    with traced_run("agent", run_id="run-1", tracer_provider=keeping.provider) as run:
        tracer = keeping.provider.get_tracer("nanoagent")
        tracer.start_span(
            "own", set_span_in_context(trace.get_current_span(), Context()), attributes={names.RUN_ID: "run-1"}
        ).end()
        assert keeping.processor.held_spans == 1
        run.fail("ValueError")
    assert run_ids(keeping) == {"run-1"}


# -- the same numbers --------------------------------------------------------------------------------------------------


def to_file(path: Path) -> Destination:
    (destination,) = destinations_of(["file"], {"OTEL_EXPORTER_FILE_PATH": str(path)}, lambda line: None)
    return destination


def in_file(path: Path) -> list[PerformanceMetrics]:
    problems = Problems()
    found = [run.metrics for run in counted_runs(read_file(str(path), problems), problems)]
    assert problems.kept == []
    return [metrics for metrics in found if metrics.parent_run_id is None]


def without_goals(runs: list[PerformanceMetrics]) -> list[PerformanceMetrics]:
    """A goal is content, and on no span."""
    return sorted((replace(metrics, goal=None) for metrics in runs), key=lambda metrics: str(metrics.run_id))


@every_program
async def test_the_numbers_read_back_are_those_of_the_run(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    destination = to_file(path)
    keeping = Keeping(case.keep, behind=[destination])
    await orchestrator(keeping.provider, succeeds(), run_id="not kept").run()
    metrics = await case.program(keeping.provider)
    keeping.processor.shutdown()
    assert destination.finish_close(10.0)
    assert sorted(in_file(path), key=lambda found: str(found.run_id)) == without_goals(metrics)
    assert {found.complete for found in metrics} == {True}
    report, ended = destination.report(), len(keeping.everything.spans)
    assert (report.ended_spans, report.exported_spans) == (ended, len(keeping.arrivals.spans))
    assert report.sampled_out_spans == ended - report.exported_spans > 0


async def test_the_numbers_of_every_run_are_known_whatever_is_kept() -> None:
    keeping = Keeping(Keep(failed=True))
    made: list[Orchestrator] = []
    for number in range(10):
        made.append(orchestrator(keeping.provider, fails() if number % 2 else succeeds(), run_id=f"run-{number}"))
        await made[-1].run()
    assert keeping.aggregator.recent() == [replace(one.metrics, goal=None) for one in made]
