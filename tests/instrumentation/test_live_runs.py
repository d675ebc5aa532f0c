"""The live aggregator, on real SDK spans."""

import os
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context

from instrumentation import PerformanceAggregator
from nanoagent import PerformanceMetrics
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names

TIMEOUT_S = 10.0


def traced(aggregator: PerformanceAggregator) -> Any:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(aggregator)
    return provider.get_tracer("test")


def emit(tracer: Any, run_id: str, *, calls: int = 1, root: bool = True) -> None:
    own = {names.RUN_ID: run_id}
    top = tracer.start_span(names.ROOT_SPAN, attributes={**own, names.OPERATION_NAME: names.OP_WORKFLOW})
    for _ in range(calls):
        chat = {**own, names.OPERATION_NAME: names.OP_CHAT, names.INPUT_TOKENS: 10, names.OUTPUT_TOKENS: 1}
        tracer.start_span("chat m", set_span_in_context(top), attributes=chat).end()
    if root:
        top.set_attribute(names.STATUS, "completed")
        top.end()


def ids(metrics: list[PerformanceMetrics]) -> list[str | None]:
    return [run.run_id for run in metrics]


def test_open_and_ended_runs_are_known_and_others_are_not() -> None:
    aggregator = PerformanceAggregator()
    tracer = traced(aggregator)
    emit(tracer, "ended", calls=2)
    emit(tracer, "open", root=False)
    tracer.start_span("of the application").end()
    assert (ids(aggregator.recent()), ids(aggregator.open_runs())) == (["ended"], ["open"])
    ended, going_on = aggregator.get("ended"), aggregator.get("open")
    assert ended is not None
    assert going_on is not None
    assert (ended.status, ended.api_calls, ended.tokens_used) == ("completed", 2, 22)
    assert (going_on.status, going_on.api_calls) == ("running", 1)
    assert aggregator.get("nobody") is None


def test_the_run_heard_of_least_recently_is_evicted_above_the_cap_and_counted() -> None:
    aggregator = PerformanceAggregator(max_open_runs=2)
    tracer = traced(aggregator)
    for run_id in ("a", "b", "a", "c"):
        emit(tracer, run_id, root=False)
    assert (ids(aggregator.open_runs()), aggregator.evicted_runs) == (["a", "c"], 1)


def test_a_run_that_nothing_is_heard_of_is_evicted_after_its_time_to_live() -> None:
    now = [0.0]
    aggregator = PerformanceAggregator(open_run_ttl_s=60, monotonic_s=lambda: now[0])
    tracer = traced(aggregator)
    emit(tracer, "old", root=False)
    now[0] = 60.0
    emit(tracer, "new", root=False)
    assert (ids(aggregator.open_runs()), aggregator.evicted_runs) == (["old", "new"], 0)
    now[0] = 60.1
    emit(tracer, "newer", root=False)
    assert (ids(aggregator.open_runs()), aggregator.evicted_runs) == (["new", "newer"], 1)


def test_only_so_many_ended_runs_are_kept() -> None:
    aggregator = PerformanceAggregator(max_recent_runs=2)
    tracer = traced(aggregator)
    for n in range(4):
        emit(tracer, f"run-{n}")
    assert ids(aggregator.recent()) == ["run-2", "run-3"]


@pytest.mark.parametrize("name", ["max_open_runs", "max_recent_runs"])
@pytest.mark.parametrize("value", [0, -1, True, 2.5])
def test_a_bound_that_is_no_positive_number_of_runs_is_an_error(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} must be a positive integer, got {value!r}$"):
        PerformanceAggregator(**{name: value})


def test_a_forked_child_knows_of_its_own_runs_alone() -> None:
    aggregator = PerformanceAggregator(max_open_runs=1)
    tracer = traced(aggregator)
    emit(tracer, "ended")
    for run_id in ("evicted", "open"):
        emit(tracer, run_id, root=False)
    child = os.fork()
    if not child:
        try:
            begun = (aggregator.open_run_count, aggregator.evicted_runs)
            emit(tracer, "own")
            os._exit((begun, ids(aggregator.recent())) != ((0, 0), ["own"]))
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (ids(aggregator.recent()), ids(aggregator.open_runs()), aggregator.evicted_runs) == (["ended"], ["open"], 1)


def test_a_callback_is_told_of_each_run_and_one_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str | None] = []

    def record(metrics: PerformanceMetrics) -> None:
        told.append(metrics.run_id)
        if metrics.run_id == "bad":
            raise RuntimeError("the callback's own")

    aggregator = PerformanceAggregator(on_complete=record)
    tracer = traced(aggregator)
    for run_id in ("good", "bad", "last"):
        emit(tracer, run_id)
    assert aggregator.force_flush()
    assert told == ["good", "bad", "last"]
    assert "a callback failed on the run bad" in caplog.text
    aggregator.shutdown()
    emit(tracer, "late")
    assert aggregator.force_flush()
    assert told == ["good", "bad", "last"]


def test_a_callback_that_hangs_holds_up_nothing_and_what_it_misses_is_counted() -> None:
    reached, released = threading.Event(), threading.Event()

    def hang(metrics: PerformanceMetrics) -> None:
        reached.set()
        released.wait(TIMEOUT_S)

    aggregator = PerformanceAggregator(on_complete=hang)
    tracer = traced(aggregator)
    emit(tracer, "first")
    assert reached.wait(TIMEOUT_S)
    for n in range(1_003):
        emit(tracer, f"run-{n}", calls=0)
    assert aggregator.untold_runs == 3
    assert aggregator.force_flush(timeout_millis=10) is False
    released.set()
    assert aggregator.force_flush() is True
    aggregator.shutdown()


