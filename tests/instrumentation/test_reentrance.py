"""Whoever is called by the telemetry may use it: nobody waits for himself, and no number is lost by it."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import islice
from types import FrameType
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import set_span_in_context
from rich.console import Console

from instrumentation import ConsoleTreeProcessor, PerformanceAggregator, Telemetry, configure
from nanoagent import Orchestrator, PerformanceMetrics
from nanoagent.content.content import CONTENT_VARIABLE
from nanoagent.errors import ConfigurationError
from nanoagent.redaction.redactor import Redactor
from nanoagent.tracing import names
from nanoagent.tracing.clock import RunClock
from nanoagent.tracing.run import Run
from nanoagent.tracing.span import RunSpan
from tests.commands import ROOT
from tests.instrumentation.delivery.doubles import dead_endpoint
from tests.models import CannedModel, executed, plan, reflected

TIMEOUT_S = 10.0
OURS = tuple(str(ROOT / package) for package in ("nanoagent", "instrumentation"))
SETTINGS: dict[str, Any] = {"exporters": ["otlp"]}
USES: dict[str, Callable[[Telemetry], object]] = {
    "configure": lambda telemetry: configure(**SETTINGS, env={"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint()}),
    "flush": lambda telemetry: telemetry.flush(0.2),
    "shutdown": lambda telemetry: telemetry.shutdown(0.2),
    "numbers": lambda telemetry: (telemetry.aggregator.recent(), telemetry.aggregator.open_runs()),
    "account": lambda telemetry: telemetry.delivery(),
    "spans": lambda telemetry: end_run("inner"),
}
every_use = pytest.mark.parametrize("use", USES)

pytestmark = pytest.mark.usefixtures("no_global_state")


def within_time(work: Callable[[], object]) -> None:
    """Do it in a thread, so that one that hangs fails and holds up nobody."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive(), "it hangs"
    assert failures == []


def end_run(run_id: str, tracer: trace.Tracer | None = None, *, calls: int = 1) -> object:
    tracer = tracer or trace.get_tracer("test")
    own = {names.RUN_ID: run_id}
    top = tracer.start_span(names.ROOT_SPAN, Context(), attributes={**own, names.OPERATION_NAME: names.OP_WORKFLOW})
    for _ in range(calls):
        chat: dict[str, Any] = {**own, names.OPERATION_NAME: names.OP_CHAT, names.INPUT_TOKENS: 10}
        tracer.start_span("chat m", set_span_in_context(top), attributes=chat).end()
    top.set_attribute(names.STATUS, "completed")
    top.end()
    return top


class Using:
    """Uses the telemetry whenever it is called, as soon as there is one; but not within itself."""

    def __init__(self, use: str) -> None:
        self._use = USES[use]
        self._is_busy = False
        self.telemetry: Telemetry | None = None
        self.calls = 0

    def __call__(self, given: Any = None) -> Any:
        if self.telemetry is not None and not self._is_busy:
            self._is_busy = True
            try:
                self._use(self.telemetry)
                self.calls += 1
            except ConfigurationError:  # called before with other arguments: an answer
                self.calls += 1
            finally:
                self._is_busy = False
        return given


def set_up(using: Using, **options: Any) -> Telemetry:
    telemetry = using.telemetry = configure(**options)
    return telemetry


def run(**options: Any) -> object:
    model = CannedModel([plan("Say"), executed("4"), reflected("4")])
    result = asyncio.run(Orchestrator("Say 4.", model=model, **options).run())
    assert result.metrics.api_calls == 3
    return result


def test_who_is_notified_while_it_is_set_up_may_call_it_again() -> None:
    handles: list[Telemetry] = []
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint()}

    def notify(line: str) -> None:
        handles.append(configure(exporters=["otlp"], env=env))
        assert handles[-1].flush(0.2) is True
        handles[-1].delivery()

    within_time(lambda: handles.append(configure(exporters=["otlp"], env=env, notify=notify)))
    assert len(handles) == 2
    assert handles[0] is handles[1]


