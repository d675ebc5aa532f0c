"""The keeping processor: holds what the sampler let go, until it is known which runs are kept."""

import copy
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanContext, TraceFlags

from instrumentation.delivery.outbox import MAX_WAITING_BYTES
from instrumentation.keeping.held import HeldRun, HeldRuns, SpanKey
from instrumentation.keeping.open_spans import OpenSpan, OpenSpans
from instrumentation.keeping.policy import Keep
from instrumentation.life_cycle import in_forked_child
from instrumentation.records import attributes_of
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import is_root
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names
from nanoagent.tracing.failures import log_failure
from nanoagent.tracing.run import Place, Run, place_in

_logger = logging.getLogger(__name__)


class KeepingProcessor(SpanProcessor):
    """Stands before the processors that export, and lets runs through whole that the sampler let go.

    A sampled span goes on at once. One that is not, of a run, is held until the outermost run around it has ended: then
    all of them go on, as copies that are sampled where the policy wants the run, else as they are. A run that is slow
    already is kept however it ends, so it need not wait. A run that is kept takes along what others trace inside it,
    also what ends later, and the spans around it in this process. Everything else goes on at once, as it is.

    What is held is bounded. Past a bound, a run that is costly already is kept at once; any other is given up: what it
    held goes on as it is, and so does what comes. The same becomes of runs that nothing was heard of for too long, and
    of those that go on at the shutdown. A forked child holds nothing.

    Whoever owns the processors behind it flushes them and shuts them down, after this one.
    """

    def __init__(
        self,
        keep: Keep,
        behind: Sequence[SpanProcessor],
        *,
        metrics_of: Callable[[str], PerformanceMetrics | None],
        max_runs: int = 1_000,
        max_spans: int = 8_192,
        max_bytes: int = MAX_WAITING_BYTES,
        max_open_spans: int = 20_000,
        run_ttl_s: float = 3_600.0,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Hold nothing yet.

        Args:
            keep: Which runs are kept.
            behind: Where spans go on to.
            metrics_of: The numbers of a run, by its id: `get` of an aggregator that is told of a span before this is.
            max_runs: Runs that are undecided at once; of more, the one that was heard of least recently is given up.
            max_spans: Spans that are held at once, of all runs; of more, the run that holds most is given up. By
                default as many as a destination's queue takes, as a run that is kept goes on all at once.
            max_bytes: What they may hold in memory, about; as for `max_spans`.
            max_open_spans: Spans that have started, are not sampled and have not ended; of more, the run of the oldest
                is given up.
            run_ttl_s: A run that nothing was heard of for so long is given up when another begins.
            monotonic_s: The clock of the time to live, and of how long a run that goes on has taken.

        Raises:
            ConfigurationError: A bound is not positive.
        """
        bounds = {
            "max_runs": max_runs,
            "max_spans": max_spans,
            "max_bytes": max_bytes,
            "max_open_spans": max_open_spans,
        }
        for name, value in bounds.items():
            if type(value) is not int or value < 1:
                raise ConfigurationError(f"{name} must be a positive integer, got {value!r}")
        self._keep = keep
        self._behind = tuple(behind)
        self._metrics_of = metrics_of
        self._monotonic_s = monotonic_s
        self._held = HeldRuns(max_runs=max_runs, max_spans=max_spans, max_bytes=max_bytes, ttl_s=run_ttl_s)
        self._open = OpenSpans(most=max_open_spans)
        self._is_shut_down = False
        in_forked_child(self._after_fork)

    @property
    def held_spans(self) -> int:
        """Spans that have ended and not gone on yet: what is behind does not know of them."""
        return self._held.spans

    @property
    def held_bytes(self) -> int:
        """About what the held spans take in memory."""
        return self._held.bytes

    @property
    def given_up_runs(self) -> int:
        """Runs that were given up before they ended, whatever became of them later."""
        return self._held.given_up

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note which run the span starts in, unless it is sampled."""
        try:
            ids = span.context
            if ids is not None and not ids.trace_flags.sampled and not self._is_shut_down:
                self._note(span, ids, get_current() if parent_context is None else parent_context)
            for processor in self._behind:
                processor.on_start(span, parent_context)
        except Exception:
            log_failure(_logger, "a span's start could not be noted for keeping")

    def on_end(self, span: ReadableSpan) -> None:
        """Pass the span on, or hold it while its run goes on."""
        ids = span.context
        if ids is None or ids.trace_flags.sampled:
            self._pass_on((span,))
            return
        try:
            opened = self._open.ended(_key_of(ids))
            if opened.run is None:
                self._pass_on((span,), is_kept=opened.is_kept)
            else:
                self._hold(opened.run, span, ids)
        except Exception:
            log_failure(_logger, "a span could not be held for keeping")

    def shutdown(self) -> None:
        """Let go of what is held, and hold nothing any more."""
        self._is_shut_down = True
        for run in self._held.all():
            self._decide_early(run)
            self._held.forget(run)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing: of a run that goes on it is not known yet whether it is kept."""
        return True

    def _after_fork(self) -> None:
        """Know of no run: the spans are the parent's."""
        self._held.renew()
        self._open.forget()

    def _note(self, span: Span, ids: SpanContext, context: Context) -> None:
        key, above = _key_of(ids), span.parent
        around = None if above is None else _key_of(above)
        run = self._run_at(place_in(context)) or self._run_named_by(span, key, around)
        oldest = self._open.started(key, OpenSpan(run, around))
        if oldest is not None:
            self._give_up(*oldest)

    def _give_up(self, key: SpanKey, span: OpenSpan) -> None:
        """Wait no longer for the end of this span; of a root, that is not to know its run any more."""
        if span.run is not None:
            self._decide_early(span.run)
            if span.run.root == key:
                self._held.forget(span.run)

    def _run_at(self, place: Place | None) -> HeldRun | None:
        """The run around a place that is known: of nested ones, that is the outermost."""
        run: Run | None = None if place is None else place.run
        while run is not None:
            found = self._held.get(run.id)
            if found is not None:
                return found
            run = None if run.parent is None else run.parent.run
        return None

    def _run_named_by(self, span: Span, key: SpanKey, around: SpanKey | None) -> HeldRun | None:
        """The run that begins with this span, or whose id it carries."""
        attributes = attributes_of(span)
        run_id = attributes.get(names.RUN_ID)
        if not isinstance(run_id, str):
            return None
        return self._begun(run_id, key, around) if is_root(attributes) else self._held.get(run_id)

    def _begun(self, run_id: str, key: SpanKey, around: SpanKey | None) -> HeldRun:
        now_s, namesake = self._monotonic_s(), self._held.get(run_id)
        if namesake is not None:
            self._decide_early(namesake)  # it could not be told from the new one
        begun = HeldRun(run_id, key, around=around, begun_s=now_s)
        self._held.begin(begun)
        while (overdue := self._held.overdue(now_s)) is not None:
            self._decide_early(overdue)
        return begun

    def _hold(self, run: HeldRun, span: ReadableSpan, ids: SpanContext) -> None:
        self._pass_on(self._held.add(run, span), is_kept=run.is_kept)
        if run.root == _key_of(ids):
            self._end(run, span)
        else:
            run.heard_of_s = now_s = self._monotonic_s()
            if self._keep.is_slow(run.lasted_ns(now_s)):
                self._decide_early(run)
        while (heaviest := self._held.heaviest()) is not None:
            self._decide_early(heaviest)

    def _end(self, run: HeldRun, root: ReadableSpan) -> None:
        status, duration_ns = attributes_of(root).get(names.STATUS), (root.end_time or 0) - (root.start_time or 0)
        self._decide(run, status=status, duration_ns=duration_ns, has_ended=True)
        self._held.forget(run)

    def _decide_early(self, run: HeldRun) -> None:
        """Decide on a run that goes on, by what is certain of it: it is kept or given up."""
        self._decide(run, status=None, duration_ns=run.lasted_ns(self._monotonic_s()), has_ended=False)

    def _decide(self, run: HeldRun, *, status: object, duration_ns: int, has_ended: bool) -> None:
        if run.is_kept is not None:
            return
        # Before the lock is taken: the aggregator has one of its own, within which a finalizer can end a span.
        is_kept = self._keep.wants(status=status, duration_ns=duration_ns, cost_usd=lambda: self._cost_usd(run.run_id))
        spans = self._held.decide(run, is_kept=is_kept, has_ended=has_ended)
        if spans is None:
            return  # another thread was faster
        if is_kept:
            self._open.keep_around(run)
        self._pass_on(spans, is_kept=is_kept)

    def _cost_usd(self, run_id: str) -> Decimal | None:
        try:
            metrics = self._metrics_of(run_id)
        except Exception:
            log_failure(_logger, "the cost of a run could not be worked out for keeping")
            return None
        return None if metrics is None else metrics.cost_usd_known

    def _pass_on(self, spans: Iterable[ReadableSpan], *, is_kept: bool | None = False) -> None:
        for span in spans:
            one = _sampled(span) if is_kept else span
            for processor in self._behind:
                try:
                    processor.on_end(one)
                except Exception:
                    log_failure(_logger, "a span could not be passed on")


def _key_of(ids: SpanContext) -> SpanKey:
    return ids.trace_id, ids.span_id


def _sampled(span: ReadableSpan) -> ReadableSpan:
    """A copy of the span that differs in nothing but its flag."""
    ids = span.context
    if ids is None:
        return span
    # Not by its constructor: what the SDK knows to have dropped of the span would be lost.
    sampled = copy.copy(span)
    flags = TraceFlags(ids.trace_flags | TraceFlags.SAMPLED)
    sampled._context = SpanContext(ids.trace_id, ids.span_id, ids.is_remote, flags, ids.trace_state)
    return sampled
