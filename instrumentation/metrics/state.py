"""The state of the telemetry itself, as metrics: open and evicted runs, and what became of the spans."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from instrumentation.aggregator import PerformanceAggregator
from instrumentation.delivery.account import DeliveryReport
from instrumentation.keeping.processor import KeepingProcessor
from instrumentation.metrics.labels import DESTINATION, OUTCOME
from instrumentation.metrics.recorder import Recorder

DRAIN_S: Final = 1.0
"""A collection of the metrics waits so long for what has been counted to be recorded."""


def observe(
    meter: Meter,
    *,
    recorder: Recorder,
    aggregator: PerformanceAggregator,
    delivery: Callable[[], Sequence[DeliveryReport]],
    keeping: KeepingProcessor | None = None,
) -> None:
    """Have the state looked at whenever the metrics are collected.

    Observed instruments are collected before the others, so the first of them waits until what has been counted is
    recorded: who looks sees every run that has ended.
    """

    def open_runs(_options: CallbackOptions) -> Iterable[Observation]:
        recorder.drain(DRAIN_S)
        return [Observation(aggregator.open_run_count)]

    def evicted_runs(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(aggregator.evicted_runs)]

    def unrecorded(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(recorder.unrecorded)]

    def spans(_options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(count, {DESTINATION: report.destination, OUTCOME: outcome})
            for report in delivery()
            for outcome, count in (
                ("exported", report.exported_spans),
                ("spooled", report.spooled_spans),
                ("dropped", report.dropped_spans),
                ("sampled_out", report.sampled_out_spans),
            )
        ]

    def pending_spans(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(report.pending_spans, {DESTINATION: report.destination}) for report in delivery()]

    meter.create_observable_gauge("nanoagent.runs.open", [open_runs], "{run}", "Runs that go on")
    meter.create_observable_counter(
        "nanoagent.runs.evicted", [evicted_runs], "{run}", "Runs that were given up before they ended"
    )
    meter.create_observable_counter(
        "nanoagent.unrecorded", [unrecorded], "{item}", "Spans and runs that were counted and are in no metric"
    )
    meter.create_observable_counter(
        "nanoagent.spans", [spans], "{span}", "Spans that ended, by destination and what became of them"
    )
    meter.create_observable_gauge(
        "nanoagent.spans.pending", [pending_spans], "{span}", "Spans that ended and have not arrived so far"
    )
    if keeping is not None:
        _observe_keeping(meter, keeping)


def _observe_keeping(meter: Meter, keeping: KeepingProcessor) -> None:
    def held_spans(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(keeping.held_spans)]

    def undecided_runs(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(keeping.given_up_runs)]

    meter.create_observable_gauge(
        "nanoagent.spans.held", [held_spans], "{span}", "Spans that wait until it is known whether their run is kept"
    )
    meter.create_observable_counter(
        "nanoagent.runs.undecided",
        [undecided_runs],
        "{run}",
        "Runs whose spans were let go before it was known whether they are kept",
    )
