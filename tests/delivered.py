"""Applications whose spans are delivered, for `tests.processes`: each says on stdout what it did, as lines of JSON."""

import asyncio
import atexit
import dataclasses
import json
import time
from typing import Any

from opentelemetry import trace

from instrumentation import Telemetry, configure
from instrumentation.testing import TickingClock
from nanoagent import Orchestrator, RunResult
from tests.models import CannedModel, Reply, call, executed, plan, reflected, response
from tests.runs import add


def say(**facts: Any) -> None:
    """A line of JSON."""
    print(json.dumps(facts), flush=True)  # noqa: T201 - another process reads it


def configured() -> Telemetry:
    """Set up as the environment says; the last that the process says is what became of its spans, and when."""
    handles: list[Telemetry] = []

    def say_last() -> None:
        say(closed_s=time.monotonic(), delivery=[dataclasses.asdict(one) for one in handles[0].delivery()])

    atexit.register(say_last)  # called last, because it is registered first
    handles.append(configure())
    return handles[0]


def replies() -> list[Reply]:
    """Of a run of two tasks."""
    return [
        plan("first", "second"),
        response(call("add", a=5, b=3)),
        executed("8"),
        response(call("add", a=8, b=1)),
        executed("9"),
        reflected("8 and 9"),
    ]


def ran() -> RunResult:
    """A run that takes no time and does the same each time."""
    orchestrator = Orchestrator("Add.", model=CannedModel(replies()), clock=TickingClock(), run_id="run-1")
    orchestrator.registry.register("add", add)
    return asyncio.run(orchestrator.run())


def one_run() -> None:
    """An application that runs once, and ends."""
    configured()
    result = ran()
    metrics = {key: value for key, value in result.metrics.to_dict().items() if key != "trace_id"}
    say(output=result.output, status=result.status, metrics=metrics)
    say(end_s=time.monotonic())


def spans_for_a_while(seconds: float = 4.0) -> None:
    """An application that ends a span every 20 ms, and flushes after the first and at its end."""
    telemetry = configured()
    tracer = trace.get_tracer("application")
    tracer.start_span("work").end()
    flushed = [telemetry.flush(0.2)]
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        tracer.start_span("work").end()
        time.sleep(0.02)
    say(flushed=[*flushed, telemetry.flush()])
    say(end_s=time.monotonic())
