"""Cancellation: whatever a run is doing when it is cancelled, it ends whole, and says so."""

import asyncio
import gc
import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart

from instrumentation.testing import Capture
from nanoagent import Orchestrator, PerformanceMetrics, Tracing
from tests.models import CannedModel, Reply, call, executed, plan, reflected, response
from tests.nanoagent.tracing.test_streams import OpenSpans
from tests.runs import add

CANCELLED = "asyncio.exceptions.CancelledError"
MESSAGE = "enough of this"
MAX_STEPS = 2_000
SLOW = pytest.mark.slow
Work = Callable[[], Awaitable[object]]

pytestmark = pytest.mark.skipif(
    os.environ.get("NANOAGENT_VERSIONS") == "oldest",
    reason="pydantic-ai 2.62 leaves tasks of its own pending when it is cancelled, also without tracing",
)


@dataclass(kw_only=True)
class Trial:
    """One run that is broken off, and all that it leaves behind."""

    captured: Capture = field(default_factory=Capture)
    spans: OpenSpans = field(default_factory=OpenSpans)
    numbers: Callable[[], PerformanceMetrics | None] = lambda: None
    """The run's own numbers."""
    also_args: tuple[()] | None = None
    """What a cancellation may carry instead of its message."""
    context_kept: bool = False
    completed: bool = False
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.captured.provider.add_span_processor(self.spans)

    async def watched(self, work: Work) -> None:
        before = otel_context.get_current()
        try:
            await work()
            self.completed = True
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.context_kept = otel_context.get_current() == before


Scene = Callable[[Trial], Work]
"""Prepares a run of a trial."""


class Stepping(CannedModel):
    """Lets the event loop turn before it answers, as a real one does."""

    async def request(self, *args: Any) -> ModelResponse:
        await asyncio.sleep(0)
        return await super().request(*args)

    @asynccontextmanager
    async def request_stream(self, *args: Any) -> AsyncIterator[Any]:
        await asyncio.sleep(0)
        async with super().request_stream(*args) as stream:
            yield stream
            await asyncio.sleep(0)


def orchestrator_of(trial: Trial, *replies: Reply) -> Orchestrator:
    model = Stepping(replies, before_chunk=lambda _: asyncio.sleep(0))
    orchestrator = Orchestrator("goal", model=model, run_id="run-1", tracer_provider=trial.captured.provider)
    for tool in (add, wait, delegate):
        orchestrator.registry.register(tool.__name__, tool)
    trial.numbers = lambda: orchestrator.metrics
    return orchestrator


async def wait() -> str:
    """Wait, and tidy up after it."""
    try:
        await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)
    return "waited"


async def delegate() -> str:
    """Let another run work."""
    inner = CannedModel([plan("a"), executed("4"), reflected("4")])
    return (await Orchestrator("inner", model=inner, run_id="run-2").run()).output


def two_iterations(trial: Trial) -> Orchestrator:
    tools = response(call("add", "c1", a=1, b=2), call("wait", "c2"))
    return orchestrator_of(trial, plan("Add", "Say"), tools, executed("3"), executed("4"), reflected("3 and 4"))


def run(trial: Trial) -> Work:
    return two_iterations(trial).run


def nested_run(trial: Trial) -> Work:
    return orchestrator_of(trial, plan("Ask"), response(call("delegate")), executed("4"), reflected("4")).run


def short_run(trial: Trial) -> Work:
    return orchestrator_of(trial, plan("Say"), executed("4"), reflected("4")).run


def waited_for(trial: Trial) -> Work:
    work = short_run(trial)
    return lambda: asyncio.wait_for(work(), 60)


def read(trial: Trial) -> Work:
    orchestrator = two_iterations(trial)

    async def work() -> None:
        async with orchestrator.run_stream() as events:
            async for _ in events:
                pass

    return work


SPOKEN = (
    response(TextPart("one two"), call("add", "c1", a=1, b=2), call("wait", "c2"), call("nope", "c3")),
    response(TextPart("three four")),
)


