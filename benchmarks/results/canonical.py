"""The canonical form of results: what is left without times, ids, machine and clocks.

Two runs of the same, with nothing left to chance, are equal in it, however many processes shared the work.
"""

import json
from collections.abc import Container, Mapping
from typing import Any, Final

from benchmarks.judging.measures import MEASURES, is_time
from benchmarks.results.sealed import CHECKSUM, TRACES
from benchmarks.results.store import COMPARISON

_WHERE_AND_WHEN: Final = ("session_id", "machine", "concurrency", "engine", "shard", "parts", "started_at", "ended_at")
"""Of the provenance: the rest says what was measured."""
_IDS: Final = ("run_id", "parent_run_id", "trace_id", "trace_url")
_TIMES: Final = tuple(one.name for one in MEASURES if is_time(one.name))
_CLOCK_SUFFIX: Final = "_ns"


def canonical(results: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical form of results.json, JSON-ready; what came of a baseline is no part of what was measured.

    Args:
        results: The content of results.json, or `Results.to_dict()`.
    """
    statistics = results["statistics"]
    left = _without(results, (COMPARISON, TRACES, CHECKSUM)) | {
        "provenance": _without(results["provenance"], _WHERE_AND_WHEN),
        "goals": [
            {**goal, "attempts": [canonical_attempt(attempt) for attempt in goal["attempts"]]}
            for goal in results["goals"]
        ],
        "statistics": None if statistics is None else _canonical_statistics(statistics),
    }
    found: dict[str, Any] = json.loads(json.dumps(left))  # with lists in the place of tuples
    return found


def canonical_attempt(attempt: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical form of an attempt.

    Args:
        attempt: As results.json has it, or `Attempt.to_dict()`.
    """
    timeless: dict[str, Any] = _timeless(attempt)
    return timeless


def _canonical_statistics(statistics: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of these are ids of goals, which may be called as they like."""
    by_goal, by_tier = (
        {name: _timeless(one) for name, one in statistics[which].items()} for which in ("goals", "tiers")
    )
    return {"goals": by_goal, "tiers": by_tier, "all": _timeless(statistics["all"])}


def _timeless(value: Any) -> Any:
    """The value without the fields, however deep in it, that are ids or times."""
    if isinstance(value, Mapping):
        return {key: _timeless(inner) for key, inner in value.items() if not _varies(key)}
    return [_timeless(inner) for inner in value] if isinstance(value, list | tuple) else value


def _varies(key: str) -> bool:
    return key in _IDS or key in _TIMES or key.endswith(_CLOCK_SUFFIX)


def _without(value: Mapping[str, Any], keys: Container[str]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key not in keys}
