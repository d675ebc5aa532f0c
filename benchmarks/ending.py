"""The end of a benchmark as a person sees it on stdout: the table, why goals did not pass, where everything is."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import typer

from benchmarks.against import Compared
from benchmarks.reports.analysis import headline
from benchmarks.reports.files import REPORT
from benchmarks.reports.terminal import reason_lines, result_table, stdout_console
from benchmarks.request import RAY
from benchmarks.results import store
from benchmarks.results.results import Results
from benchmarks.subjects.models import SCRIPTED
from instrumentation.jaeger import search_url
from instrumentation.rendering.visible import visible
from instrumentation.selection import JAEGER
from instrumentation.telemetry import Telemetry
from nanoagent.texts import plural
from nanoagent.tracing import names

SERVICE: Final = "nanoagent-bench"
"""`service.name` of every trace of a benchmark."""
MOST_GOALS: Final = 5
"""Goals of which is said why they are worse; the report says it of all."""
MOST_FINDINGS: Final = 2
"""Of each of them."""
_AFTER_ALL: Final = "When every shard has ended, put them together:"
_RULES: Final = "The scripted model answers by rules: this measures the framework, not a model's intelligence."


def print_end(
    results: Results, directory: Path, more_lines: Sequence[str], compared: Compared, *, written: bool
) -> None:
    """Print what came of the goals.

    Args:
        results: What came of them.
        directory: Where the results are.
        more_lines: What was spent and recorded, and where the traces are.
        compared: What came of the baseline.
        written: Whether the results could be written.
    """
    stdout_console().print(result_table(results))
    lines = ["", headline(results), *reason_lines(results)]
    lines += _rules(results)
    lines += _compared(compared)
    if written:
        lines.append(f"Results: {shown(directory / store.RESULTS)} and {REPORT} beside it")
    lines += [*more_lines, *_verified(results)]
    if results.interrupted and written:
        lines += _interrupted(results)
    for line in lines:
        typer.echo(visible(line))


def print_shard(results: Results, path: Path, more_lines: Sequence[str]) -> None:
    """Print what came of a shard.

    Args:
        results: What came of it.
        path: The file with its attempts.
        more_lines: What was spent and recorded, and where the traces are.
    """
    own = _dealt(results)
    lines = [f"Attempts: {len(results.attempts):,} of {results.planned_attempts:,} in {shown(path)}"]
    if own.goals:
        stdout_console().print(result_table(own))
        lines = ["", headline(own), *reason_lines(own), *_rules(own), *lines]
    if results.interrupted:
        further = _interrupted(results)
    else:
        further = [_AFTER_ALL, f"  {_command('merge', str(shown(path.parent)))}"]
    for line in [*lines, *more_lines, *_verified(results), *further]:
        typer.echo(visible(line))


def trace_lines_of(results: Results, telemetry: Telemetry, ui_url: str, *, arrived: bool) -> list[str]:
    """Where the traces are, a line each."""
    if not any(attempt.trace_id for _, attempt in results.attempts):
        return ["Traces: not traced"]
    if not telemetry.exporters:
        return ["Traces: not exported; OTEL_EXPORTER=jaeger, file or console sends them"]
    if JAEGER not in telemetry.exporters or not arrived:
        return []
    session = {names.BENCHMARK_SESSION_ID: results.provenance.session_id}
    links = [f"  {goal.id} {attempt.trace_url}" for goal, attempt in results.attempts]
    return [f"Traces: {search_url(ui_url, SERVICE, session)}", *links]


def shown(path: Path) -> Path:
    """As one would type it: from here when it is below."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path


def _compared(compared: Compared) -> list[str]:
    """What became of the baseline, and where the goals that are worse part from it."""
    if compared.line is None:
        return []
    by_goal: dict[str, dict[str, None]] = {}
    for (goal_id, _), why in compared.why.items():
        by_goal.setdefault(goal_id, {}).update(dict.fromkeys(why.findings))
    parted = [
        f"  {id_}: {text}" for id_, texts in list(by_goal.items())[:MOST_GOALS] for text in [*texts][:MOST_FINDINGS]
    ]
    left = len(by_goal) - MOST_GOALS
    return [compared.line, *parted, *([f"  {plural(left, 'more goal')}: see {REPORT}"] if left > 0 else [])]


def _rules(results: Results) -> list[str]:
    return [_RULES] if results.provenance.model == SCRIPTED else []


def _verified(results: Results) -> list[str]:
    return results.verification.lines if results.verification else []


def _dealt(results: Results) -> Results:
    """What a shard has of its benchmark, as results of their own: it says nothing of how often goals are attempted."""
    ids = {goal_id for goal_id, _ in results.planned}
    own = [row for row in results.goals if row.goal.id in ids]
    return replace(results, goals=own, provenance=replace(results.provenance, repeat=1, shard=None))


def _interrupted(results: Results) -> list[str]:
    done, planned = len(results.attempts), results.planned_attempts
    source = results.provenance
    what = "goal" if source.repeat == 1 and source.shard is None else "attempt"
    line = f"Interrupted: {done:,} of {plural(planned, what)} {'is' if planned == 1 else 'are'} judged and kept"
    if results.complete:
        return [f"{line}."]
    return [f"{line}; go on with:", f"  {_again(by_ray=source.engine is not None)}"]


def _again(*, by_ray: bool) -> str:
    """The command that goes on, as it was typed."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    return _command(*arguments, "--resume", extras=["--extra", RAY] if by_ray else [])


def _command(*arguments: str, extras: Sequence[str] = ()) -> str:
    return shlex.join(["uv", "run", *extras, "python", str(shown(Path(sys.argv[0]))), *arguments])
