"""Intervals of time: unions, clipping, and the split of a duration by what ran in it."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import NamedTuple

Interval = tuple[int, int]
"""Start and end in nanoseconds, start <= end."""


class TimeSplit(NamedTuple):
    """How time was spent, by rule 14 of the counting rule; the fields of `Counts` of these names."""

    llm_ns: int
    tool_ns: int
    other_ns: int
    parallel_ns: int


def time_split(frame: list[Interval], calls: list[Interval], tools: list[Interval]) -> TimeSplit:
    """How the time of `frame` was spent."""
    if len(frame) == 1:
        # Most parts of most runs have one frame, in which all of what there is lies.
        ((low, high),) = frame
        length = high - low
        if len(calls) == 1 and not tools:
            ((start, end),) = calls
            llm_ns = max(0, min(end, high) - max(start, low))
            return TimeSplit(llm_ns, 0, length - llm_ns, 0)
        calls = [(max(start, low), min(end, high)) for start, end in calls if start < high and end > low]
        tools = [(max(start, low), min(end, high)) for start, end in tools if start < high and end > low]
    else:
        frame = union(frame)
        length, inside = _length(frame), _inside(frame)
        llm_ns = inside(union(calls))
        busy_ns = inside(union(calls + tools)) if tools else llm_ns
        return TimeSplit(llm_ns, busy_ns - llm_ns, length - busy_ns, inside(calls + tools) - busy_ns)
    llm_ns = _covered(calls)
    busy_ns = _covered(calls + tools) if tools else llm_ns
    return TimeSplit(llm_ns, busy_ns - llm_ns, length - busy_ns, _length(calls) + _length(tools) - busy_ns)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The intervals as disjoint ones, in order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _covered(intervals: list[Interval]) -> int:
    """The length of their union."""
    covered, reached = 0, None
    for start, end in sorted(intervals):
        if reached is None:
            reached = start
        if end > reached:
            covered += end - (start if start > reached else reached)
            reached = end
    return covered


def _inside(frame: list[Interval]) -> Callable[[list[Interval]], int]:
    """What adds up the lengths of intervals inside the disjoint, sorted frame."""
    starts = [low for low, _ in frame]
    before = [0, *accumulate(high - low for low, high in frame)]

    def up_to(at: int) -> int:
        """How much of the frame lies before this time."""
        place = bisect_right(starts, at)
        if not place:
            return 0
        end = frame[place - 1][1]
        return before[place] - end + at if at < end else before[place]

    def inside(intervals: list[Interval]) -> int:
        length = 0
        for start, end in intervals:
            length += up_to(end) - up_to(start)
        return length

    return inside


def _length(intervals: list[Interval]) -> int:
    length = 0
    for start, end in intervals:
        length += end - start
    return length
