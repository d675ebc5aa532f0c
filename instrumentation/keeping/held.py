"""The spans of runs that are not decided yet, held within bounds."""

import threading
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.otlp.sizes import held_bytes_of
from nanoagent.core.performance import NS_PER_S

SpanKey = tuple[int, int]
"""Trace id and span id."""


class HeldRun:
    """An outermost run that goes on, and those of its spans that have ended."""

    __slots__ = ("around", "begun_s", "bytes", "heard_of_s", "is_kept", "root", "run_id", "spans")

    def __init__(self, run_id: str, root: SpanKey, *, around: SpanKey | None, begun_s: float) -> None:
        """Begin with no span; `around` is the span that the root is below."""
        self.run_id: Final = run_id
        self.root: Final = root
        self.around: Final = around
        self.begun_s: Final = begun_s
        self.heard_of_s = begun_s
        self.is_kept: bool | None = None
        """`None` until it is decided; from then on it holds nothing."""
        self.spans: list[tuple[ReadableSpan, int]] = []
        """With what each holds in memory."""
        self.bytes = 0

    def lasted_ns(self, now_s: float) -> int:
        """How long it has taken so far."""
        return int((now_s - self.begun_s) * NS_PER_S)


class HeldRuns:
    """Holds spans until it is decided what becomes of their run. Safe under threads.

    The bounds are those of what is undecided: a run that is decided holds nothing, and is known until its root has
    ended, so that what comes of it goes the same way. Whoever knows of the open roots bounds how many these are.

    Nothing of others is called under its lock, and a finalizer may end a span between any two of its steps: spans are
    put in and taken out one by one, and each is given out once, to whoever has to pass it on.
    """

    def __init__(self, *, max_runs: int, max_spans: int, max_bytes: int, ttl_s: float) -> None:
        """Hold no runs."""
        self._max_runs = max_runs
        self._max_spans = max_spans
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self.renew()

    def renew(self) -> None:
        """Hold no runs, as at the start: in a forked child they are the parent's, and so may the lock be."""
        self.spans = 0
        """Held of all runs."""
        self.bytes = 0
        """About what they hold in memory."""
        self.given_up = 0
        """Runs that were let go before they ended."""
        self._look_again_at_s = 0.0
        self._runs: dict[str, HeldRun] = {}
        """Those that go on."""
        self._undecided: dict[HeldRun, bool] = {}
        """Taking one out is atomic, and decides who decides on it."""
        self._lock = threading.RLock()

    def begin(self, run: HeldRun) -> None:
        """Know a run from now on."""
        self._undecided[run] = True
        self._runs[run.run_id] = run

    def get(self, run_id: str) -> HeldRun | None:
        """The run of this id, if it goes on."""
        return self._runs.get(run_id)

    def forget(self, run: HeldRun) -> None:
        """Know a run no more."""
        with self._lock:
            if self._runs.get(run.run_id) is run:
                del self._runs[run.run_id]

    def add(self, run: HeldRun, span: ReadableSpan) -> Sequence[ReadableSpan]:
        """Hold a span until its run is decided; the spans that have to be passed on: none, or this one."""
        size = held_bytes_of(span)
        with self._lock:
            run.spans.append((span, size))
            run.bytes += size
            self.bytes += size
            self.spans += 1
            return () if run.is_kept is None else self._taken(run)

    def decide(self, run: HeldRun, *, is_kept: bool, has_ended: bool) -> Sequence[ReadableSpan] | None:
        """Decide what becomes of a run, once; its spans, to be passed on, or `None` where it was decided before."""
        with self._lock:
            if not self._undecided.pop(run, False):
                return None
            run.is_kept = is_kept
            if not has_ended and not is_kept:
                self.given_up += 1
            return self._taken(run)

    def heaviest(self) -> HeldRun | None:
        """While more is held than may be: the run that holds most."""
        if self.spans <= self._max_spans and self.bytes <= self._max_bytes:
            return None
        return max(self._undecided.copy(), key=lambda run: run.bytes, default=None)

    def overdue(self, now_s: float) -> HeldRun | None:
        """An undecided run that nothing was heard of for too long, or for the longest time of too many."""
        too_many = len(self._undecided) > self._max_runs
        if not too_many and now_s < self._look_again_at_s:
            return None
        silent = min(self._undecided.copy(), key=lambda run: run.heard_of_s, default=None)
        if silent is None or (not too_many and now_s - silent.heard_of_s <= self._ttl_s):
            self._look_again_at_s = (now_s if silent is None else silent.heard_of_s) + self._ttl_s
            return None
        return silent

    def all(self) -> list[HeldRun]:
        """The runs that go on."""
        return list(self._runs.copy().values())

    def _taken(self, run: HeldRun) -> list[ReadableSpan]:
        taken: list[ReadableSpan] = []
        while run.spans:
            span, size = run.spans.pop()
            run.bytes -= size
            self.bytes -= size
            self.spans -= 1
            taken.append(span)
        taken.reverse()
        return taken
