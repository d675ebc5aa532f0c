"""Programs whose runs are worth keeping; each does the same whenever it runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, TracerProvider
from pydantic_ai import Agent
from pydantic_ai.messages import TextPart

from instrumentation.keeping.policy import Keep
from instrumentation.testing import TickingClock
from nanoagent import Orchestrator, PerformanceMetrics, Tracing
from tests.models import CannedModel, Reply, blocking, call, executed, plan, priced, reflected, response

Program = Callable[[TracerProvider], Awaitable[list[PerformanceMetrics]]]
"""Runs on a provider; the numbers of its outermost runs that are worth keeping."""

OUTAGE = RuntimeError("the model is away")


async def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


def fails() -> list[Reply]:
    """One call that is answered, one that is not."""
    return [plan("Add"), OUTAGE]


def succeeds(*tools: str, **fields: Any) -> list[Reply]:
    """Four calls; the second makes calls to tools, all at once."""
    calls = [call(tool, f"c{number}") for number, tool in enumerate(tools)] or [call("add", a=5, b=3)]
    return [plan("Add"), response(*calls), executed("8", **fields), reflected("8")]


def orchestrator(provider: TracerProvider, replies: list[Reply], **options: Any) -> Orchestrator:
    settings: dict[str, Any] = {"run_id": "run-1", "clock": TickingClock(), "tracer_provider": provider}
    tools: Mapping[str, Callable[..., Any]] = options.pop("tools", {})
    made = Orchestrator("What is 5 + 3?", model=CannedModel(replies), **(settings | options))
    for name, tool in {"add": add, **tools}.items():
        made.registry.register(name, tool)
    return made


class Others:
    """Spans of others on the same provider, at times that do not depend on when they are made."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("others")
        self._clock = TickingClock()

    def start(self, name: str, **options: Any) -> trace.Span:
        return self._tracer.start_span(name, start_time=self._clock.now_ns(), **options)

    def end(self, span: trace.Span) -> None:
        span.end(end_time=self._clock.now_ns())

    @contextmanager
    def __call__(self, name: str, **options: Any) -> Iterator[trace.Span]:
        span = self.start(name, **options)
        with trace.use_span(span):
            yield span
        self.end(span)


async def failed(provider: TracerProvider) -> list[PerformanceMetrics]:
    return [(await orchestrator(provider, fails()).run()).metrics]


async def failed_while_planning(provider: TracerProvider) -> list[PerformanceMetrics]:
    return [(await orchestrator(provider, [response(TextPart("?")), response(TextPart("?"))]).run()).metrics]


async def costly(provider: TracerProvider) -> list[PerformanceMetrics]:
    return [(await orchestrator(provider, succeeds(**priced("0.51"))).run()).metrics]


async def slow(provider: TracerProvider) -> list[PerformanceMetrics]:
    clock = TickingClock(step_ns=10 * 10**9)
    return [(await orchestrator(provider, succeeds(), clock=clock).run()).metrics]


async def incomplete(provider: TracerProvider) -> list[PerformanceMetrics]:
    replies: list[Reply] = [plan("Add", "Add again"), response(call("add", a=5, b=3)), executed("8")]
    return [(await orchestrator(provider, replies, max_iterations=1).run()).metrics]


async def cancelled(provider: TracerProvider) -> list[PerformanceMetrics]:
    reached = asyncio.Event()
    made = orchestrator(provider, [plan("Add"), blocking(reached)])
    task = asyncio.create_task(made.run())
    await reached.wait()
    task.cancel()
    await asyncio.wait([task])
    return [made.metrics]


async def nested(provider: TracerProvider) -> list[PerformanceMetrics]:
    """The nested runs succeed, the one around them does not."""

    numbers = count(1)

    async def delegate() -> str:
        """Delegate."""
        inner = orchestrator(provider, succeeds(), run_id=f"inner-{next(numbers)}")
        return (await inner.run()).output

    replies: list[Reply] = [plan("Delegate"), response(call("delegate", "c1"), call("delegate", "c2")), OUTAGE]
    return [(await orchestrator(provider, replies, tools={"delegate": delegate}).run()).metrics]


