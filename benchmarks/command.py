"""The benchmark command at work: sets up, runs, writes, prints, and says how to exit."""

import asyncio
import os
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer

from benchmarks import provenance, report, store
from benchmarks.analysis import analysis
from benchmarks.goals import Goal
from benchmarks.models import SCRIPTED, Subject, subject_named
from benchmarks.results import Attempt, GoalResults, Provenance, Results, row_of
from benchmarks.runner import Listener, Session, run_goals
from benchmarks.terminal import LiveProgress, reason_lines, result_table, stdout_console
from benchmarks.verdict import VerdictWord
from instrumentation.configuration import configure
from instrumentation.exits import ExitCode, worst
from instrumentation.jaeger import search_url, trace_url, ui_url_from_env
from instrumentation.selection import JAEGER
from instrumentation.telemetry import Telemetry
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names

HOME: Final = Path(__file__).parent
"""Where the committed results are."""
SERVICE: Final = "nanoagent-bench"
"""`service.name` of every trace of a benchmark."""
EXIT_CODES: Final = {
    VerdictWord.PASS: ExitCode.OK,
    VerdictWord.FAIL: ExitCode.FAILED,
    VerdictWord.ERROR: ExitCode.INCONCLUSIVE,
}
"""What a verdict means for the exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for, checked."""

    goals: Sequence[Goal]
    model: str
    concurrency: int
    output: Path
    save_baseline: bool
    settings: Mapping[str, Any]
    """The selection, for the provenance."""


def execute(request: Request) -> ExitCode:
    """Run the goals, write and print what came of them.

    Raises:
        ConfigurationError: Something that was asked for cannot be used; found before any goal is run, but for a
            baseline that these results are not fit to be.
    """
    ui_url = ui_url_from_env(os.environ)
    subject = subject_named(request.model)
    files = store.Store(request.output)
    with LiveProgress(len(request.goals)) as progress:
        telemetry = configure(service_name=SERVICE, notify=progress.say)
        linked = JAEGER in telemetry.exporters
        session = Session(subject=subject, link=(lambda trace_id: trace_url(ui_url, trace_id)) if linked else None)
        try:
            results = _run(request, session, files, progress)
        finally:
            arrived = telemetry.shutdown()
    files.write_results(results.to_dict(), report.markdown(results))
    _print(results, request, _trace_lines(results, telemetry, ui_url, arrived=arrived))
    if results.interrupted:
        return ExitCode.INTERRUPTED
    if request.save_baseline:
        _save_baseline(results)
    return worst(EXIT_CODES[verdict] for verdict in results.verdicts)


def _run(request: Request, session: Session, files: store.Store, progress: LiveProgress) -> Results:
    attempts: dict[str, list[Attempt]] = {goal.id: [] for goal in request.goals}

    def ended(goal: Goal, attempt: Attempt) -> None:
        attempts[goal.id].append(attempt)
        files.add_attempt(row_of(attempt, goal, session.id))
        progress.ended(goal)

    def raised(goal: Goal, error: Exception) -> None:
        progress.say(f"{goal.id} broke in the harness:\n{''.join(traceback.format_exception(error))}")

    started_at, interrupted = _now(), False
    files.begin_attempts()
    listener = Listener(started=progress.started, ended=ended, raised=raised)
    try:
        asyncio.run(run_goals(request.goals, session, concurrency=request.concurrency, listener=listener))
    except KeyboardInterrupt:
        interrupted = True
    return Results(
        provenance=_provenance(request, session, started_at),
        goals=[GoalResults(goal=goal, attempts=attempts[goal.id]) for goal in request.goals],
        interrupted=interrupted,
    )


def _provenance(request: Request, session: Session, started_at: str) -> Provenance:
    subject: Subject = session.subject
    commit, dirty = provenance.commit(HOME.parent)
    return Provenance(
        session_id=session.id,
        model=subject.name,
        token_source=subject.token_source,
        concurrency=request.concurrency,
        settings=request.settings,
        commit=commit,
        dirty=dirty,
        packages=provenance.packages(),
        machine=provenance.machine(),
        started_at=started_at,
        ended_at=_now(),
    )


def _print(results: Results, request: Request, trace_lines: Sequence[str]) -> None:
    console = stdout_console()
    console.print(result_table(results))
    lines = ["", analysis(results)[0], *reason_lines(results)]
    if results.provenance.model == SCRIPTED:
        lines.append("The scripted model answers by rules: this measures the framework, not a model's intelligence.")
    lines += [f"Results: {_shown(request.output / store.RESULTS)} and {store.REPORT} beside it", *trace_lines]
    if results.interrupted:
        done = len(results.attempts)
        lines.append(f"Interrupted: {done} of {len(results.goals)} goals are judged and kept.")
    for line in lines:
        typer.echo(line)


def _trace_lines(results: Results, telemetry: Telemetry, ui_url: str, *, arrived: bool) -> list[str]:
    if not any(attempt.trace_id for _, attempt in results.attempts):
        return ["Traces: not traced"]
    if not telemetry.exporters:
        return ["Traces: not exported; OTEL_EXPORTER=jaeger, file or console sends them"]
    if JAEGER not in telemetry.exporters or not arrived:
        return []
    session = {names.BENCHMARK_SESSION_ID: results.provenance.session_id}
    links = [f"  {goal.id} {attempt.trace_url}" for goal, attempt in results.attempts]
    return [f"Traces: {search_url(ui_url, SERVICE, session)}", *links]


def _save_baseline(results: Results) -> None:
    unjudged = [row.goal.id for row in results.goals if row.verdict in (None, VerdictWord.ERROR)]
    if unjudged:
        raise ConfigurationError(
            f"--save-baseline needs a verdict on every goal, got none on {', '.join(unjudged)}; "
            "the baseline is as it was"
        )
    store.write_baseline(HOME, results.to_dict(), report.markdown(results))
    typer.echo(f"Baseline: {store.BASELINE} and {store.REPORT} in {HOME.name}/")


def _shown(path: Path) -> Path:
    """As one would type it: from here when it is below."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
