"""The conclusion of a benchmark: its results compared, written, printed and, where that is asked for, kept."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from benchmarks import baseline
from benchmarks.against import Against, Compared
from benchmarks.ending import print_end, shown
from benchmarks.formats import reason_of
from benchmarks.judging.verdict import VerdictWord
from benchmarks.reports.ci_summary import append_for_github, summary_for_ci
from benchmarks.reports.files import REPORT, files_of
from benchmarks.request import COMMITTED
from benchmarks.results import store
from benchmarks.results.results import Results
from benchmarks.running.traces import MAX_ATTEMPTS, KeptTraces
from instrumentation.commands.output import forget_output
from instrumentation.exits import ExitCode, worst
from instrumentation.rendering.visible import visible
from nanoagent.errors import ConfigurationError
from nanoagent.texts import plural

EXIT_CODES: Final = {
    VerdictWord.PASS: ExitCode.OK,
    VerdictWord.FAIL: ExitCode.FAILED,
    VerdictWord.ERROR: ExitCode.INCONCLUSIVE,
}
"""What a verdict means for the exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of running goals."""

    results: Results
    traces: KeptTraces
    lines: Sequence[str]
    """What there is to say beside the results: what was spent, and where the traces are."""
    problem: ConfigurationError | None = None
    """Why the run was broken off, or what of it could not be kept."""


def concluded(measured: Measured, against: Against, files: store.Store, *, save_baseline: Path | None) -> ExitCode:
    """Compare, write and print what came of a benchmark.

    Args:
        measured: What came of it.
        against: What it is compared with.
        files: Where results go.
        save_baseline: Where to keep them to compare with; `None` for nowhere.

    Raises:
        ConfigurationError: The results cannot be written, or are not fit to be a baseline.
    """
    results = measured.results
    compared = against.compared(results, measured.traces)
    reports = files_of(results, compared.comparison, compared.why)
    comparison = None if compared.comparison is None else compared.comparison.to_dict()
    failure = _write(files, {store.RESULTS: store.results_pieces(results.to_dict(), comparison=comparison), **reports})
    _tell_github(results, compared)
    unread = printed(lambda: print_end(results, files.directory, measured.lines, compared, written=failure is None))
    problem = measured.problem or failure or unread
    if problem is not None:
        raise problem
    if is_interrupted(results):
        return ExitCode.INTERRUPTED
    if save_baseline is not None:
        _save_baseline(save_baseline, measured, reports)
    return worst([exit_code_of(results), compared.exit_code])


def is_interrupted(results: Results) -> bool:
    """Whether Ctrl-C ended the run, or the reading of its traces."""
    return results.interrupted or (results.verification is not None and results.verification.interrupted)


def exit_code_of(results: Results) -> ExitCode:
    """What the results say, without what they were compared with."""
    verified = [results.verification.exit_code] if results.verification else []
    missing = [] if results.complete else [ExitCode.INCONCLUSIVE]
    return worst([*verified, *missing, *(EXIT_CODES[verdict] for verdict in results.verdicts)])


def printed(end: Callable[[], None]) -> ConfigurationError | None:
    """Print the end; that nobody reads on changes no verdict."""
    try:
        end()
        typer.echo(nl=False)  # flushes, where there is a stdout at all
    except BrokenPipeError:
        forget_output()
    except OSError as error:
        forget_output()
        reason = reason_of(error)
        return ConfigurationError(f"stdout must have room for what is printed, got {reason}; the results are written")
    return None


def _write(files: store.Store, texts: Mapping[str, str | Iterable[str]]) -> store.Unwritable | None:
    try:
        files.write(texts)
    except store.Unwritable as error:
        return error
    return None


def _tell_github(results: Results, compared: Compared) -> None:
    notice = append_for_github(summary_for_ci(results, compared.comparison, compared.why), os.environ)
    if notice is not None:
        typer.echo(visible(notice), err=True)


def _save_baseline(path: Path, measured: Measured, reports: Mapping[str, str]) -> None:
    beside = {name: text for name, text in reports.items() if name == REPORT or name.endswith(".svg")}
    is_ours = path == COMMITTED
    lines = measured.traces.lines(measured.results.trace_ids)
    baseline.save(path, measured.results, lines, beside if is_ours else {})
    lacking = sum(min(MAX_ATTEMPTS, len(row.attempts)) for row in measured.results.goals) - len(lines)
    without = f", without the traces of {plural(lacking, 'attempt')}, which were not kept" if lacking else ""
    typer.echo(visible(f"Baseline: {shown(path)}{f' and {REPORT} beside it' if is_ours else ''}{without}"))