def test_who_is_notified_while_it_is_set_up_may_shut_down() -> None:
    def notify(line: str) -> None:
        trace.get_tracer("test").start_span("early").end()
        configure().shutdown(0.2)

    # Of this sampler it is notified.
    trace.set_tracer_provider(TracerProvider(sampler=TraceIdRatioBased(0.5), shutdown_on_exit=False))
    telemetries: list[Telemetry] = []
    within_time(lambda: telemetries.append(configure(notify=notify)))
    assert telemetries[0].is_shut_down


@every_use
def test_who_is_notified_of_a_loss_may_use_it(use: str) -> None:
    using = Using(use)

    def work() -> None:
        telemetry = set_up(
            using, exporters=["otlp"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint()}, notify=using
        )
        end_run("r")
        assert telemetry.shutdown(0.5) is False

    within_time(work)
    assert using.calls == 1


def test_who_is_notified_of_a_loss_may_wait_for_a_thread_that_shuts_down() -> None:
    answers: list[bool] = []

    def notify(line: str) -> None:
        thread = threading.Thread(target=lambda: answers.extend(handle.shutdown(0.1) for handle in handles))
        thread.start()
        thread.join()

    handles: list[Telemetry] = []
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint()}

    def work() -> None:
        handles.append(configure(exporters=["otlp"], env=env, notify=notify))
        end_run("r")
        handles[0].shutdown(0.5)

    within_time(work)
    assert answers == [False]


@every_use
def test_a_hook_of_redaction_may_use_it(use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "SPAN_ONLY")
    using = Using(use)
    within_time(lambda: (set_up(using, exporters=["console"], redactor=Redactor(hook=using)), run()))
    assert using.calls > 0


@every_use
def test_a_clock_of_a_run_may_use_it(use: str) -> None:
    using = Using(use)

    class Clock(RunClock):
        def now_ns(self) -> int:
            return int(using(super().now_ns()))

    within_time(lambda: (set_up(using), run(clock=Clock())))
    assert using.calls > 0


@every_use
def test_a_callback_of_a_run_that_is_over_may_use_it(use: str) -> None:
    using = Using(use)
    aggregator = PerformanceAggregator(on_complete=using)

    def work() -> None:
        set_up(using, span_processors=[aggregator])
        end_run("r")
        assert aggregator.force_flush(5_000)

    within_time(work)
    assert using.calls > 0


@pytest.mark.parametrize("use", ["force_flush", "shutdown", "get"])
def test_a_callback_may_use_the_aggregator_that_calls_it(use: str) -> None:
    told: list[object] = []
    uses: dict[str, Callable[[], object]] = {
        "force_flush": lambda: aggregator.force_flush(),
        "shutdown": lambda: aggregator.shutdown(),
        "get": lambda: aggregator.get("r") is not None,
    }
    aggregator = PerformanceAggregator(on_complete=lambda run: told.append(uses[use]()))
    within_time(lambda: (end_run("r", traced(aggregator)), aggregator.force_flush(5_000)))
    assert told == [{"force_flush": False, "shutdown": None, "get": True}[use]]


def test_a_processor_may_flush_and_shut_down_what_shuts_it_down() -> None:
    class Own(SpanProcessor):
        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return handle[0].flush(0.2)

        def shutdown(self) -> None:
            handle[0].shutdown(0.2)

    handle: list[Telemetry] = []

    def work() -> None:
        handle.append(configure(span_processors=[Own()]))
        assert handle[0].flush(0.5) is False
        handle[0].shutdown(0.5)

    within_time(work)


def test_set_up_within_set_up_is_an_error_and_does_not_hang() -> None:
    said: list[str] = []

    class Provider(TracerProvider):
        def add_span_processor(self, span_processor: SpanProcessor) -> None:
            try:
                configure()
            except ConfigurationError as error:
                said.append(str(error))
            super().add_span_processor(span_processor)

    trace.set_tracer_provider(Provider(shutdown_on_exit=False))
    within_time(configure)
    assert said == [
        "configure must not be called by what it calls itself, such as a detector of resources or a handler of the "
        "log; call it before, or after"
    ]
    end_run("r")
    assert [one.run_id for one in configure().aggregator.recent()] == ["r"]


# -- finalizers --------------------------------------------------------------------------------------------------------


def traced(*processors: SpanProcessor) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider.get_tracer("test")


