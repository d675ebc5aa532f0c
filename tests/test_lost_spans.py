"""What a reader sees of a run that lost spans, of real runs: that it is not whole, and what is left of it."""

import asyncio
import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.running.runner import Session, run_attempt
from benchmarks.subjects.models import SCRIPTED, subject_named
from benchmarks.suite.goals import GOALS
from instrumentation.records import record_of
from instrumentation.testing import Capture, TickingClock
from nanoagent.core.records import SpanRecord
from nanoagent.core.runs import CountedRun, runs_in

_IDS = [goal.id for goal in GOALS]


async def spans_of(goal_id: str, captured: Capture) -> list[SpanRecord]:
    """All the spans of an attempt of a goal."""
    goal = next(goal for goal in GOALS if goal.id == goal_id)
    session = Session(
        subject=subject_named(SCRIPTED), tracer_provider=captured.provider, make_clock=TickingClock, id="session"
    )
    await run_attempt(goal, session)
    return [record for span in captured.spans if (record := record_of(span)) is not None]


@pytest.mark.parametrize("goal_id", _IDS)
async def test_a_run_that_lost_any_span_of_its_own_is_not_complete(goal_id: str) -> None:
    captured = Capture()
    spans = await spans_of(goal_id, captured)
    (whole,) = runs_in(spans)
    assert (whole.metrics.complete, whole.missing_parents) == (True, ())
    assert whole.spans == whole.expected_spans == sum(span.run_id is not None for span in spans)
    assert whole.metrics == captured.aggregator.get(str(whole.metrics.run_id))
    for lost in (span for span in spans if span.run_id is not None):
        (run,) = runs_in(span for span in spans if span is not lost)
        assert run.metrics.complete is False
        assert run.spans == whole.spans - 1
        assert run.expected_spans == (None if lost.summary else whole.spans)


async def test_the_span_of_the_benchmark_is_no_part_of_the_run() -> None:
    spans = await spans_of(_IDS[0], Capture())
    (run,) = runs_in(span for span in spans if span.run_id is not None)
    assert run.metrics.complete is True


@cache
def _many() -> tuple[list[SpanRecord], list[CountedRun]]:
    spans: list[SpanRecord] = []
    for number, goal_id in enumerate(_IDS[::4]):
        own = asyncio.run(spans_of(goal_id, Capture()))
        spans += [span._replace(trace_id=f"{number:032x}") for span in own]
    return spans, runs_in(spans)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_order_and_any_duplication_of_many_runs_gives_the_same_numbers(shuffle: random.Random) -> None:
    spans, expected = _many()
    shuffled = [*spans, *shuffle.sample(spans, shuffle.randint(0, len(spans)))]
    shuffle.shuffle(shuffled)
    assert runs_in(shuffled) == expected
