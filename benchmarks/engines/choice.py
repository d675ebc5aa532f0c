"""Which engine makes the attempts of a run."""

import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.engines import refusals
from benchmarks.engines.job import Job, settings_in, withheld_in
from benchmarks.plan import Plan
from benchmarks.request import RAY, Request
from benchmarks.running.runner import Engine, Session
from benchmarks.running.traces import KeptTraces
from instrumentation.selection import EXPORTER_VARIABLE, NONE
from instrumentation.telemetry import Telemetry


def check(request: Request) -> None:
    """Refuse what the engine cannot do.

    Raises:
        ConfigurationError: There is something.
    """
    if request.engine == RAY:
        refusals.check(request, os.environ)


def engine_of(
    request: Request,
    plan: Plan,
    session: Session,
    telemetry: Telemetry,
    *,
    service_name: str,
    traces: KeptTraces,
    say: Callable[[str], object],
    tell: Callable[[str], object],
) -> Engine:
    """The engine that a request asks for, ready to begin; this process itself where there is nothing to do.

    Args:
        request: What is asked for.
        plan: The attempts.
        session: What they share in this process.
        telemetry: Where this process's spans would go.
        service_name: Of every trace.
        traces: Keeps the traces of first attempts.
        say: Takes each line that a person should see.
        tell: Told what is waited for.

    Raises:
        ConfigurationError: The engine cannot be used.
    """
    if request.engine != RAY or not plan.work:
        return session
    from benchmarks.engines.ray_engine import start_ray

    # What the environment of a worker says of it would be somebody else's choice.
    chosen = {EXPORTER_VARIABLE: ",".join(telemetry.exporters) or NONE}
    job = Job(
        request=request,
        session_id=session.id,
        service_name=service_name,
        settings=settings_in(os.environ) | chosen,
        directory=None if request.ray_address else Path.cwd(),
    )
    withheld = withheld_in(os.environ) if request.ray_address else []
    if withheld:
        say(f"not sent to the cluster, since it may hold credentials: {', '.join(withheld)}; its nodes must have it")
    tell("starting Ray")
    return start_ray(
        job,
        session,
        concurrency=min(plan.provenance.concurrency, len(plan.work)),
        traces=traces,
        say=say,
    )
