"""What is held is bounded in every way; what cannot be held is let go as the sampler said, and counted."""

import os
import threading
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Span

from instrumentation.keeping.policy import Keep
from instrumentation.keeping.processor import KeepingProcessor
from nanoagent import traced_run
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names
from nanoagent.tracing.run import Run
from nanoagent.tracing.span import RunSpan
from nanoagent.tracing.spans import agent_root_span
from tests.instrumentation.keeping.sides import NOTHING_SAMPLED, Keeping
from tests.instrumentation.test_bounds import ALLOWED_GROWTH_BYTES, growth
from tests.instrumentation.test_reentrance import interrupted, within_time

FAILED = Keep(failed=True)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def begin(keeping: Keeping, run_id: str, *, spans: int = 0, text: str = "") -> RunSpan:
    """A run that goes on, in which others have traced something."""
    run = traced_run("agent", run_id=run_id, tracer_provider=keeping.provider)
    add(keeping, run, spans=spans, text=text)
    return run


def add(keeping: Keeping, run: RunSpan, *, spans: int = 1, text: str = "") -> None:
    tracer = keeping.provider.get_tracer("others")
    with run.current():
        for _ in range(spans):
            tracer.start_span("other", attributes={"run": run.run.id, "text": text}).end()


def nested_in(keeping: Keeping, run: RunSpan) -> RunSpan:
    """A run of its own inside the run."""
    nested = Run(run_id="nested", parent=run.place, tracer_provider=keeping.provider, root_operation=names.OP_AGENT)
    with run.current():
        return agent_root_span(nested, "agent", agent_version=None, attributes={})


def end(run: RunSpan, *, failed: bool = True) -> None:
    if failed:
        run.fail("ValueError")
    run.end()


def names_of(spans: list[ReadableSpan]) -> list[str]:
    return [str((span.attributes or {}).get("run") or (span.attributes or {}).get(names.RUN_ID)) for span in spans]


# -- too much ----------------------------------------------------------------------------------------------------------


def test_past_the_bound_of_spans_the_run_that_holds_most_is_given_up_with_what_comes() -> None:
    keeping = Keeping(FAILED, max_spans=10)
    small, large = begin(keeping, "small", spans=4), begin(keeping, "large", spans=6)
    assert (keeping.processor.held_spans, keeping.processor.given_up_runs) == (10, 0)
    add(keeping, small)
    assert (keeping.processor.held_spans, keeping.processor.given_up_runs) == (5, 1)
    assert names_of(keeping.arrivals.sampled_out) == ["large"] * 6
    add(keeping, large)
    with large.current():
        end(traced_run("nested", tracer_provider=keeping.provider))
    end(large)
    assert names_of(keeping.arrivals.sampled_out)[6:] == ["large"] * 3
    end(small)
    assert names_of(keeping.arrivals.spans) == ["small"] * 6
    assert (keeping.processor.held_spans, keeping.processor.given_up_runs) == (0, 1)
    assert keeping.account_is_true


def test_past_the_bound_of_bytes_the_run_that_holds_most_is_given_up() -> None:
    keeping = Keeping(FAILED, max_bytes=100_000)
    small, large = begin(keeping, "small", spans=10), begin(keeping, "large", spans=2, text="x" * 30_000)
    assert 80_000 < keeping.processor.held_bytes <= 100_000
    add(keeping, small, spans=10)
    assert names_of(keeping.arrivals.sampled_out) == ["large"] * 2
    assert keeping.processor.held_bytes < 50_000
    end(small)
    end(large)
    assert set(names_of(keeping.arrivals.spans)) == {"small"}
    assert (keeping.processor.held_bytes, keeping.processor.given_up_runs) == (0, 1)


def test_a_span_that_is_larger_than_the_bound_takes_its_own_run_along() -> None:
    keeping = Keeping(FAILED, max_bytes=100_000)
    small, huge = begin(keeping, "small", spans=5), begin(keeping, "huge", spans=1, text="x" * 200_000)
    end(huge)
    end(small)
    assert (set(names_of(keeping.arrivals.spans)), keeping.processor.given_up_runs) == ({"small"}, 1)


