"""Intervals of time: unions, clipping, and the split of a duration by what ran in it."""

from bisect import bisect_right
from collections.abc import Iterator

Interval = tuple[int, int]
"""Start and end in nanoseconds, start <= end."""


def time_split(frame: list[Interval], calls: list[Interval], tools: list[Interval]) -> dict[str, int]:
    """How the time of `frame` was spent: the four `*_ns` fields of `Counts`, by rule 14 of the counting rule."""
    frame = union(frame)
    clipped_calls, clipped_tools = list(_clip(calls, frame)), list(_clip(tools, frame))
    llm_ns = _length(union(clipped_calls))
    busy_ns = _length(union(clipped_calls + clipped_tools))
    return {
        "llm_ns": llm_ns,
        "tool_ns": busy_ns - llm_ns,
        "other_ns": _length(frame) - busy_ns,
        "parallel_ns": _length(clipped_calls) + _length(clipped_tools) - busy_ns,
    }


def union(intervals: list[Interval]) -> list[Interval]:
    """The intervals as disjoint ones, in order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _clip(intervals: list[Interval], frame: list[Interval]) -> Iterator[Interval]:
    """The parts of the intervals that lie inside the disjoint, sorted frame."""
    starts = [low for low, _ in frame]
    for start, end in intervals:
        position = max(0, bisect_right(starts, start) - 1)
        while position < len(frame) and frame[position][0] < end:
            low, high = frame[position]
            if start < high:
                yield max(start, low), min(end, high)
            position += 1


def _length(intervals: list[Interval]) -> int:
    return sum(end - start for start, end in intervals)