def agent_of(trial: Trial, *replies: ModelResponse) -> Agent[None, str]:
    model = Stepping(replies or SPOKEN, before_chunk=lambda _: asyncio.sleep(0))
    ended: list[PerformanceMetrics] = []
    trial.numbers = lambda: ended[0] if ended else None
    trial.also_args = ()  # pydantic-ai loses the message where it opens a stream
    tracing = Tracing(tracer_provider=trial.captured.provider, run_id="run-1", on_complete=ended.append)
    return Agent(model, name="own", tools=[add, wait], capabilities=[tracing])


def agent_run(trial: Trial) -> Work:
    return lambda: agent_of(trial).run("go")


def agent_stream(trial: Trial) -> Work:
    async def work() -> None:
        async with agent_of(trial).run_stream("go") as result:
            async for _ in result.stream_text(debounce_by=None):
                await asyncio.sleep(0)

    return work


def agent_events(trial: Trial) -> Work:
    async def work() -> None:
        async with agent_of(trial).run_stream_events("go") as events:
            async for _ in events:
                await asyncio.sleep(0)

    return work


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def cancelled_at(step: int, scene: Scene, *, again_after: int | None = None) -> Trial:
    """Cancel the scene's run after so many turns of the event loop; perhaps once more while it unwinds."""
    trial = Trial()
    task = asyncio.create_task(trial.watched(scene(trial)))
    await turns(step)
    task.cancel(MESSAGE)
    if again_after is not None:
        await turns(again_after)
        task.cancel(MESSAGE)
    await asyncio.wait({task})
    await turns(10 if again_after is not None else 0)
    return trial


async def steps_of(scene: Scene, *, every: int = 1, again_after: int | None = None, with_loop: bool = False) -> int:
    """Cancel it at each step until there is none left, check what each time leaves, and count the steps.

    Args:
        scene: What to cancel.
        every: Leave out the steps that are no multiple of it.
        again_after: Cancel once more, so many turns later.
        with_loop: Whether it may leave tasks to the end of the event loop.
    """
    for step in range(0, MAX_STEPS, every):
        tasks = asyncio.all_tasks()
        trial = await cancelled_at(step, scene, again_after=again_after)
        if with_loop:
            await end(asyncio.all_tasks() - tasks)
        check(trial)
        if trial.completed:
            break
    return step