def test_of_too_many_runs_the_one_that_was_heard_of_least_recently_is_given_up() -> None:
    clock = Hands()
    keeping = Keeping(FAILED, max_runs=2, monotonic_s=clock)
    runs = {}
    for run_id in ("first", "second"):
        clock.now_s += 1
        runs[run_id] = begin(keeping, run_id, spans=1)
    clock.now_s += 1
    add(keeping, runs["first"])
    runs["third"] = begin(keeping, "third", spans=1)
    assert (names_of(keeping.arrivals.sampled_out), keeping.processor.given_up_runs) == (["second"], 1)
    for run in runs.values():
        end(run)
    assert names_of(keeping.arrivals.spans) == ["first", "first", "first", "third", "third"]
    assert keeping.account_is_true


def test_runs_that_have_ended_take_no_room() -> None:
    clock = Hands()
    keeping = Keeping(FAILED, max_runs=2, monotonic_s=clock)
    long = begin(keeping, "long", spans=1)
    for number in range(5):
        clock.now_s += 1
        end(begin(keeping, f"short-{number}"), failed=False)
    end(long)
    assert names_of(keeping.arrivals.spans) == ["long", "long"]
    assert keeping.processor.given_up_runs == 0


def test_a_run_that_nothing_was_heard_of_for_too_long_is_given_up_when_another_begins() -> None:
    clock = Hands()
    keeping = Keeping(FAILED, run_ttl_s=60.0, monotonic_s=clock)
    silent, heard_of = begin(keeping, "silent", spans=1), begin(keeping, "heard of", spans=1)
    clock.now_s = 2.0
    add(keeping, heard_of)
    clock.now_s = 59.0
    begin(keeping, "early")
    assert keeping.processor.given_up_runs == 0
    clock.now_s = 61.0
    begin(keeping, "late")
    assert (names_of(keeping.arrivals.sampled_out), keeping.processor.given_up_runs) == (["silent"], 1)
    end(silent)
    end(heard_of)
    assert set(names_of(keeping.arrivals.spans)) == {"heard of"}


def test_a_second_run_of_the_same_id_takes_the_place_of_the_first() -> None:
    keeping = Keeping(FAILED)
    first, second = begin(keeping, "run-1", spans=1), begin(keeping, "run-1", spans=1)
    assert (len(keeping.arrivals.sampled_out), keeping.processor.given_up_runs) == (1, 1)
    end(first)
    add(keeping, second)
    end(second)
    assert (len(keeping.arrivals.spans), len(keeping.arrivals.sampled_out)) == (3, 2)
    end(begin(keeping, "run-1", spans=1))  # after its end an id is free again
    assert (len(keeping.arrivals.spans), keeping.processor.given_up_runs) == (5, 1)


def test_of_spans_that_never_end_the_run_of_the_oldest_is_given_up() -> None:
    keeping = Keeping(FAILED, max_open_spans=100)
    old, new = begin(keeping, "old", spans=1), begin(keeping, "new", spans=1)
    tracer = keeping.provider.get_tracer("others")
    with new.current():
        left: list[Span] = [tracer.start_span("left") for _ in range(99)]
    assert (names_of(keeping.arrivals.sampled_out), keeping.processor.given_up_runs) == (["old"], 1)
    end(old)
    left[-1].end()
    assert len(keeping.arrivals.sampled_out) == 2
    assert keeping.processor.held_spans == 2


def test_thousands_of_runs_that_never_end_take_the_room_of_the_bounds() -> None:
    processor = KeepingProcessor(
        FAILED, [], metrics_of=lambda run_id: None, max_runs=100, max_spans=150, max_open_spans=1_000
    )
    provider = TracerProvider(sampler=NOTHING_SAMPLED, shutdown_on_exit=False)
    provider.add_span_processor(processor)

    def leave(number: int) -> None:
        """Begin a run in which others have traced something, and end it never."""
        with traced_run("agent", run_id=f"run-{number}", tracer_provider=provider).current():
            provider.get_tracer("others").start_span("other").end()

    grown = growth(leave, before=range(1_500), during=range(1_500, 3_000))
    assert (processor.held_spans, processor.given_up_runs) == (100, 2_900)
    assert grown < ALLOWED_GROWTH_BYTES


