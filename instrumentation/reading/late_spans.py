"""Late spans: those of traces and runs that were counted already."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from instrumentation.reading.problems import Problems
from nanoagent.texts import plural

MAX_REMEMBERED: Final = 200_000
"""Ids of counted traces and runs that are remembered; the oldest ones are forgotten first."""
_MAX_TOLD: Final = 50
"""Traces whose late spans are told one by one; those of the others are told as one number."""


class LateSpans:
    """Knows what was counted, and counts what comes later; of ids it keeps 8 bytes each."""

    def __init__(self, *, max_remembered: int = MAX_REMEMBERED) -> None:
        self._half = max_remembered // 2
        self._young: set[int] = set()
        self._old: set[int] = set()
        self._late: Counter[str | None] = Counter()
        self._further = 0
        self._lacking: dict[str, str | None] = {}

    def counted(self, traces: Iterable[str | None], runs: Iterable[str]) -> None:
        """Remember the ids of what was counted."""
        self._young.update(map(hash, traces))
        self._young.update(map(_hash_of_run, runs))
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()

    def are_late(self, trace_id: str | None, run_id: str | None, number: int) -> bool:
        """Whether so many spans of this trace and run come too late; they are then counted as such."""
        if not self._knows(hash(trace_id)) and (run_id is None or not self._knows(_hash_of_run(run_id))):
            return False
        if trace_id in self._late or len(self._late) < _MAX_TOLD:
            self._late[trace_id] += number
        else:
            self._further += number
        return True

    def look_for_outer(self, trace_id: str | None, run_id: str) -> None:
        """Note a run in this trace that is nested in another one, if that one was counted."""
        if self._knows(_hash_of_run(run_id)) and len(self._lacking) < _MAX_TOLD:
            self._lacking[run_id] = trace_id

    def tell(self, problems: Problems) -> None:
        """Tell what was left out."""
        for trace_id, number in self._late.items():
            spans = plural(number, "span")
            what = f"{spans} came long after the rest, when it was counted already: left out"
            problems.add(f"trace {trace_id}", what)
        for run_id, trace_id in self._lacking.items():
            what = f"holds a run nested in run {run_id}, which was counted already: that one lacks its numbers"
            problems.add(f"trace {trace_id}", what)
        if self._further:
            problems.add("further traces", f"{self._further:,} spans came when they were counted already: left out")

    def _knows(self, number: int) -> bool:
        return number in self._young or number in self._old


def _hash_of_run(run_id: str) -> int:
    """Another one than that of a trace with the same id."""
    return hash((run_id,))
