"""The benchmark command at work: sets up, runs, writes, prints, and says how to exit."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import typer

from benchmarks import baseline
from benchmarks.against import Against, Compared, against_of
from benchmarks.ending import SERVICE, print_end, shown, trace_lines_of
from benchmarks.formats import reason_of
from benchmarks.interruption import held_back, told_once
from benchmarks.judging.verdict import VerdictWord
from benchmarks.plan import Plan, new_plan, resumed
from benchmarks.reports.ci_summary import append_for_github, summary_for_ci
from benchmarks.reports.files import REPORT, files_of
from benchmarks.reports.terminal import LiveProgress
from benchmarks.request import COMMITTED, Request
from benchmarks.results import store
from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.read_back import read_back
from benchmarks.results.results import Attempt, Results, head_of, row_of
from benchmarks.results.sources import sources_of
from benchmarks.results.traces_file import TracesFile
from benchmarks.running.runner import Listener, Session, run_goals
from benchmarks.running.traces import MAX_ATTEMPTS, KeptTraces
from benchmarks.suite.goals import Goal
from benchmarks.tested import Tested, tested
from instrumentation.commands.output import forget_output
from instrumentation.configuration import configure
from instrumentation.exits import ExitCode, worst
from instrumentation.jaeger import trace_url, ui_url_from_env
from instrumentation.rendering.visible import visible
from instrumentation.selection import JAEGER
from nanoagent.errors import ConfigurationError
from nanoagent.redaction.redactor import redacted
from nanoagent.texts import plural
from nanoagent.tracing.failures import redacted_traceback

EXIT_CODES: Final = {
    VerdictWord.PASS: ExitCode.OK,
    VerdictWord.FAIL: ExitCode.FAILED,
    VerdictWord.ERROR: ExitCode.INCONCLUSIVE,
}
"""What a verdict means for the exit code."""
_EXIT: Final = "got sys.exit({!r}) in a run; let it raise another exception instead"


def execute(request: Request) -> ExitCode:
    """Run the goals, write and print what came of them.

    Raises:
        ConfigurationError: Something that was asked for cannot be used; found before any goal is run, but for a
            baseline that these results are not fit to be, and for results that cannot be written.
    """
    if request.save_baseline is not None:
        baseline.check_place(request.save_baseline)
    subject = tested(request)
    plan = new_plan(request, subject.subject)
    ui_url = ui_url_from_env(os.environ)
    against = against_of(request, plan.provenance, plan.facts, ui_url)
    with _store(request.output) as files:
        if request.resume:
            plan = resumed(plan, request.output, retry_errors=request.retry_errors)
        measured = _measured(request, plan, subject, ui_url)
        with held_back():
            return _concluded(request, measured, subject, against, files)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What came of running goals."""

    results: Results
    traces: KeptTraces
    trace_lines: Sequence[str]
    """Where the traces are."""
    broken_off: ConfigurationError | None
    """Why the run was broken off: a row could not be written, or what is benchmarked exited."""


def _measured(request: Request, plan: Plan, subject: Tested, ui_url: str) -> _Measured:
    traces_file = TracesFile(request.output)
    traces = KeptTraces(traces_file.add)
    with LiveProgress(len(plan.work)) as progress:
        telemetry = configure(service_name=SERVICE, notify=progress.say, span_processors=[traces])
        linked = JAEGER in telemetry.exporters
        session = Session(
            subject=subject.subject,
            is_over=subject.is_over,
            id=plan.provenance.session_id,
            link=(lambda trace_id: trace_url(ui_url, trace_id)) if linked else None,
        )
        try:
            sources = sources_of(telemetry, os.environ, ui_url) if request.verify else ()
            results, broken_off = _run(
                plan, session, _Files(AttemptsFile(request.output), traces_file, traces), progress
            )
            if request.verify and not results.interrupted:
                verification = read_back(results, sources, telemetry, tell=progress.reading)
                results = replace(results, verification=verification)
        finally:
            arrived = telemetry.shutdown()
    trace_lines = trace_lines_of(results, telemetry, ui_url, arrived=arrived)
    return _Measured(results=results, traces=traces, trace_lines=trace_lines, broken_off=broken_off)