@pytest.mark.parametrize("bound", ["max_runs", "max_spans", "max_bytes", "max_open_spans"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5])
def test_a_bound_that_is_none_is_an_error(bound: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{bound} must be a positive integer, got {value}"):
        Keeping(FAILED, **{bound: value})


# -- what is certain ---------------------------------------------------------------------------------------------------


def test_a_run_that_is_slow_already_does_not_wait_for_its_end() -> None:
    clock = Hands()
    keeping = Keeping(Keep(slower_than_s=30), monotonic_s=clock)
    run = begin(keeping, "slow", spans=2)
    clock.now_s = 30.0
    add(keeping, run)
    assert len(keeping.arrivals.spans) == 0
    clock.now_s = 30.1
    add(keeping, run)
    assert (len(keeping.arrivals.spans), keeping.processor.held_spans) == (4, 0)
    with run.current():
        end(traced_run("nested", tracer_provider=keeping.provider), failed=False)
        left = keeping.provider.get_tracer("others").start_span("left")
    end(run, failed=False)
    left.end()
    assert (len(keeping.arrivals.spans), keeping.processor.given_up_runs) == (7, 0)
    assert keeping.arrivals.sampled_out == []


@pytest.mark.parametrize("bound", [{"max_runs": 1}, {"run_ttl_s": 31.0}], ids=["too many", "silent for too long"])
def test_past_a_bound_a_run_that_is_slow_already_is_kept_to_its_end(bound: dict[str, Any]) -> None:
    clock = Hands()
    keeping = Keeping(Keep(slower_than_s=30), monotonic_s=clock, **bound)
    slow = begin(keeping, "slow", spans=2)
    clock.now_s = 32.0
    begin(keeping, "other")
    assert names_of(keeping.arrivals.spans) == ["slow"] * 2
    add(keeping, slow, spans=2)
    nested = nested_in(keeping, slow)
    add(keeping, nested)
    end(nested, failed=False)
    end(slow, failed=False)
    assert names_of(keeping.arrivals.spans) == ["slow"] * 4 + ["nested"] * 2 + ["slow"]
    assert keeping.arrivals.sampled_out == []
    assert keeping.processor.given_up_runs == 0


def test_a_nested_run_of_one_that_was_given_up_is_not_kept_by_itself() -> None:
    keeping = Keeping(FAILED, max_runs=1)
    given_up = begin(keeping, "given up")
    begin(keeping, "other")
    nested = nested_in(keeping, given_up)
    add(keeping, nested)
    end(nested)
    end(given_up)
    assert names_of(keeping.arrivals.sampled_out) == ["nested"] * 2 + ["given up"]
    assert (keeping.arrivals.spans, keeping.processor.given_up_runs) == ([], 1)


def test_past_a_bound_a_run_that_is_costly_already_is_kept() -> None:
    costs = {"costly": "0.6", "cheap": "0.1"}
    asked: list[str] = []

    def metrics_of(run_id: str) -> PerformanceMetrics | None:
        asked.append(run_id)
        return PerformanceMetrics(cost_usd_known=Decimal(costs[run_id]))

    keeping = Keeping(Keep(cost_above_usd=0.5), max_spans=10, metrics_of=metrics_of)
    costly, cheap = begin(keeping, "costly", spans=8), begin(keeping, "cheap", spans=2)
    assert asked == []
    add(keeping, cheap)
    assert (names_of(keeping.arrivals.spans), keeping.processor.given_up_runs) == (["costly"] * 8, 0)
    add(keeping, cheap, spans=8)
    assert (names_of(keeping.arrivals.sampled_out), keeping.processor.given_up_runs) == (["cheap"] * 11, 1)
    end(costly, failed=False)
    end(cheap, failed=False)
    assert names_of(keeping.arrivals.spans) == ["costly"] * 9
    assert asked == ["costly", "cheap"]


def test_a_run_that_ends_while_it_is_looked_at_is_decided_once() -> None:
    def metrics_of(run_id: str) -> PerformanceMetrics | None:
        if run_id == "ends":
            end(ends)
        return None

    keeping = Keeping(Keep(failed=True, cost_above_usd=1), max_spans=10, metrics_of=metrics_of)
    ends, other = begin(keeping, "ends", spans=8), begin(keeping, "other", spans=2)
    add(keeping, other)
    assert (names_of(keeping.arrivals.spans), keeping.processor.given_up_runs) == (["ends"] * 9, 0)
    assert (keeping.arrivals.sampled_out, keeping.processor.held_spans) == ([], 3)


# -- the end, and forks ------------------------------------------------------------------------------------------------


def test_at_the_shutdown_what_is_held_is_let_go_and_nothing_is_held_after() -> None:
    clock = Hands()
    keeping = Keeping(Keep(failed=True, slower_than_s=30), monotonic_s=clock)
    slow = begin(keeping, "slow", spans=2)
    clock.now_s = 31.0
    open_run = begin(keeping, "open", spans=3)
    assert keeping.processor.force_flush() is True
    assert keeping.processor.held_spans == 5
    keeping.processor.shutdown()
    assert names_of(keeping.arrivals.spans) == ["slow", "slow"]
    assert names_of(keeping.arrivals.sampled_out) == ["open"] * 3
    end(open_run)
    end(slow)
    end(begin(keeping, "late", spans=1))
    assert names_of(keeping.arrivals.spans) == ["slow"] * 3
    assert names_of(keeping.arrivals.sampled_out) == ["open"] * 4 + ["late"] * 2
    assert keeping.processor.held_spans == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_holds_nothing_and_keeps_its_own_runs() -> None:
    keeping = Keeping(FAILED)
    run = begin(keeping, "parent's", spans=3)
    child = os.fork()
    if not child:
        try:
            held = keeping.processor.held_spans
            end(run)
            end(begin(keeping, "child's", spans=1))
            os._exit(0 if (held, names_of(keeping.arrivals.spans)) == (0, ["child's"] * 2) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    end(run)
    assert names_of(keeping.arrivals.spans) == ["parent's"] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_lock_that_another_thread_holds_at_a_fork_does_not_hold_the_child() -> None:
    keeping = Keeping(FAILED)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with keeping.processor._held._lock:
            held.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if not child:
        end(begin(keeping, "child's", spans=1))
        os._exit(len(keeping.arrivals.spans))
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


# -- whoever is called -------------------------------------------------------------------------------------------------


class Raising(SpanProcessor):
    def on_start(self, span: sdk.Span, parent_context: Context | None = None) -> None:
        raise RuntimeError("broken")

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("broken")


def raises(*_: object) -> Any:
    raise RuntimeError("broken")


@pytest.mark.parametrize("broken", [{"behind": [Raising()]}, {"metrics_of": raises}])
def test_what_raises_is_logged_and_harms_nobody(broken: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    keeping = Keeping(Keep(failed=True, cost_above_usd=1), **broken)
    end(begin(keeping, "failed", spans=2))
    end(begin(keeping, "cheap", spans=2), failed=False)
    assert (names_of(keeping.arrivals.spans), len(keeping.arrivals.sampled_out)) == (["failed"] * 3, 3)
    assert caplog.records


@pytest.mark.parametrize("readings", [0, 1])
def test_a_clock_that_raises_is_logged_and_harms_nobody(readings: int, caplog: pytest.LogCaptureFixture) -> None:
    times = iter([0.0] * readings)
    keeping = Keeping(FAILED, monotonic_s=lambda: next(times))
    end(begin(keeping, "failed", spans=1))
    assert len(keeping.arrivals.spans) == 2 * readings
    assert keeping.processor.held_spans == 0
    assert keeping.account_is_true
    assert caplog.records


class Locking(SpanProcessor):
    """Has a lock of its own, as a destination has; somebody may end a span while it is held."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.reached = threading.Event()

    def on_end(self, span: ReadableSpan) -> None:
        self.reached.set()
        with self.lock:
            pass

    def metrics_of(self, run_id: str) -> PerformanceMetrics | None:
        self.reached.set()
        with self.lock:
            return None


@pytest.mark.parametrize("failed", [True, False], ids=["passed on", "looked at"])
def test_who_holds_a_lock_that_others_wait_for_may_end_a_span(failed: bool) -> None:
    locking = Locking()
    keeping = Keeping(
        Keep(failed=True, cost_above_usd=1), behind=[locking] if failed else [], metrics_of=locking.metrics_of
    )
    ending, other = begin(keeping, "ending", spans=3), begin(keeping, "other")

    def work() -> None:
        with locking.lock:
            thread = threading.Thread(target=lambda: end(ending, failed=failed), daemon=True)
            thread.start()
            locking.reached.wait()
            add(keeping, other)
        thread.join()

    within_time(work)
    assert (keeping.processor.held_spans, keeping.account_is_true) == (1, True)


def test_runs_that_finalizers_end_in_the_middle_of_anything_arrive_whole() -> None:
    keeping = Keeping(FAILED, max_spans=40, counting_ids=False)
    left = [begin(keeping, f"left-{number}", spans=2) for number in range(15)]

    def work() -> None:
        with interrupted(lambda: end(left.pop()) if left else None):
            for number in range(10):
                end(begin(keeping, f"run-{number}", spans=4))

    within_time(work)
    assert left == []
    assert keeping.processor.given_up_runs == 0
    expected = [f"left-{number}" for number in range(15)] * 3 + [f"run-{number}" for number in range(10)] * 5
    assert sorted(names_of(keeping.arrivals.spans)) == sorted(expected)
    assert (keeping.processor.held_spans, keeping.processor.held_bytes) == (0, 0)
    assert keeping.account_is_true


def test_a_bound_that_is_passed_while_a_run_is_let_go_hangs_nobody() -> None:
    keeping = Keeping(FAILED, max_spans=5)
    ending, other = begin(keeping, "ending", spans=5), begin(keeping, "other")
    runs = keeping.processor._held
    seen: list[int] = []

    def interrupt() -> None:
        held = runs.get("ending")
        if held is not None and held.is_kept is not None:
            seen.append(len(held.spans))
            add(keeping, other)

    def work() -> None:
        with interrupted(interrupt):
            end(ending)

    within_time(work)
    assert max(seen) == 6
    assert names_of(keeping.arrivals.spans) == ["ending"] * 6
    assert keeping.account_is_true


def test_bounds_that_are_passed_in_the_middle_of_anything_hold() -> None:
    keeping = Keeping(FAILED, max_spans=30, max_runs=8, counting_ids=False)
    left = [begin(keeping, f"left-{number}", spans=3) for number in range(8)]

    def interrupt() -> None:
        if left:
            add(keeping, left[0], spans=2)
            if len(keeping.everything.spans) % 7 == 0:
                end(left.pop())

    def work() -> None:
        with interrupted(interrupt):
            for number in range(30):
                end(begin(keeping, f"run-{number}", spans=4))

    within_time(work)
    assert left == []
    assert keeping.processor.given_up_runs > 0
    assert (keeping.processor.held_spans, keeping.processor.held_bytes) == (0, 0)
    assert keeping.account_is_true


def test_threads_that_end_runs_past_the_bounds_lose_no_span() -> None:
    keeping = Keeping(FAILED, max_spans=60, max_runs=6, counting_ids=False)

    def work(thread: int) -> None:
        for number in range(60):
            end(begin(keeping, f"run-{thread}-{number}", spans=number % 20), failed=bool(number % 2))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (keeping.processor.held_spans, keeping.processor.held_bytes) == (0, 0)
    assert keeping.account_is_true
    ids = [span.context for span in (*keeping.arrivals.spans, *keeping.arrivals.sampled_out) if span.context]
    assert len({one.span_id for one in ids}) == len(keeping.everything.spans)