async def end(tasks: set[asyncio.Task[Any]]) -> None:
    """End them as `asyncio.run` does when it ends."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def until(step: int, work: Work) -> Work:
    """The work under a deadline that passes at this step."""

    async def bounded() -> None:
        async with asyncio.timeout(None) as deadline:
            passing = asyncio.create_task(pass_after(step, deadline))
            await work()
        await passing

    return bounded


async def pass_after(step: int, deadline: asyncio.Timeout) -> None:
    await turns(step)
    with suppress(RuntimeError):  # the block has been left
        deadline.reschedule(asyncio.get_running_loop().time())


def check(trial: Trial) -> None:
    """The run has ended whole: all that it must be, whenever it was cancelled."""
    spans = trial.captured.spans
    assert (trial.spans.open, trial.spans.started) == (0, len(spans))
    if not spans:
        return
    if not trial.completed:
        assert type(trial.error) is asyncio.CancelledError
        assert trial.error.args in ((MESSAGE,), trial.also_args)
    assert trial.context_kept
    root = spans[-1]
    _check_times(root, spans)
    numbers = trial.numbers()
    assert numbers is not None
    assert numbers.complete is True
    assert _without_goal(numbers) == _live(trial)
    attributes = root.attributes or {}
    ending = (attributes.get("nanoagent.status"), attributes.get("error.type"), root.status.status_code.name)
    was_over = trial.completed or root.status.status_code.name == "UNSET"
    assert ending == (("completed", None, "UNSET") if was_over else ("cancelled", CANCELLED, "ERROR"))
    assert numbers.status == ending[0]


def _check_times(root: ReadableSpan, spans: tuple[ReadableSpan, ...]) -> None:
    assert root.parent is None
    assert root.start_time is not None
    assert root.end_time is not None
    for span in spans:
        assert span.start_time is not None
        assert span.end_time is not None
        assert root.start_time <= span.start_time <= span.end_time <= root.end_time
    assert _outliving(spans) == []


def _outliving(spans: tuple[ReadableSpan, ...]) -> list[str]:
    """The names of spans that have ended after the span around them."""
    ends = {span.context.span_id: span.end_time or 0 for span in spans if span.context}
    return [span.name for span in spans if span.parent and (span.end_time or 0) > ends[span.parent.span_id]]


def _without_goal(numbers: PerformanceMetrics) -> dict[str, Any]:
    return numbers.to_dict() | {"goal": None}


def _live(trial: Trial) -> dict[str, Any] | None:
    live = trial.captured.aggregator.get("run-1")
    return None if live is None else live.to_dict()


@pytest.fixture
async def nothing_is_said(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No line in the log, and no complaint of the event loop about what was left behind."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    with caplog.at_level(logging.WARNING):
        yield
        gc.collect()
        await asyncio.sleep(0)
    assert ([record.getMessage() for record in caplog.records], complaints) == ([], [])


OF_ORCHESTRATORS = (
    pytest.param(run, 1),
    pytest.param(waited_for, 3),
    pytest.param(nested_run, 1, marks=SLOW),
    pytest.param(read, 1, marks=SLOW),
)
OF_AGENTS = (agent_run, agent_stream, agent_events)


@pytest.mark.parametrize(("scene", "every"), OF_ORCHESTRATORS)
@pytest.mark.usefixtures("nothing_is_said")
async def test_a_run_that_is_cancelled_at_any_step_ends_whole(scene: Scene, every: int) -> None:
    assert await steps_of(scene, every=every) > 50


@pytest.mark.parametrize("scene", OF_AGENTS)
@pytest.mark.usefixtures("nothing_is_said")
async def test_a_traced_agent_that_is_cancelled_at_any_step_ends_whole(scene: Scene) -> None:
    # In the turn after a run's start, pydantic-ai leaves the task that holds the agent's span to the end of the loop.
    assert await steps_of(scene, with_loop=True) > 30


@pytest.mark.slow
@pytest.mark.parametrize("again_after", [1, 2, 3])
@pytest.mark.usefixtures("nothing_is_said")
async def test_a_second_cancellation_while_the_first_unwinds_changes_nothing(again_after: int) -> None:
    assert await steps_of(short_run, again_after=again_after) > 30


@pytest.mark.usefixtures("nothing_is_said")
async def test_a_block_of_events_that_is_left_at_any_step_abandons_the_run() -> None:
    for step in range(0, MAX_STEPS, 3):
        trial = Trial()
        orchestrator = two_iterations(trial)
        async with orchestrator.run_stream():
            await turns(step)
        trial.completed = orchestrator.metrics.status == "completed"
        trial.context_kept = True
        trial.error = None if trial.completed else asyncio.CancelledError(MESSAGE)
        check(trial)
        if trial.completed:
            break
        assert (trial.captured.spans[-1].attributes or {})["nanoagent.abandoned"] is True
    assert step > 50


async def events_of_an_orchestrator(trial: Trial) -> AsyncIterator[object]:
    async with two_iterations(trial).run_stream() as events:
        async for event in events:
            yield event


async def words_of_an_agent(trial: Trial) -> AsyncIterator[object]:
    async with agent_of(trial).run_stream("go") as result:
        async for text in result.stream_text(debounce_by=None):
            yield text


async def dropped(events: Callable[[Trial], AsyncIterator[object]], taken: int) -> Trial:
    """Take some events of a generator, and drop it without closing it."""
    trial = Trial()

    async def drop() -> None:
        generator = events(trial)
        for _ in range(taken):
            await anext(generator)
        assert trial.spans.open > 0
        del generator
        await turns(50)

    task = asyncio.create_task(drop())
    await asyncio.wait({task})
    assert task.cancelled() or task.exception() is None
    root = trial.captured.spans[-1]
    assert (trial.spans.open, trial.spans.started) == (0, len(trial.captured.spans))
    _check_times(root, trial.captured.spans)
    numbers = trial.numbers()
    assert numbers is not None
    assert _without_goal(numbers) == _live(trial)
    assert (numbers.status, root.status.status_code.name) == ("cancelled", "ERROR")
    return trial


@pytest.mark.parametrize("taken", [1, 2, 5])
@pytest.mark.usefixtures("nothing_is_said")
async def test_a_run_whose_events_are_passed_on_by_a_generator_that_is_dropped_is_abandoned(taken: int) -> None:
    trial = await dropped(events_of_an_orchestrator, taken)
    assert (trial.captured.spans[-1].attributes or {})["nanoagent.abandoned"] is True


@pytest.mark.parametrize("taken", [1, 2])
async def test_an_agent_whose_words_are_passed_on_by_a_generator_that_is_dropped_is_cancelled(
    taken: int, caplog: pytest.LogCaptureFixture
) -> None:
    # pydantic-ai cancels the task that the stream was opened in, and complains to the loop, also without tracing.
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint["exception"]))
    with caplog.at_level(logging.WARNING):
        await dropped(words_of_an_agent, taken)
        gc.collect()
        await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == []
    assert [str(one) for one in complaints if "pydantic_ai.usage_attribution" not in str(one)] == []


@pytest.mark.usefixtures("nothing_is_said")
async def test_a_deadline_around_a_run_that_passes_at_any_step_is_a_timeout() -> None:
    for step in range(0, MAX_STEPS, 3):
        trial = Trial()

        with suppress(TimeoutError):
            await trial.watched(until(step, run(trial)))
        timed_out = type(trial.error) is TimeoutError
        assert timed_out is not trial.completed
        trial.error = asyncio.CancelledError(MESSAGE)
        check(trial)
        if trial.completed:
            break
    assert step > 50


def quitting_in_a_model(trial: Trial, error: BaseException) -> Work:
    return orchestrator_of(trial, plan("Say"), error).run


def quitting_in_a_tool(trial: Trial, error: BaseException) -> Work:
    async def leave() -> str:
        """Raise."""
        raise error

    orchestrator = orchestrator_of(trial, plan("Say"), response(call("leave")))
    orchestrator.registry.register("leave", leave)
    return orchestrator.run


def quitting_in_an_agents_tool(trial: Trial, error: BaseException) -> Work:
    async def leave() -> str:
        """Raise."""
        raise error

    agent = agent_of(trial, response(call("leave")))
    agent.tool_plain(leave)
    return lambda: agent.run("go")


@pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("scene", [quitting_in_a_model, quitting_in_a_tool, quitting_in_an_agents_tool])
def test_what_ends_the_process_ends_the_run_and_is_raised_unchanged(
    scene: Callable[[Trial, BaseException], Work], error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    trial = Trial()
    threads = set(threading.enumerate())
    with caplog.at_level(logging.WARNING), pytest.raises(type(error)) as raised:
        asyncio.run(trial.watched(scene(trial, error)))
    assert raised.value is error
    assert set(threading.enumerate()) <= threads  # one that is left would keep the process from ending
    assert (trial.spans.open, trial.spans.started) == (0, len(trial.captured.spans))
    root = trial.captured.spans[-1]
    _check_times(root, trial.captured.spans)
    assert (root.attributes or {})["nanoagent.status"] == "cancelled"
    numbers = trial.numbers()
    assert numbers is not None
    assert _without_goal(numbers) == _live(trial)
    assert [record.getMessage() for record in caplog.records] == []
