"""The baseline: results that later ones are compared with. It changes by `--save-baseline` alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.judging.verdict import VerdictWord
from benchmarks.results import store
from benchmarks.results.results import Results
from nanoagent.errors import ConfigurationError

_AS_IT_WAS: Final = "the baseline is as it was"


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
    text = store.results_text(results.to_dict(), trace_lines)
    try:
        for name, content in {path.name: text, **beside}.items():
            store.write_text(path.parent / name, content)
        if beside:
            store.remove_others(path.parent, beside, store.CHARTS)
    except OSError as error:
        raise ConfigurationError(
            f"--save-baseline must name a file that can be written, got {str(path)!r}: "
            f"{error.strerror or type(error).__name__}; {_AS_IT_WAS}"
        ) from error


def _check(results: Results) -> None:
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
