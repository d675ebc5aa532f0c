"""The state of the telemetry itself, as metrics: open and evicted runs, and what became of the spans."""

import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from instrumentation.aggregator import PerformanceAggregator
from instrumentation.delivery.account import DeliveryReport
from instrumentation.keeping.processor import KeepingProcessor
from instrumentation.metrics.labels import DESTINATION, OUTCOME
from instrumentation.metrics.recorder import Recorder

DRAIN_S: Final = 1.0
"""A collection of the metrics waits so long for what has been counted to be recorded, ..."""
MAX_SHARE: Final = 0.5
"""... and for no more than this share of the time that it has: one that takes longer is none."""


@dataclass(frozen=True, kw_only=True)
class _Observed:
    recorder: Recorder
    aggregator: PerformanceAggregator
    delivery: Callable[[], Sequence[DeliveryReport]]
    keeping: KeepingProcessor | None


def observe(
    meter: Meter,
    *,
    recorder: Recorder,
    aggregator: PerformanceAggregator,
    delivery: Callable[[], Sequence[DeliveryReport]],
    keeping: KeepingProcessor | None = None,
) -> None:
    """Have the state looked at whenever the metrics are collected, in the place of what this meter looked at before.

    Observed instruments are collected before the others, so the first of them waits until what has been counted is
    recorded: who looks sees every run that has ended.
    """
    observed = _Observed(recorder=recorder, aggregator=aggregator, delivery=delivery, keeping=keeping)
    made = _MADE.get(meter)
    observer = made() if made is not None else None
    if observer is None:
        _MADE[meter] = weakref.ref(_Observer(meter, observed))
    else:
        observer.observed = observed


class _Observer:
    """The instruments of a meter: there is no way to make them again, or to take back whom they ask."""

    def __init__(self, meter: Meter, observed: _Observed) -> None:
        self.observed = observed
        gauge, counter = meter.create_observable_gauge, meter.create_observable_counter
        gauge("nanoagent.runs.open", [self._open_runs], "{run}", "Runs that go on")
        counter("nanoagent.runs.evicted", [self._evicted_runs], "{run}", "Runs that were given up before they ended")
        counter(
            "nanoagent.unrecorded",
            [self._unrecorded],
            "{item}",
            "Spans and runs that were counted and are in no metric",
        )
        counter("nanoagent.spans", [self._spans], "{span}", "Spans that ended, by destination and what became of them")
        gauge(
            "nanoagent.spans.pending", [self._pending_spans], "{span}", "Spans that ended and have not arrived so far"
        )
        gauge(
            "nanoagent.spans.held",
            [self._held_spans],
            "{span}",
            "Spans that wait until it is known whether their run is kept",
        )
        counter(
            "nanoagent.runs.undecided",
            [self._undecided_runs],
            "{run}",
            "Runs whose spans were let go before it was known whether they are kept",
        )

    def _open_runs(self, options: CallbackOptions) -> Iterable[Observation]:
        self.observed.recorder.drain(min(DRAIN_S, MAX_SHARE * options.timeout_millis / 1_000))
        return [Observation(self.observed.aggregator.open_run_count)]

    def _evicted_runs(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self.observed.aggregator.evicted_runs)]

    def _unrecorded(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self.observed.recorder.unrecorded)]

    def _spans(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(count, {DESTINATION: report.destination, OUTCOME: outcome})
            for report in self.observed.delivery()
            for outcome, count in (
                ("exported", report.exported_spans),
                ("spooled", report.spooled_spans),
                ("dropped", report.dropped_spans),
                ("sampled_out", report.sampled_out_spans),
            )
        ]

    def _pending_spans(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(report.pending_spans, {DESTINATION: report.destination}) for report in self.observed.delivery()
        ]

    def _held_spans(self, _options: CallbackOptions) -> Iterable[Observation]:
        keeping = self.observed.keeping
        return [] if keeping is None else [Observation(keeping.held_spans)]

    def _undecided_runs(self, _options: CallbackOptions) -> Iterable[Observation]:
        keeping = self.observed.keeping
        return [] if keeping is None else [Observation(keeping.given_up_runs)]


_MADE: Final[weakref.WeakKeyDictionary[Meter, weakref.ref[_Observer]]] = weakref.WeakKeyDictionary()
"""The observers live as long as the instruments that ask them."""
