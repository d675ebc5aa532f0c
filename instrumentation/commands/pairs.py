"""Pairs: which run of one source is compared with which of another one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from instrumentation.comparing.recorded import RecordedRun
from nanoagent.errors import ConfigurationError

_MAX_NAMED: Final = 8


class Pairs(NamedTuple):
    """The runs of two sources, put together."""

    both: list[tuple[RecordedRun, RecordedRun]]
    alone: tuple[list[RecordedRun], list[RecordedRun]]
    """Those of each source whose goal the other source has no attempt at, or no further one."""


def pairs_of(ones: Sequence[RecordedRun], others: Sequence[RecordedRun]) -> Pairs | None:
    """Put two sources' runs together: the only ones, or those with the same goal, attempt by attempt.

    Args:
        ones: The runs of one source, the oldest first.
        others: Those of the other one.

    Returns:
        `None` where there are several, and not all of them say their goal.
    """
    if len(ones) == len(others) == 1:
        return Pairs([(ones[0], others[0])], ([], []))
    if any(run.goal is None for run in (*ones, *others)):
        return None
    one, other = dict(_by_goal(ones)), dict(_by_goal(others))
    both = [(run, other[key]) for key, run in one.items() if key in other]
    alone = ([run for key, run in found.items() if key not in there] for found, there in ((one, other), (other, one)))
    return Pairs(both, (next(alone), next(alone)))


def picked(runs: Sequence[RecordedRun], choice: str | None, source: str) -> list[RecordedRun]:
    """The runs of a source that are to be compared: those that are in no other one, or the one that was chosen.

    Args:
        runs: All its runs.
        choice: A run's id, how it begins, or its goal; `None` for no choice.
        source: As messages name it.

    Raises:
        ConfigurationError: The choice names no run, or several.
    """
    if choice is None:
        ids = {run.metrics.run_id for run in runs}
        return [run for run in runs if run.metrics.parent_run_id not in ids or run.metrics.parent_run_id is None]
    for found in (
        [run for run in runs if run.metrics.run_id == choice],
        [run for run in runs if run.goal == choice],
        [run for run in runs if str(run.metrics.run_id).startswith(choice)],
    ):
        if len(found) == 1:
            return found
        if found:
            raise ConfigurationError(f"--run must name one run of {source}, got {choice!r}, which fits {_named(found)}")
    there = f"; there are {_named(runs)}" if runs else "; there are none"
    raise ConfigurationError(f"--run must name a run of {source}, got {choice!r}{there}")


def _by_goal(runs: Sequence[RecordedRun]) -> Iterator[tuple[tuple[str | None, int], RecordedRun]]:
    """The runs, each by its goal and the number of the attempt at it."""
    attempts: Counter[str | None] = Counter()
    for run in runs:
        attempts[run.goal] += 1
        yield (run.goal, attempts[run.goal]), run


def _named(runs: Sequence[RecordedRun]) -> str:
    named = ", ".join(str(run.metrics.run_id) for run in runs[:_MAX_NAMED])
    return named + (f" and {len(runs) - _MAX_NAMED:,} more" if len(runs) > _MAX_NAMED else "")
