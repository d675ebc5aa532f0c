"""The agent calls of goal attempts, without all that the framework and the benchmark do around them.

What each attempt asks its agents is noted once, while the orchestrator works on the goal. It is then asked again of
agents as one makes them by hand with pydantic-ai: once for the whole program, with the same model, instructions, tools,
output types and numbers of retries. So the model is called as often, with the same texts, and the same tools are run.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic_ai import Agent, DeferredToolRequests, RunContext, ToolsetTool
from pydantic_ai.exceptions import ModelRetry, ToolFailed, UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.toolsets import WrapperToolset

from benchmarks.suite.goals import TODAY, Goal
from nanoagent.core import executor, reflector, task_planner
from nanoagent.core.orchestrator import Orchestrator
from nanoagent.models.schemas import ExecutionResult, ReflectionOutput, TaskPlanOutput
from nanoagent.tools.builtin import register_builtin_tools
from nanoagent.tools.registry import ToolRegistry


class Asked(NamedTuple):
    """What an agent was asked: one run of it."""

    instructions: str
    """They tell which agent it was; without blanks around them, as a model is shown them."""
    prompt: str


async def asked_in(goal: Goal, model: Model) -> Sequence[Asked]:
    """What an attempt at the goal asks its agents, in order."""
    noting = _Noting(model)
    orchestrator = Orchestrator(goal.text, goal.max_iterations, _registry(goal), model=noting, timeout_s=goal.timeout_s)
    await orchestrator.run()
    return noting.asked


class BareAgents:
    """The agents, made by hand.

    Args:
        model: Answers in all of them.
        goals: Those whose tools are needed.
    """

    def __init__(self, model: Model, goals: Iterable[Goal]) -> None:
        self._planner: Final = Agent(
            model, output_type=TaskPlanOutput, instructions=task_planner.INSTRUCTIONS, retries={"output": 1}
        )
        self._reflector: Final = Agent(
            model, output_type=ReflectionOutput, instructions=reflector.INSTRUCTIONS, retries={"output": 2}
        )
        by_tools = {goal.tools: _executor(model, goal) for goal in goals}
        self._executors: Final[Mapping[Any, Agent[None, Any]]] = by_tools

    async def ask(self, goal: Goal, asked: Iterable[Asked]) -> None:
        """Ask them all this, one after the other."""
        for instructions, prompt in asked:
            try:
                await self._agent(goal, instructions).run(prompt)
            except UnexpectedModelBehavior:
                continue  # the orchestrator goes on as well

    def _agent(self, goal: Goal, instructions: str) -> Agent[None, Any]:
        if instructions == task_planner.INSTRUCTIONS.strip():
            return self._planner
        return self._reflector if instructions == reflector.INSTRUCTIONS.strip() else self._executors[goal.tools]


def _executor(model: Model, goal: Goal) -> Agent[None, Any]:
    return Agent(
        model,
        output_type=[ExecutionResult, DeferredToolRequests],
        instructions=executor.INSTRUCTIONS,
        toolsets=[_Forgiving(_registry(goal).toolset())],
        retries={"tools": executor.TOOL_RETRIES, "output": 2},
    )


def _registry(goal: Goal) -> ToolRegistry:
    registry = ToolRegistry()
    register_builtin_tools(registry, now=lambda: TODAY)
    for tool in goal.tools:
        registry.register(tool.__name__, tool)
    return registry


class _Forgiving(WrapperToolset[Any]):
    """A tool's exception is told to the model: it would end the agent's run, and the calls after it were not made."""

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        try:
            return await super().call_tool(name, tool_args, ctx, tool)
        except (ModelRetry, ToolFailed):
            raise
        except Exception as error:
            raise ToolFailed(f"{type(error).__name__}: {error}") from error


class _Noting(WrapperModel):
    """Notes what begins each run of an agent."""

    def __init__(self, wrapped: Model) -> None:
        super().__init__(wrapped)
        self.asked: Final[list[Asked]] = []

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Forward the request."""
        first = messages[0]
        if len(messages) == 1 and isinstance(first, ModelRequest):
            (prompt,) = (str(part.content) for part in first.parts if isinstance(part, UserPromptPart))
            self.asked.append(Asked((first.instructions or "").strip(), prompt))
        return await self.wrapped.request(messages, model_settings, model_request_parameters)
