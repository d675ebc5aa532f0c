"""The benchmark command at work: sets up, runs goals, and says how to exit."""

import asyncio
import os
from contextlib import ExitStack
from dataclasses import replace
from typing import Final, NamedTuple

from benchmarks import baseline
from benchmarks.against import Against, against_of
from benchmarks.concluding import Measured, concluded, exit_code_of, is_interrupted, printed
from benchmarks.ending import SERVICE, print_shard, trace_lines_of
from benchmarks.engines import choice
from benchmarks.engines.crew import NobodyLeft
from benchmarks.interruption import held_back, told_once
from benchmarks.plan import Plan, new_plan, resumed
from benchmarks.reports.terminal import LiveProgress
from benchmarks.request import Request
from benchmarks.results import store
from benchmarks.results.attempts_file import AttemptsFile
from benchmarks.results.read_back import read_back
from benchmarks.results.results import Attempt, Results, end_of, head_of, row_of
from benchmarks.results.sources import sources_of
from benchmarks.results.traces_file import TracesFile
from benchmarks.running.runner import Engine, Listener, Session, run_goals
from benchmarks.running.traces import KeptTraces
from benchmarks.suite.goals import Goal
from benchmarks.tested import Tested, tested
from instrumentation.configuration import configure
from instrumentation.exits import ExitCode
from instrumentation.jaeger import trace_url, ui_url_from_env
from instrumentation.selection import JAEGER
from nanoagent.errors import ConfigurationError
from nanoagent.redaction.redactor import redacted
from nanoagent.tracing.failures import redacted_traceback

_EXIT: Final = "got sys.exit({!r}) in a run; let it raise another exception instead"


def execute(request: Request) -> ExitCode:
    """Run the goals, write and print what came of them.

    Raises:
        ConfigurationError: Something that was asked for cannot be used; found before any goal is run, but for a
            baseline that these results are not fit to be, and for results that cannot be written.
    """
    choice.check(request)
    if request.save_baseline is not None:
        baseline.check_place(request.save_baseline)
    subject = tested(request)
    plan = new_plan(request, subject.subject)
    ui_url = ui_url_from_env(os.environ)
    against = _against(request, plan, ui_url)
    with store.opened(request.output, request.shard) as files, ExitStack() as end:
        if request.resume:
            plan = resumed(plan, request.output, retry_errors=request.retry_errors)
        measured = _measured(request, plan, subject, ui_url, end)
        with held_back():
            if request.shard is not None:
                return _ended_shard(request, measured)
            return concluded(measured, against, files, save_baseline=request.save_baseline)


def _against(request: Request, plan: Plan, ui_url: str) -> Against:
    """What a run is compared with; a shard with nothing, since it is no whole."""
    if request.shard is not None:
        return Against()
    return against_of(
        request.baseline,
        plan.provenance,
        plan.facts,
        ui_url,
        is_usual=request.own_goals and request.save_baseline is None,
    )


def _measured(request: Request, plan: Plan, subject: Tested, ui_url: str, end: ExitStack) -> Measured:
    traces_file = TracesFile(request.output, request.shard)
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
        engine: Engine = session
        try:
            sources = sources_of(telemetry, os.environ, ui_url) if request.verify else ()
            files = _Files(AttemptsFile(request.output, request.shard), traces_file, traces)
            engine = choice.engine_of(
                request,
                plan,
                session,
                telemetry,
                service_name=SERVICE,
                traces=traces,
                say=progress.say,
                tell=progress.reading,
            )
            results, broken_off = _run(plan, engine, files, progress, end)
            if request.verify and not results.interrupted:
                verification = read_back(results, sources, telemetry, tell=progress.reading)
                results = replace(results, verification=verification)
        finally:
            arrived = engine.close()
            arrived = telemetry.shutdown() and arrived
    trace_lines = trace_lines_of(results, telemetry, ui_url, arrived=arrived)
    return Measured(
        results=results,
        traces=traces,
        lines=[*subject.lines, *trace_lines],
        problem=broken_off or subject.failure,
    )


def _ended_shard(request: Request, measured: Measured) -> ExitCode:
    """Print what came of a shard; say at the end of its file that all is made, where it is."""
    results = measured.results
    file = AttemptsFile(request.output, request.shard)
    over = is_interrupted(results) or measured.problem is not None
    if results.complete and not over:
        file.end(end_of(results))
    unread = printed(lambda: print_shard(results, file.path, measured.lines))
    problem = measured.problem or unread
    if problem is not None:
        raise problem
    return ExitCode.INTERRUPTED if over else exit_code_of(results)


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
    plan: Plan, engine: Engine, files: _Files, progress: LiveProgress, end: ExitStack
) -> tuple[Results, ConfigurationError | None]:
    """The results, and why the run was broken off, where it was."""
    attempts: list[Attempt] = []

    def ended(goal: Goal, attempt: Attempt) -> None:
        attempts.append(attempt)
        files.attempts.add(row_of(attempt))
        files.kept.ended(attempt)
        progress.ended(goal)

    def raised(goal: Goal, error: BaseException) -> None:
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
            runner.run(run_goals(plan.work, engine, concurrency=plan.provenance.concurrency, listener=listener))
    except KeyboardInterrupt:
        end.enter_context(held_back())  # another one would be in the way of keeping what is there
        interrupted = True
    except (store.Unwritable, NobodyLeft) as error:
        problem = error
    except SystemExit as error:
        problem = ConfigurationError(f"{plan.provenance.model} must not end the process, {_EXIT.format(error.code)}")
    return plan.results(attempts, interrupted=interrupted or problem is not None), problem