def test_runs_in_many_threads_do_not_mix() -> None:
    aggregator = PerformanceAggregator(max_recent_runs=1_000)
    tracer = traced(aggregator)

    def work(thread: int) -> None:
        for n in range(50):
            emit(tracer, f"{thread}-{n}", calls=thread + 1)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    calls = {run.run_id: run.api_calls for run in aggregator.recent()}
    assert calls == {f"{thread}-{n}": thread + 1 for thread in range(8) for n in range(50)}


@pytest.mark.parametrize("attributes", [{}, {names.RUN_ID: 7}, {names.RUN_ID: "r", names.ITERATION: "x"}])
def test_odd_spans_harm_nothing(attributes: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    aggregator = PerformanceAggregator()
    tracer = traced(aggregator)
    tracer.start_span("odd", attributes=attributes).end()
    emit(tracer, "good")
    assert ids(aggregator.recent()) == ["good"]
    assert caplog.text == ""


def test_a_call_that_carries_a_status_ends_no_run() -> None:
    aggregator = PerformanceAggregator()
    tracer = traced(aggregator)
    call = {names.RUN_ID: "run", names.OPERATION_NAME: names.OP_CHAT, names.STATUS: "completed"}
    tracer.start_span("chat m", attributes=call).end()
    emit(tracer, "run")
    run = aggregator.get("run")
    assert run is not None
    assert run.api_calls == 2


def test_a_span_that_ends_after_its_root_does_not_open_the_run_again() -> None:
    aggregator = PerformanceAggregator()
    tracer = traced(aggregator)
    late = tracer.start_span("chat m", attributes={names.RUN_ID: "r", names.OPERATION_NAME: names.OP_CHAT})
    emit(tracer, "r")
    late.end()
    assert (ids(aggregator.recent()), ids(aggregator.open_runs())) == (["r"], [])


def test_what_is_used_three_runs_deep_is_filed_where_each_run_around_it_is_at_work() -> None:
    aggregator = PerformanceAggregator()
    tracer = traced(aggregator)
    begin(tracer, "outer")
    begin(tracer, "middle", **{names.PARENT_RUN_ID: "outer", names.PHASE: "execute", names.ITERATION: 2})
    begin(tracer, "inner", **{names.PARENT_RUN_ID: "middle", names.PHASE: "reflect", names.ITERATION: 1})
    chat = {names.RUN_ID: "inner", names.OPERATION_NAME: names.OP_CHAT, names.PHASE: "plan"}
    tracer.start_span("chat m", attributes=chat).end()
    runs = {str(run.run_id): run for run in aggregator.open_runs()}
    places = {
        run_id: ([row.phase for row in run.by_phase], [row.iteration for row in run.by_iteration])
        for run_id, run in runs.items()
    }
    assert places == {"outer": (["execute"], [2]), "middle": (["reflect"], [1]), "inner": (["plan"], [])}


def begin(tracer: Any, run_id: str, **place: Any) -> None:
    own = {names.RUN_ID: run_id, names.OPERATION_NAME: names.OP_WORKFLOW, names.STATUS: "running"}
    tracer.start_span(names.ROOT_SPAN, attributes=own | place)


def test_a_run_id_that_is_used_again_is_a_new_run() -> None:
    aggregator = PerformanceAggregator()
    tracer = traced(aggregator)
    for run_id in ("r", "other"):
        emit(tracer, run_id)
    emit(tracer, "r", calls=2, root=False)
    going_on = aggregator.get("r")
    assert going_on is not None
    assert (going_on.status, going_on.api_calls) == ("running", 2)


def test_a_callback_that_would_end_its_thread_does_not_keep_the_next_from_being_called() -> None:
    told: list[str | None] = []

    def leave(metrics: PerformanceMetrics) -> None:
        told.append(metrics.run_id)
        raise SystemExit

    aggregator = PerformanceAggregator(on_complete=leave)
    tracer = traced(aggregator)
    for run_id in ("a", "b"):
        emit(tracer, run_id)
    assert aggregator.force_flush()
    assert told == ["a", "b"]
    aggregator.shutdown()
    aggregator.shutdown()
    assert aggregator.force_flush(timeout_millis=0) is True


def test_attributes_of_odd_types_are_unknown_and_lose_no_span() -> None:
    aggregator = PerformanceAggregator()
    tracer = traced(aggregator)
    odd = {names.RUN_ID: "r", names.OPERATION_NAME: names.OP_CHAT}
    for model, cost in ((7, 1e16), ("m", 0.5)):
        tracer.start_span("chat", attributes={**odd, names.REQUEST_MODEL: model, names.OPERATION_COST: cost}).end()
    tracer.start_span("x", attributes={names.RUN_ID: 7, names.OPERATION_NAME: names.OP_WORKFLOW}).end()
    emit(tracer, "r", calls=0)
    (run,) = aggregator.recent()
    assert (run.api_calls, run.models, float(run.cost_usd_known)) == (2, ("m",), 0.5)
