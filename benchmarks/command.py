"""The benchmark command at work: sets up, runs, writes, prints, and says how to exit."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer

from benchmarks.judging.verdict import VerdictWord
from benchmarks.reports import report
from benchmarks.reports.analysis import analysis
from benchmarks.reports.terminal import LiveProgress, reason_lines, result_table, stdout_console
from benchmarks.results import provenance, store
from benchmarks.results.read_back import read_back
from benchmarks.results.results import Attempt, GoalResults, Provenance, Results, row_of
from benchmarks.results.sources import sources_of
from benchmarks.running.runner import Listener, Session, run_goals
from benchmarks.subjects.models import SCRIPTED, is_scripted, subject_named
from benchmarks.subjects.subject import Subject
from benchmarks.suite.goals import Goal
from instrumentation.configuration import configure
from instrumentation.exits import ExitCode, worst
from instrumentation.jaeger import search_url, trace_url, ui_url_from_env
from instrumentation.rendering.quantities import plural
from instrumentation.rendering.visible import visible
from instrumentation.selection import JAEGER
from instrumentation.telemetry import Telemetry
from nanoagent.errors import ConfigurationError
from nanoagent.redaction.redactor import redacted
from nanoagent.tracing import names
from nanoagent.tracing.failures import redacted_traceback

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
_EXIT: Final = "got sys.exit({!r}) in a run; let it raise another exception instead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for, checked."""

    goals: Sequence[Goal]
    model: str | None
    """`None` for the scripted one, or for the agent's own."""
    agent: str | None
    goals_file: str | None
    concurrency: int
    output: Path
    verify: bool
    """Whether the traces are read back."""
    save_baseline: bool
    settings: Mapping[str, Any]
    """The selection, for the provenance."""


def execute(request: Request) -> ExitCode:
    """Run the goals, write and print what came of them.

    Raises:
        ConfigurationError: Something that was asked for cannot be used; found before any goal is run, but for a
            baseline that these results are not fit to be, and for results that cannot be written.
    """
    ui_url = ui_url_from_env(os.environ)
    subject = _subject(request)
    files = store.Store(request.output)
    with LiveProgress(len(request.goals)) as progress:
        telemetry = configure(service_name=SERVICE, notify=progress.say)
        linked = JAEGER in telemetry.exporters
        session = Session(subject=subject, link=(lambda trace_id: trace_url(ui_url, trace_id)) if linked else None)
        try:
            sources = sources_of(telemetry, os.environ, ui_url) if request.verify else ()
            results, broken_off = _run(request, session, files, progress)
            if request.verify and not results.interrupted:
                verification = read_back(results, sources, telemetry, tell=progress.reading)
                results = replace(results, verification=verification)
        finally:
            arrived = telemetry.shutdown()
    failure = _write(files, results)
    _print(results, request, _trace_lines(results, telemetry, ui_url, arrived=arrived), written=failure is None)
    problem = broken_off or failure
    if problem is not None:
        raise problem
    if results.interrupted or (results.verification and results.verification.interrupted):
        return ExitCode.INTERRUPTED
    if request.save_baseline:
        _save_baseline(results)
    verified = [results.verification.exit_code] if results.verification else []
    return worst([*verified, *(EXIT_CODES[verdict] for verdict in results.verdicts)])


def _subject(request: Request) -> Subject:
    if request.agent is not None:
        from benchmarks.subjects.agents import subject_of

        return subject_of(request.agent, request.model, request.goals[0])
    model = SCRIPTED if request.model is None else request.model
    if request.goals_file is not None and is_scripted(model):
        from benchmarks.scripted.model import check_scripts

        check_scripts(request.goals)
    return subject_named(model)


def _run(
    request: Request, session: Session, files: store.Store, progress: LiveProgress
) -> tuple[Results, ConfigurationError | None]:
    """The results, and why the run was broken off: a row could not be written, or what is benchmarked exited."""
    attempts: dict[str, list[Attempt]] = {goal.id: [] for goal in request.goals}

    def ended(goal: Goal, attempt: Attempt) -> None:
        attempts[goal.id].append(attempt)
        files.add_attempt(row_of(attempt, goal, session.id))
        progress.ended(goal)

    def raised(goal: Goal, error: Exception) -> None:
        progress.say(f"{goal.id} could not be judged:\n{redacted_traceback(error)}")

    def troubled(goal: Goal, error: str) -> None:
        progress.say(f"{goal.id}: {redacted(error)}")

    started_at, interrupted = _now(), False
    problem: ConfigurationError | None = None
    files.begin_attempts()
    listener = Listener(started=progress.started, ended=ended, raised=raised, troubled=troubled)
    try:
        asyncio.run(run_goals(request.goals, session, concurrency=request.concurrency, listener=listener))
    except KeyboardInterrupt:
        interrupted = True
    except store.Unwritable as error:
        problem = error
    except SystemExit as error:
        problem = ConfigurationError(f"{session.subject.name} must not end the process, {_EXIT.format(error.code)}")
    results = Results(
        provenance=_provenance(request, session, started_at),
        goals=[GoalResults(goal=goal, attempts=attempts[goal.id]) for goal in request.goals],
        interrupted=interrupted or problem is not None,
    )
    return results, problem


def _write(files: store.Store, results: Results) -> store.Unwritable | None:
    try:
        files.write_results(results.to_dict(), report.markdown(results))
    except store.Unwritable as error:
        return error
    return None


def _provenance(request: Request, session: Session, started_at: str) -> Provenance:
    subject = session.subject
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
        agent=request.agent,
        goals_file=request.goals_file,
    )


def _print(results: Results, request: Request, trace_lines: Sequence[str], *, written: bool) -> None:
    console = stdout_console()
    console.print(result_table(results))
    lines = ["", analysis(results)[0], *reason_lines(results)]
    if results.provenance.model == SCRIPTED:
        lines.append("The scripted model answers by rules: this measures the framework, not a model's intelligence.")
    if written:
        lines.append(f"Results: {_shown(request.output / store.RESULTS)} and {store.REPORT} beside it")
    lines += trace_lines
    if results.verification is not None:
        lines += results.verification.lines
    if results.interrupted and written:
        done = len(results.attempts)
        goals = plural(len(results.goals), "goal")
        lines.append(f"Interrupted: {done} of {goals} {'is' if len(results.goals) == 1 else 'are'} judged and kept.")
    for line in lines:
        typer.echo(visible(line))


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
    if results.verification is not None and results.verification.findings:
        raise ConfigurationError(
            f"--save-baseline needs numbers that every trace bears out, got {results.verification.summary!r}; "
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
