"""The live aggregator: a span processor that folds each run's spans into its metrics as they end."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from instrumentation.callbacks import Callback, Callbacks
from instrumentation.life_cycle import in_forked_child
from instrumentation.observing import Filed, RunObserver
from instrumentation.records import attributes_of, record_of
from instrumentation.untracked import OpenSpansOfOthers
from nanoagent.core.counting import MAX_DEPTH, Fold
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import SpanRecord, is_root
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names
from nanoagent.tracing.failures import log_failure
from nanoagent.tracing.run import Run
from nanoagent.tracing.turns import Turns

_logger = logging.getLogger(__name__)


class PerformanceAggregator(SpanProcessor):
    """Knows the numbers of every run in the process, those that go on and the most recent ones that ended.

    It keeps a few numbers a span, and no span, until somebody asks for the numbers of a run that has ended. It is safe
    under threads, bounded, and never raises into the application. A goal is content and on no span:
    `PerformanceMetrics.goal` is `None` here. A forked child knows of its own runs alone.
    """

    def __init__(
        self,
        *,
        on_complete: Callback | None = None,
        observer: RunObserver | None = None,
        max_open_runs: int = 1_000,
        open_run_ttl_s: float = 24 * 3600.0,
        max_recent_runs: int = 256,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with no runs.

        Args:
            on_complete: Called with the metrics of each run that ends, in a thread of its own; one that raises is
                logged. While it is 1,000 runs behind, further ones are not told to it, and counted.
            observer: Told of each span that is counted and each outermost run that ends, as they do.
            max_open_runs: Above this, the run that was heard of least recently is evicted, and counted.
            open_run_ttl_s: A run that nothing was heard of for so long is evicted, and counted, when another begins.
            max_recent_runs: How many ended runs are kept.
            monotonic_s: The clock of the time to live.

        Raises:
            ConfigurationError: A number of runs is not positive.
        """
        for name, value in (("max_open_runs", max_open_runs), ("max_recent_runs", max_recent_runs)):
            if type(value) is not int or value < 1:
                raise ConfigurationError(f"{name} must be a positive integer, got {value!r}")
        self._max_open_runs = max_open_runs
        self._open_run_ttl_s = open_run_ttl_s
        self._max_recent_runs = max_recent_runs
        self._monotonic_s = monotonic_s
        self._look_again_at_s = monotonic_s()
        self._turns = Turns()
        self._begin_anew()
        in_forked_child(self._begin_anew)
        self._calls = Callbacks(on_complete) if on_complete is not None else None
        self._observer = observer

    def _begin_anew(self) -> None:
        """Know of no run: at the start, and in a forked child, where those that there were are the parent's."""
        self.evicted_runs = 0
        """Runs that were given up before their root ended."""
        self._open: dict[str, _OpenRun] = {}
        self._recent: OrderedDict[str, _EndedRun] = OrderedDict()
        self._others = OpenSpansOfOthers()
        self._turns.renew()

    def get(self, run_id: str) -> PerformanceMetrics | None:
        """The metrics of a run that goes on or ended recently; `None` for any other."""
        with self._turns:
            if run_id in self._open:
                return self._open[run_id].fold.metrics()
            ended = self._recent.get(run_id)
            return ended.metrics() if ended is not None else None

    def recent(self) -> list[PerformanceMetrics]:
        """The runs that ended, the last one last."""
        with self._turns:
            return [run.metrics() for run in list(self._recent.values())]

    def open_runs(self) -> list[PerformanceMetrics]:
        """The runs that go on, with their numbers so far."""
        with self._turns:
            return [run.fold.metrics() for run in list(self._open.values())]

    @property
    def open_run_count(self) -> int:
        """How many runs go on."""
        return len(self._open)

    @property
    def untold_runs(self) -> int:
        """Runs that `on_complete` was not called for because it was too far behind."""
        return self._calls.dropped if self._calls else 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note that a run goes on, or that a span of others starts inside of one."""
        try:
            attributes = attributes_of(span)
            run_id = attributes.get(names.RUN_ID)
            if not isinstance(run_id, str):
                self._others.started(span, parent_context)
            elif is_root(attributes):
                self._turns.take(self._begin, run_id, attributes)
        except Exception:
            log_failure(_logger, "a span's start could not be noted")

    def on_end(self, span: ReadableSpan) -> None:
        """Count the span."""
        try:
            attributes = attributes_of(span)
            run_id = attributes.get(names.RUN_ID)
            if isinstance(run_id, str):
                record = record_of(span, attributes)
                if record is not None:
                    self._turns.take(self._count, record, run_id, span, attributes)
            elif (run := self._others.ended(span)) is not None:
                self._count_untracked(span, run)
        except Exception:
            log_failure(_logger, "a span could not be counted")

    def shutdown(self) -> None:
        """Wait up to a second for the callbacks that are due, and make no more."""
        if self._calls is not None:
            self._calls.close(timeout_s=1.0)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait for the callbacks that are due; whether they were all made in time."""
        return self._calls is None or self._calls.drain(timeout_s=timeout_millis / 1000)

    def _count(self, record: SpanRecord, run_id: str, span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        run = self._open.get(run_id)
        if run is None:
            if run_id in self._recent:
                return  # the run's root has ended: what comes after it is of no run
            run = self._begin(run_id, {})
        run.heard_of_s = self._monotonic_s()
        run.fold.add(record)
        if run.parent_run_id is not None:
            for around in self._open_runs(run.parent_run_id):
                around.fold.add(record)
        if self._observer is not None:
            self._observer.span_counted(span, record, attributes, self._filed(record, run_id))
        if record.summary is not None:
            self._end(run, run_id, span, attributes)

    def _end(self, run: "_OpenRun", run_id: str, root: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        """The run's root has ended."""
        run.fold.seal()
        del self._open[run_id]
        self._recent.pop(run_id, None)
        ended = self._recent[run_id] = _EndedRun(run.fold)
        while len(self._recent) > self._max_recent_runs:
            self._recent.popitem(last=False)

        def metrics() -> PerformanceMetrics:
            with self._turns:  # one thread at a time adds its numbers up
                return ended.metrics()

        if self._calls is not None:
            self._calls.put(metrics)
        if self._observer is not None and names.PARENT_RUN_ID not in attributes:
            self._observer.run_ended(metrics, root, attributes)

    def _filed(self, record: SpanRecord, run_id: str) -> Filed:
        """Where a record of this run is filed in the outermost run around it."""
        filed = Filed(record.phase)
        for run in self._open_runs(run_id):
            filed = Filed(filed.phase if run.parent_run_id is None else run.phase, run.version)
        return filed

    def _count_untracked(self, span: ReadableSpan, run: Run) -> None:
        record = record_of(span)
        if record is None or record.call is None:
            return
        while run.closed:
            if run.parent is None:
                return
            run = run.parent.run
        run.add_untracked(record)
        self._turns.take(self._add_untracked, record, run.id)

    def _add_untracked(self, record: SpanRecord, run_id: str) -> None:
        for around in self._open_runs(run_id):
            around.fold.add_untracked(record)

    def _begin(self, run_id: str, attributes: Mapping[str, Any]) -> "_OpenRun":
        """A run's root has started; what a nested run uses counts in those around it too."""
        operation, parent = attributes.get(names.OPERATION_NAME, names.OP_WORKFLOW), attributes.get(names.PARENT_RUN_ID)
        begun = self._open.get(run_id)
        if begun is not None:
            return begun
        fold = Fold(run_id, root_operation=operation, parent_run_id=parent)
        begun = self._open[run_id] = _OpenRun(
            fold, self._monotonic_s(), parent, version=attributes.get(names.AGENT_VERSION)
        )
        self._make_room(begun.heard_of_s)
        if parent is not None:
            inner = begun
            inner.phase, inner.iteration = attributes.get(names.PHASE), attributes.get(names.ITERATION)
            for outer in self._open_runs(parent):
                outer.fold.nest(run_id, inner.phase, inner.iteration)
                inner = outer
        return begun

    def _open_runs(self, run_id: str | None) -> "Iterator[_OpenRun]":
        """A run and those around it, as far as they are open."""
        for _ in range(MAX_DEPTH):
            if run_id is None or run_id not in self._open:
                return
            yield self._open[run_id]
            run_id = self._open[run_id].parent_run_id

    def _make_room(self, now_s: float) -> None:
        """Give up the runs that nothing was heard of for too long, or for the longest time of too many."""
        if len(self._open) <= self._max_open_runs and now_s < self._look_again_at_s:
            return
        by_silence = sorted(self._open, key=lambda run_id: self._open[run_id].heard_of_s)
        too_many = len(self._open) - self._max_open_runs
        for number, run_id in enumerate(by_silence):
            heard_of_s = self._open[run_id].heard_of_s
            if number >= too_many and now_s - heard_of_s <= self._open_run_ttl_s:
                self._look_again_at_s = heard_of_s + self._open_run_ttl_s
                return
            del self._open[run_id]
            self.evicted_runs += 1


@dataclass(slots=True)
class _OpenRun:
    fold: Fold
    heard_of_s: float
    parent_run_id: str | None = None
    """The run that it is nested in."""
    phase: str | None = None
    """Of the span that encloses it there; as the iteration."""
    iteration: int | None = None
    version: str | None = None
    """The agent's version, as the root says at its start."""


class _EndedRun:
    """A run that has ended; its numbers are added up when somebody asks for them."""

    __slots__ = ("_fold", "_metrics")

    def __init__(self, fold: Fold) -> None:
        self._fold: Fold | None = fold
        self._metrics: PerformanceMetrics | None = None

    def metrics(self) -> PerformanceMetrics:
        fold = self._fold
        if fold is not None:
            self._metrics = fold.metrics()
            self._fold = None
        return self._metrics or PerformanceMetrics()
