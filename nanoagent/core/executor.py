"""The executor: carries out one task with tools."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic_ai import Agent
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from nanoagent.models.schemas import ExecutionResult, Task
from nanoagent.tools.guard import GuardedToolset
from nanoagent.tracing.run import Place
from nanoagent.tracing.spans import agent_span
from nanoagent.tracing.toolset import traced_toolset

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


class Executor:
    """Executes the tasks of a run, each in a conversation of its own."""

    def __init__(self, model: Model, toolsets: Sequence[AbstractToolset[Any]]) -> None:
        self._agent: Agent[None, ExecutionResult] = Agent(
            model,
            name=AGENT_NAME,
            deps_type=type(None),
            output_type=ExecutionResult,
            instructions=INSTRUCTIONS,
            # Innermost, the span sees what the tool did; outermost, the guard turns it into something a run survives.
            toolsets=[GuardedToolset(traced_toolset(toolset)) for toolset in toolsets],
            retries={"tools": TOOL_RETRIES, "output": 2},
        )

    async def execute(self, place: Place, *, goal: str, task: Task, results: str) -> ExecutionResult:
        """Execute a task; a model that does not get it done in good form has failed the task, not the run."""
        with agent_span(place, AGENT_NAME, phase="execute") as span:
            try:
                result = await self._agent.run(_prompt(goal, task, results))
            except UnexpectedModelBehavior as error:
                span.fail(error)
                return ExecutionResult(success=False, output=f"{type(error).__name__}: {error}")
            return result.output


def _prompt(goal: str, task: Task, results: str) -> str:
    return f"Goal: {goal}\n\nResults so far:\n{results}\n\nYour task ({task.id}): {task.description}"