async def nested_agent_of_high_cost(provider: TracerProvider) -> list[PerformanceMetrics]:
    """What makes the run costly is spent in the run of an agent inside it."""
    agent = Agent(
        CannedModel([response(TextPart("nine"), **priced("0.6"))]),
        name="delegate",
        capabilities=[Tracing(tracer_provider=provider)],
    )

    async def delegate() -> str:
        """Delegate."""
        return (await agent.run("What is 6 + 3?")).output

    made = orchestrator(provider, succeeds("delegate"), tools={"delegate": delegate})
    return [(await made.run()).metrics]


async def own_agent(provider: TracerProvider) -> list[PerformanceMetrics]:
    """An agent's own run, which fails."""
    ended: list[PerformanceMetrics] = []
    tracing = Tracing(tracer_provider=provider, clock=TickingClock(), run_id="run-1", on_complete=ended.append)
    agent = Agent(CannedModel([OUTAGE]), name="own", capabilities=[tracing])
    try:
        await agent.run("What is 5 + 3?")
    except RuntimeError as error:
        assert error is OUTAGE  # noqa: PT017 - what it raises is not what is tried
    return ended


async def streamed(provider: TracerProvider) -> list[PerformanceMetrics]:
    made = orchestrator(provider, fails())
    async with made.run_stream() as events:
        async for _ in events:
            pass
    return [made.metrics]


async def with_spans_of_others(provider: TracerProvider) -> list[PerformanceMetrics]:
    """Inside a tool, one below the other; one ends after the run, one is of the tool's own task."""
    others = Others(provider)
    left: list[trace.Span] = []

    async def query() -> str:
        """Ask a database."""
        with others("query", kind=SpanKind.CLIENT) as span:
            span.add_event("sent", {"rows": 3}, timestamp=1)
            with others("connect"):
                pass
        left.append(others.start("prefetch"))
        return "8"

    metrics = (await orchestrator(provider, [*succeeds("query")[:2], OUTAGE], tools={"query": query}).run()).metrics
    others.end(left[0])
    return [metrics]


async def with_spans_around(provider: TracerProvider) -> list[PerformanceMetrics]:
    """As in a service: the request, and what the framework puts between."""
    others = Others(provider)
    with others("GET /answer", kind=SpanKind.SERVER), others("endpoint"):
        return await failed(provider)


@asynccontextmanager
async def at_once(*works: Awaitable[object]) -> AsyncIterator[None]:
    """Do all of it at once, in tasks of their own."""
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(_awaited(work))
        yield


async def _awaited(work: Awaitable[object]) -> None:
    await work


async def failed_in_tasks(provider: TracerProvider) -> list[PerformanceMetrics]:
    """Many at once, each a trace of its own."""
    made = [orchestrator(provider, fails(), run_id=f"run-{number}") for number in range(20)]
    async with at_once(*(one.run() for one in made)):
        pass
    return [one.metrics for one in made]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A program, and a policy that wants its runs."""

    program: Program
    keep: Keep


COSTLY = Keep(cost_above_usd=0.5)
PROGRAMS: dict[str, Case] = {
    "failed": Case(program=failed, keep=Keep(failed=True)),
    "failed while planning": Case(program=failed_while_planning, keep=Keep(failed=True)),
    "costly": Case(program=costly, keep=COSTLY),
    "slow": Case(program=slow, keep=Keep(slower_than_s=30)),
    "incomplete": Case(program=incomplete, keep=Keep(incomplete=True)),
    "cancelled": Case(program=cancelled, keep=Keep(cancelled=True)),
    "nested": Case(program=nested, keep=Keep(failed=True)),
    "nested, costly": Case(program=nested_agent_of_high_cost, keep=COSTLY),
    "an agent's own": Case(program=own_agent, keep=Keep(failed=True)),
    "streamed": Case(program=streamed, keep=Keep(failed=True)),
    "with spans of others": Case(program=with_spans_of_others, keep=Keep(failed=True)),
    "with spans around": Case(program=with_spans_around, keep=Keep(failed=True)),
    "in tasks": Case(program=failed_in_tasks, keep=Keep(failed=True)),
}
"""By what the runs are that are kept."""