@contextmanager
def interrupted(by: Callable[[], object]) -> Iterator[None]:
    """Do something in the middle of whatever our code does in the block, as a finalizer can: at each call in it."""

    def interrupt(frame: FrameType, event: str, _: object) -> None:
        if event in ("call", "return") and frame.f_code.co_filename.startswith(OURS):
            by()

    sys.setprofile(interrupt)
    try:
        yield
    finally:
        sys.setprofile(None)


def test_runs_that_finalizers_end_in_the_middle_of_anything_are_counted() -> None:
    told: list[PerformanceMetrics] = []
    stream = StringIO()
    aggregator = PerformanceAggregator(on_complete=told.append)
    tracer = traced(aggregator, ConsoleTreeProcessor(console=lambda: Console(file=stream, width=80)))
    left = iter([f"left-{number}" for number in range(300)])

    def work() -> None:
        with interrupted(lambda: [end_run(name, tracer) for name in islice(left, 1)]):
            end_run("run", tracer, calls=3)
            aggregator.open_runs()
            aggregator.recent()

    within_time(work)
    assert aggregator.force_flush(5_000)
    numbers = {run.run_id: (run.api_calls, run.input_tokens, run.status) for run in told}
    assert numbers.pop("run") == (3, 30, "completed")
    # Each of them makes for further occasions.
    assert numbers == {f"left-{number}": (1, 10, "completed") for number in range(300)}
    assert aggregator.open_runs() == []
    assert stream.getvalue().count(names.ROOT_SPAN) == len(told)


def test_spans_of_a_run_that_finalizers_end_while_it_counts_are_counted_once() -> None:
    run = Run(run_id="r")
    chat: dict[str, Any] = {names.OPERATION_NAME: names.OP_CHAT, names.INPUT_TOKENS: 10}
    spans = [RunSpan(run, "chat m", dict(chat), place=None) for _ in range(1_000)]
    seen: list[int | None] = []

    def interrupt() -> None:
        if spans:
            spans.pop().end()
            seen.append(run.metrics().input_tokens)

    def work() -> None:
        spans.pop().end()
        with interrupted(interrupt):
            while spans:
                run.metrics()

    within_time(work)
    assert (run.metrics().api_calls, run.metrics().input_tokens) == (1_000, 10_000)
    assert len(seen) > 900


def test_a_clock_of_the_aggregator_may_end_runs_and_ask_for_numbers() -> None:
    inner: Iterator[int] = iter(())
    seen: list[int] = []

    def now_s() -> float:
        for number in inner:
            end_run(f"inner-{number}", tracer)
            seen.append(len(aggregator.open_runs()) + len(aggregator.recent()))
        return 0.0

    aggregator = PerformanceAggregator(monotonic_s=now_s)
    tracer = traced(aggregator)
    inner = iter(range(5))
    within_time(lambda: end_run("outer", tracer, calls=5))
    assert len(seen) == 5
    runs = {run.run_id: run.api_calls for run in aggregator.recent()}
    assert runs == {"outer": 5} | {f"inner-{number}": 1 for number in range(5)}


class Locked(SpanProcessor):
    """Has a lock of its own, as many have, and calls somebody while it holds it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_waited_for = threading.Event()

    def on_end(self, span: Any) -> None:
        self.is_waited_for.set()
        with self.lock:
            pass


def test_two_threads_that_end_spans_of_a_run_do_not_wait_for_each_other_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one waits for a processor's lock; the other one holds it, where a finalizer ends another span."""
    monkeypatch.setattr("nanoagent.tracing.span.ENDING_S", 0.2)
    processor, aggregator = Locked(), PerformanceAggregator()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(aggregator)
    provider.add_span_processor(processor)
    traced_run = Run(run_id="r", tracer_provider=provider)
    first, second = (RunSpan(traced_run, name, {}, place=None) for name in ("first", "second"))

    def end_both() -> None:
        with processor.lock:
            ending = threading.Thread(target=first.end, daemon=True)
            ending.start()
            assert processor.is_waited_for.wait(TIMEOUT_S)
            # As by a finalizer: the processor's lock is one that its thread may take again.
            processor.lock = threading.Lock()
            second.end()
        ending.join(TIMEOUT_S)

    within_time(end_both)
