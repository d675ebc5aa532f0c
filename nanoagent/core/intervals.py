"""Intervals of time: unions, clipping, and the split of a duration by what ran in it."""

from bisect import bisect_right
from collections.abc import Iterable
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
        length = _length(frame)
        calls, tools = _clipped(calls, frame), _clipped(tools, frame)
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


def _clipped(intervals: list[Interval], frame: list[Interval]) -> list[Interval]:
    """The parts of the intervals that lie inside the disjoint, sorted frame."""
    starts = [low for low, _ in frame]
    parts: list[Interval] = []
    for start, end in intervals:
        position = max(0, bisect_right(starts, start) - 1)
        while position < len(frame) and frame[position][0] < end:
            low, high = frame[position]
            if start < high:
                parts.append((max(start, low), min(end, high)))
            position += 1
    return parts


def _length(intervals: list[Interval]) -> int:
    length = 0
    for start, end in intervals:
        length += end - start
    return length
