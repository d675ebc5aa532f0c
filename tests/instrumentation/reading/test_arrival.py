"""Traces that are on their way: waited for until all is there or 15 s are over, and never taken for whole before."""

from collections.abc import Sequence

import pytest

from instrumentation.reading.arrival import Arrival, Patience, lack_of
from instrumentation.reading.jaeger_errors import JaegerDown, JaegerError, JaegerNotReady, TraceNotFound
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.runs import CountedRun

Look = Sequence[CountedRun] | JaegerError


def run(
    spans: int, expected: int | None = 17, *, ended: bool = True, run_id: str = "r", missing: tuple[str, ...] = ()
) -> CountedRun:
    metrics = PerformanceMetrics(run_id=run_id, end_time_unix_ns=9 if ended else None)
    return CountedRun(metrics, spans, expected, missing)


class World:
    """A clock that moves while somebody sleeps, and a trace that comes bit by bit."""

    def __init__(self, *looks: Look, takes_s: float = 0.0) -> None:
        self.now_s = 1_000.0
        self.slept: list[float] = []
        self.told: list[str] = []
        self.looked = 0
        self._looks = looks
        self._takes_s = takes_s
        self.patience = Patience(monotonic_s=lambda: self.now_s, sleep=self._sleep, tell=self.told.append)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def read(self) -> Sequence[CountedRun]:
        look = self._looks[min(self.looked, len(self._looks) - 1)]
        self.looked += 1
        self.now_s += self._takes_s
        if isinstance(look, JaegerError):
            raise look
        return look


NOT_YET = TraceNotFound("no such trace, or not yet")
WHOLE = run(17)


def test_a_trace_that_comes_bit_by_bit_is_waited_for_until_its_span_count_is_right() -> None:
    world = World(NOT_YET, [run(5, None, ended=False)], [run(12)], [WHOLE])
    assert world.patience.wait_for(world.read) == Arrival([WHOLE])
    assert world.told == [
        "no such trace, or not yet",
        "incomplete, 5 spans without the run's root, which says how many there are",
        "incomplete, 12 of 17 spans",
    ]
    assert world.slept == [0.2] * 3


def test_a_trace_that_is_there_is_not_waited_for() -> None:
    world = World([WHOLE])
    assert world.patience.wait_for(world.read) == Arrival([WHOLE])
    assert (world.slept, world.told) == ([], [])


def test_half_a_trace_is_said_to_be_incomplete_after_15_s_and_never_taken_for_whole() -> None:
    half = run(12)
    world = World([half])
    assert world.patience.wait_for(world.read) == Arrival([half], "incomplete, 12 of 17 spans")
    assert world.now_s == 1_015


def test_a_trace_that_never_comes_is_said_to_be_not_there() -> None:
    world = World(NOT_YET)
    assert world.patience.wait_for(world.read) == Arrival((), "no such trace, or not yet")
    assert sum(world.slept) == pytest.approx(15)


def test_every_run_of_the_trace_must_be_whole() -> None:
    other = run(3, 4, run_id="other")
    world = World([WHOLE, other])
    arrival = world.patience.wait_for(world.read, "r")
    assert arrival == Arrival([WHOLE, other], "incomplete, 3 of 4 spans")
    assert (arrival.run("r"), arrival.run("other"), arrival.run("none")) == (WHOLE, other, None)


@pytest.mark.parametrize(
    ("look", "run_id", "lack"),
    [([], None, "no run of an agent is in the trace"), ([WHOLE], "mine", "run mine is not in the trace")],
)
def test_a_run_that_is_not_in_its_trace_is_waited_for(
    look: Sequence[CountedRun], run_id: str | None, lack: str
) -> None:
    world = World(look)
    assert world.patience.wait_for(world.read, run_id) == Arrival(look, lack)
    assert world.now_s == 1_015


def test_traces_that_are_waited_for_together_share_the_time_and_each_is_looked_at() -> None:
    world = World(NOT_YET)
    for number in range(1, 27):
        world.patience.wait_for(world.read)
        assert world.looked == 76 + number - 1
    assert world.now_s == 1_015


def test_a_jaeger_that_fails_for_a_moment_is_asked_again() -> None:
    world = World(JaegerNotReady("status 500"), [WHOLE])
    assert world.patience.wait_for(world.read) == Arrival([WHOLE])


@pytest.mark.parametrize("error", [JaegerDown("nothing listens"), JaegerError("a page of HTML")])
def test_what_waiting_does_not_help_is_raised_at_once(error: JaegerError) -> None:
    world = World(error)
    with pytest.raises(type(error), match=str(error)):
        world.patience.wait_for(world.read)
    assert world.slept == []


def test_a_slow_jaeger_is_asked_less_often() -> None:
    world = World([run(12)], takes_s=4.0)
    world.patience.wait_for(world.read)
    assert world.slept == [4.0, 3.0]
    assert world.looked == 3


@pytest.mark.parametrize(
    ("found", "lack"),
    [
        (run(17), None),
        (run(17, None), None),
        (run(16), "incomplete, 16 of 17 spans"),
        (run(18), "not in order, 18 spans where the run's root says 17"),
        (run(1, None, ended=False), "incomplete, 1 span without the run's root, which says how many there are"),
        (run(9, None, missing=("a",)), "incomplete, 9 spans without the parents of some of them"),
    ],
)
def test_what_a_run_lacks_is_said_in_spans(found: CountedRun, lack: str | None) -> None:
    assert lack_of(found) == lack
