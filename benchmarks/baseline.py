"""The baseline: results that later ones are compared with. It changes by `--save-baseline` alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.formats import quoted, reason_of
from benchmarks.judging.verdict import VerdictWord
from benchmarks.results import store
from benchmarks.results.results import Results
from nanoagent.errors import ConfigurationError
from nanoagent.texts import plural

_MARKS: Final = (b'"schema_version"', b'"complete"')
_START_BYTES: Final = 100
"""Results say these first, whatever became of the rest; files of attempts say the former only."""
_AS_IT_WAS: Final = "the baseline is as it was"


def check_place(path: Path) -> None:
    """Refuse a place that a baseline cannot take, before any goal is run.

    Raises:
        ConfigurationError: It is a directory, or a file of something else, which is never replaced.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(
            f"--save-baseline must name a file that can be written, got {str(path)!r}: "
            f"{reason_of(error)}; name another one"
        ) from error
    if start.strip() and not all(mark in start for mark in _MARKS):
        raise ConfigurationError(
            f"--save-baseline replaces baselines only, got {str(path)!r}, which is none; name another file"
        )


def check_committed(*, agent: str | None, goals_file: str | None, all_goals: bool) -> None:
    """Refuse to commit the results of anything but all of the benchmark's own goals on its own orchestrator.

    Raises:
        ConfigurationError: They are of something else.
    """
    for option, value in (("--agent", agent), ("--goals", goals_file)):
        if value is not None:
            raise ConfigurationError(
                f"--save-baseline without a FILE is for the benchmark's own goals and orchestrator, got {option} "
                f"{quoted(value)}; say in which file to keep the results"
            )
    if not all_goals:
        raise ConfigurationError(
            "--save-baseline without a FILE needs all goals; leave out --goal and --tier, or say in which file to keep "
            "the results"
        )


def save(path: Path, results: Results, trace_lines: Iterable[bytes], beside: Mapping[str, str]) -> None:
    """Keep results to compare with.

    Args:
        path: The file.
        results: Of a run that came to its end.
        trace_lines: Traces of its attempts, OTLP JSON, a line each.
        beside: Files to write beside it, by their names.

    Raises:
        ConfigurationError: They are not fit to be compared with, or cannot be written.
    """
    _check(results)
    text = store.results_pieces(results.to_dict(), trace_lines)
    files: dict[str, str | Iterable[str]] = {path.name: text, **beside}
    try:
        for name, content in files.items():
            store.write_text(path.parent / name, content)
        if beside:
            store.remove_others(path.parent, beside, store.CHARTS)
    except OSError as error:
        raise ConfigurationError(
            f"--save-baseline must name a file that can be written, got {str(path)!r}: {reason_of(error)}; {_AS_IT_WAS}"
        ) from error


def _check(results: Results) -> None:
    if not results.complete:
        made, planned = len(results.attempts), results.planned_attempts
        raise ConfigurationError(
            f"--save-baseline needs whole results, got {made:,} of {plural(planned, 'attempt')}; {_AS_IT_WAS}"
        )
    unjudged = [row.goal.id for row in results.goals if row.verdict in (None, VerdictWord.ERROR)]
    if unjudged:
        raise ConfigurationError(
            f"--save-baseline needs a verdict on every goal, got none on {', '.join(unjudged)}; {_AS_IT_WAS}"
        )
    if results.verification is not None and results.verification.findings:
        raise ConfigurationError(
            f"--save-baseline needs numbers that every trace bears out, got {results.verification.summary!r}; "
            f"{_AS_IT_WAS}"
        )
