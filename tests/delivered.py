"""Applications whose spans are delivered, for `tests.processes`: each says on stdout what it did, as lines of JSON."""

import asyncio
import atexit
import dataclasses
import json
import resource
import time
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry import trace
from pydantic_ai.messages import ModelResponse

from instrumentation import PerformanceAggregator, Telemetry, configure
from instrumentation.testing import TickingClock
from nanoagent import Orchestrator, PerformanceMetrics, RunResult
from tests.models import CannedModel, Reply, call, executed, plan, reflected, response
from tests.processes import Ended
from tests.runs import add


def say(**facts: Any) -> None:
    """A line of JSON."""
    print(json.dumps(facts), flush=True)  # noqa: T201 - another process reads it


def said_by(ended: Ended) -> dict[str, Any]:
    """All that such a process said."""
    return {key: value for line in ended.stdout.splitlines() for key, value in json.loads(line).items()}


def configured(**options: Any) -> Telemetry:
    """Set up as the environment says; the last that the process says is what became of its spans, and when."""
    handles: list[Telemetry] = []

    def say_last() -> None:
        say(closed_s=time.monotonic(), delivery=[dataclasses.asdict(one) for one in handles[0].delivery()])

    atexit.register(say_last)  # called last, because it is registered first
    handles.append(configure(**options))
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


def one_run_on_a_full_disk() -> None:
    """As `one_run`, but nothing can be written to any file from its beginning on."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    one_run()


def one_run_and_a_callback_that_raises() -> None:
    """As `one_run`, where what is called of a finished run raises, and the application fails, too."""

    def broken(metrics: PerformanceMetrics) -> None:
        raise RuntimeError("the callback's own")

    telemetry = configured(span_processors=[PerformanceAggregator(on_complete=broken)])
    say(status=ran().status, flushed=telemetry.flush())
    raise LookupError("the application's own")


def a_span_and_a_flush(seconds: float) -> None:
    """An application that waits so long for its only span to arrive."""
    telemetry = configured()
    trace.get_tracer("application").start_span("work").end()
    say(flushed=telemetry.flush(seconds))


def many_spans(count: int = 2_000) -> None:
    """An application that ends many spans at once."""
    configured()
    tracer = trace.get_tracer("application")
    for _ in range(count):
        tracer.start_span("work").end()
    say(end_s=time.monotonic())


def a_huge_span() -> None:
    """An application with a span of 25 MB among 99 small ones, in one trace."""
    telemetry = configured()
    tracer = trace.get_tracer("application")
    with tracer.start_as_current_span("s0") as root:
        for number in range(1, 100):
            attributes = {"result": "x" * 25_000_000} if number == 50 else {}
            tracer.start_span(f"s{number}", attributes=attributes).end()
    say(trace_id=format(root.get_span_context().trace_id, "032x"), flushed=telemetry.flush(10))
    say(end_s=time.monotonic())


def runs_of_a_slow_model(seconds: float, call_s: float = 0.05) -> None:
    """An application that runs again and again on a model that takes 50 ms a call; it says what each run took."""
    configured()

    async def run() -> None:
        slow = [_after(call_s, reply) for reply in replies() if isinstance(reply, ModelResponse)]
        orchestrator = Orchestrator("Add.", model=CannedModel(slow))
        orchestrator.registry.register("add", add)
        await orchestrator.run()

    took_s: list[float] = []
    until_s = time.monotonic() + seconds
    while (start_s := time.monotonic()) < until_s:
        asyncio.run(run())
        took_s.append(time.monotonic() - start_s)
    say(took_s=took_s)
    say(end_s=time.monotonic())


def _after(seconds: float, reply: ModelResponse) -> Callable[[], Awaitable[ModelResponse]]:
    async def answer() -> ModelResponse:
        await asyncio.sleep(seconds)
        return reply

    return answer
