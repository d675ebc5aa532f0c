"""The executor: carries out one task with tools."""

import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import cache
from types import TracebackType
from typing import Any, Final, Self

from pydantic_ai import Agent, AgentStreamEvent, DeferredToolRequests, RunContext
from pydantic_ai.agent import EventStreamHandler
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import RunUsage

from nanoagent.models.schemas import ExecutionResult, Task
from nanoagent.tools.guard import GuardedToolset
from nanoagent.tracing.failures import log_failure
from nanoagent.tracing.run import Place
from nanoagent.tracing.spans import agent_span
from nanoagent.tracing.toolset import traced_toolset

_logger = logging.getLogger(__name__)

AGENT_NAME: Final = "executor"
TOOL_RETRIES: Final = 3
"""How often a model may get one tool's name or arguments wrong within a task."""
INSTRUCTIONS: Final = """\
You carry out one task of a plan and report its result.

- Use a tool wherever one fits: what a tool can compute, never compute yourself. Call independent tools together.
- Use the earlier results that the prompt shows; do not redo them.
- When a tool fails, read its error and correct the call, or find another way. Do not repeat a call that failed.
- Do this task only. Report the result itself, complete and short, with the numbers in it.
- When the task cannot be done, report success as false and say why.
"""


OnEvent = Callable[[Task, AgentStreamEvent], Awaitable[object]]
"""Told of what happens while a task is executed."""


class Executor:
    """Executes the tasks of a run, each in a conversation of its own; inside its block the toolsets are open."""

    def __init__(self, model: Model, toolsets: Sequence[AbstractToolset[Any]]) -> None:
        self._model = model
        self._toolsets = tuple(toolsets)
        # Innermost, the span sees what the tool did; outermost, the guard turns it into something a run survives.
        self._guarded = [GuardedToolset(traced_toolset(toolset)) for toolset in toolsets]
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the toolsets, and the model's connections, for the whole run rather than for each task."""
        async with AsyncExitStack() as opened:
            for toolset in self._guarded:
                await opened.enter_async_context(toolset)
            await opened.enter_async_context(self._model)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close them."""
        await self._opened.aclose()

    async def tools(self) -> dict[str, str]:
        """The tools, name to the first line of the description; those of a toolset that cannot say are left out."""
        context: RunContext[None] = RunContext(deps=None, model=self._model, usage=RunUsage())
        found: dict[str, str] = {}
        for toolset in self._toolsets:
            try:
                tools = await (await toolset.for_run(context)).get_tools(context)
            except Exception:
                log_failure(_logger, "the planner is not told of the tools of %s", toolset.label, level=logging.WARNING)
            else:
                found |= {name: _first_line(tool.tool_def.description) for name, tool in tools.items()}
        return found

    async def execute(
        self, place: Place, *, goal: str, task: Task, results: str, on_event: OnEvent | None = None
    ) -> ExecutionResult | DeferredToolRequests:
        """Execute a task; a model that does not get it done in good form has failed the task, not the run.

        Args:
            place: Where in the run.
            goal: The run's goal.
            task: What to do.
            results: Those of earlier tasks.
            on_event: Told of each event of the agent, whose model is then streamed.

        Returns:
            The result, or the tool calls that somebody has to approve or to make first.
        """
        handler = None if on_event is None else _handler(task, on_event)
        with agent_span(place, AGENT_NAME, phase="execute") as span:
            try:
                result = await _agent(INSTRUCTIONS).run(
                    _prompt(goal, task, results),
                    model=self._model,
                    toolsets=self._guarded,
                    event_stream_handler=handler,
                )
            except UnexpectedModelBehavior as error:
                span.fail(error)
                return ExecutionResult(success=False, output=f"{type(error).__name__}: {error}")
            return result.output


@cache
def _agent(instructions: str) -> Agent[None, ExecutionResult | DeferredToolRequests]:
    """The agent of every executor: model and tools are given to its runs, and its output's schema is made once."""
    return Agent(
        name=AGENT_NAME,
        deps_type=type(None),
        output_type=[ExecutionResult, DeferredToolRequests],
        instructions=instructions,
        retries={"tools": TOOL_RETRIES, "output": 2},
    )


def _handler(task: Task, on_event: OnEvent) -> EventStreamHandler[None]:
    async def handle(context: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
        async for event in events:
            await on_event(task, event)

    return handle


def _first_line(description: str | None) -> str:
    return (description or "").strip().split("\n", 1)[0]


def _prompt(goal: str, task: Task, results: str) -> str:
    return f"Goal: {goal}\n\nResults so far:\n{results}\n\nYour task ({task.id}): {task.description}"