def _concluded(
    request: Request, measured: _Measured, subject: Tested, against: Against, files: store.Store
) -> ExitCode:
    results = measured.results
    compared = against.compared(results, measured.traces)
    reports = files_of(results, compared.comparison, compared.why)
    comparison = None if compared.comparison is None else compared.comparison.to_dict()
    text = store.results_text(results.to_dict(), comparison=comparison)
    failure = _write(files, {store.RESULTS: text, **reports})
    _tell_github(results, compared)
    lines = [*subject.lines, *measured.trace_lines]
    unread = _printed(lambda: print_end(results, request.output, lines, compared, written=failure is None))
    problem = measured.broken_off or failure or subject.failure or unread
    if problem is not None:
        raise problem
    if results.interrupted or (results.verification and results.verification.interrupted):
        return ExitCode.INTERRUPTED
    if request.save_baseline is not None:
        _save_baseline(request.save_baseline, measured, reports)
    verified = [results.verification.exit_code] if results.verification else []
    missing = [] if results.complete else [ExitCode.INCONCLUSIVE]
    return worst([*verified, *missing, compared.exit_code, *(EXIT_CODES[verdict] for verdict in results.verdicts)])


@contextmanager
def _store(directory: Path) -> Iterator[store.Store]:
    files = store.Store(directory)
    try:
        yield files
    finally:
        files.close()


class _Files(NamedTuple):
    """What is written while goals run."""

    attempts: AttemptsFile
    traces: TracesFile
    kept: KeptTraces

    def begin(self, plan: Plan) -> None:
        """Start the files with what an earlier run has left."""
        self.attempts.begin(head_of(plan.provenance, plan.facts), [row_of(attempt) for attempt in plan.kept])
        self.kept.restore(self.traces.begin({attempt.trace_id for attempt in plan.kept if attempt.trace_id}))


def _run(
    plan: Plan, session: Session, files: _Files, progress: LiveProgress
) -> tuple[Results, ConfigurationError | None]:
    """The results, and why the run was broken off: a row could not be written, or what is benchmarked exited."""
    attempts: list[Attempt] = []

    def ended(goal: Goal, attempt: Attempt) -> None:
        attempts.append(attempt)
        files.attempts.add(row_of(attempt))
        files.kept.ended(attempt)
        progress.ended(goal)

    def raised(goal: Goal, error: Exception) -> None:
        progress.say(f"{goal.id} could not be judged:\n{redacted_traceback(error)}")

    def troubled(goal: Goal, error: str) -> None:
        progress.say(f"{goal.id}: {redacted(error)}")

    interrupted = False
    problem: ConfigurationError | None = None
    listener = Listener(started=progress.started, ended=ended, raised=raised, troubled=troubled)
    try:
        files.begin(plan)
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(told_once)
            runner.run(run_goals(plan.work, session, concurrency=plan.provenance.concurrency, listener=listener))
    except KeyboardInterrupt:
        interrupted = True
    except store.Unwritable as error:
        problem = error
    except SystemExit as error:
        problem = ConfigurationError(f"{session.subject.name} must not end the process, {_EXIT.format(error.code)}")
    return plan.results(attempts, interrupted=interrupted or problem is not None), problem


def _write(files: store.Store, texts: Mapping[str, str]) -> store.Unwritable | None:
    try:
        files.write(texts)
    except store.Unwritable as error:
        return error
    return None


def _printed(end: Callable[[], None]) -> ConfigurationError | None:
    """Print the end; that nobody reads on changes no verdict."""
    try:
        end()
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
    except OSError as error:
        forget_output()
        reason = reason_of(error)
        return ConfigurationError(f"stdout must have room for what is printed, got {reason}; the results are written")
    return None


def _tell_github(results: Results, compared: Compared) -> None:
    notice = append_for_github(summary_for_ci(results, compared.comparison, compared.why), os.environ)
    if notice is not None:
        typer.echo(visible(notice), err=True)


def _save_baseline(path: Path, measured: _Measured, reports: Mapping[str, str]) -> None:
    beside = {name: text for name, text in reports.items() if name == REPORT or name.endswith(".svg")}
    is_ours = path == COMMITTED
    lines = measured.traces.lines(measured.results.trace_ids)
    baseline.save(path, measured.results, lines, beside if is_ours else {})
    lacking = sum(min(MAX_ATTEMPTS, len(row.attempts)) for row in measured.results.goals) - len(lines)
    without = f", without the traces of {plural(lacking, 'attempt')}, which were not kept" if lacking else ""
    typer.echo(visible(f"Baseline: {shown(path)}{f' and {REPORT} beside it' if is_ours else ''}{without}"))
