"""The traces that are kept: of the first attempts, and never more than there is room for."""

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.running import traces
from benchmarks.running.traces import KeptTraces
from tests.benchmarks.results_made import attempt


class Traced:
    """Makes attempts of so many spans."""

    def __init__(self, **options: Any) -> None:
        self.kept = KeptTraces(**options)
        provider = TracerProvider()
        provider.add_span_processor(self.kept)
        self._tracer = provider.get_tracer("t")

    def spans(self, count: int) -> str:
        with self._tracer.start_as_current_span("root") as root:
            for _ in range(count - 1):
                self._tracer.start_span("s").end()
        return f"{root.get_span_context().trace_id:032x}"

    def attempted(self, number: int, count: int) -> str:
        trace_id = self.spans(count)
        self.kept.ended(attempt(number=number, trace_id=trace_id))
        return trace_id


def test_of_each_goal_the_first_attempts_are_kept_and_told() -> None:
    told: list[bytes] = []
    made = Traced(keep=told.append)
    ids = [made.attempted(number, 2) for number in range(1, traces.MAX_ATTEMPTS + 2)]
    lines = made.kept.lines(ids)
    assert lines == told
    assert [line.decode().split('"traceId":"')[1][:32] for line in lines] == ids[:-1]
    assert all(line.count(b'"spanId"') == 2 for line in lines)


def test_a_trace_that_there_is_no_room_for_is_not_kept_and_a_smaller_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_SPANS", 10)
    made = Traced()
    first, large, small = (made.attempted(1, count) for count in (6, 5, 4))
    assert len(made.kept.lines([first, large, small])) == 2
    assert made.kept.lines([large]) == []


def test_spans_of_attempts_that_never_end_are_let_go_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_SPANS", 10)
    made = Traced()
    old, new = made.spans(6), made.spans(6)
    for trace_id in (old, new):
        made.kept.ended(attempt(trace_id=trace_id))
    assert made.kept.lines([old]) == []
    assert len(made.kept.lines([new])) == 1


def test_an_attempt_that_was_not_traced_has_none() -> None:
    kept = KeptTraces()
    kept.ended(attempt(trace_id=None))
    assert kept.lines(["0" * 32]) == []


def arrived(kept: KeptTraces, number: int, spans: int) -> str:
    """The id of a trace that was made elsewhere, of an attempt of this number, which has ended."""
    trace_id = f"{number:032x}"
    line = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": trace_id, "spanId": "1"}] * spans}]}]}
    kept.arrived(trace_id, json.dumps(line).encode())
    kept.ended(attempt(number=number, trace_id=trace_id))
    return trace_id


def test_traces_that_were_made_elsewhere_are_kept_under_the_same_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_SPANS", 10)
    told: list[bytes] = []
    kept = KeptTraces(told.append)
    first, large, small = (arrived(kept, number, spans) for number, spans in ((1, 6), (2, 5), (3, 4)))
    assert kept.lines([first, large, small]) == told
    assert [line.count(b'"spanId"') for line in told] == [6, 4]
    assert kept.lines([arrived(kept, traces.MAX_ATTEMPTS + 1, 0)]) == []
