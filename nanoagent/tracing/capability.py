"""Tracing of any pydantic-ai agent, as a capability."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from opentelemetry.trace import TracerProvider
from opentelemetry.util.types import AttributeValue
from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering, WrapRunHandler
from pydantic_ai.messages import ModelMessage, ModelRequest, SystemPromptPart
from pydantic_ai.models import Model
from pydantic_ai.run import AgentRunResult
from pydantic_ai.toolsets import AbstractToolset

from nanoagent.content.messages import run_input, run_output
from nanoagent.core.budgets import Budget, Policy, checked_budgets
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.texts import hash_of
from nanoagent.tracing import names
from nanoagent.tracing.agent_run import traced_run
from nanoagent.tracing.attributes import checked_attributes, checked_callback, checked_version
from nanoagent.tracing.clock import Clock
from nanoagent.tracing.model import traced
from nanoagent.tracing.spans import RootSpan
from nanoagent.tracing.toolset import traced_toolset


@dataclass
class Tracing(AbstractCapability[Any]):
    """Traces the runs of a pydantic-ai agent: its root, its model calls and its tool calls.

    Inside a run of nanoagent the agent belongs to that run; elsewhere each of its runs is one of its own, with
    `PerformanceMetrics` of its own. Given for one run, it takes the place of the agent's own `Tracing`.

    Example:
        >>> agent = Agent("openai:gpt-5-mini", capabilities=[Tracing(agent_version="1.4.0")])
        >>> await agent.run("What is 5 + 3?")
        >>> await agent.run("And 6 + 3?", capabilities=[Tracing(attributes={"user.id": "42"})])

    Raises:
        ConfigurationError: An attribute or the version is nothing that a span can carry, `on_complete` is async, or a
            budget is none or one of iterations, which an agent does not have.
    """

    _: KW_ONLY
    attributes: Mapping[str, AttributeValue] | None = None
    """The caller's own facts, on the agent's span: conversation, user, tenant, experiment. At most 32; texts of more
    than 1,024 characters are shortened."""
    agent_version: str | None = None
    """On the agent's span."""
    on_complete: Callable[[PerformanceMetrics], object] | None = None
    """Called with the final numbers of each run that has ended, however it ended; one that raises is logged."""
    budgets: Sequence[Budget | Policy] = ()
    """Bounds of which somebody is told when a run passes them: see `Budget`. One that stops raises `RunStopped` out of
    the agent's run. Inside another run the budgets of that one hold."""
    tracer_provider: TracerProvider | None = None
    """By default the one that the application installed, if any."""
    clock: Clock | None = None
    """Stamps the spans; by default each run has a clock of its own."""
    run_id: str | None = None
    """By default a random one for each run; metrics count two runs at once with one id as one."""
    id: str | None = "nanoagent.tracing"
    """An agent has one `Tracing`; pydantic-ai tells by this name that a second one is the same thing again."""

    def __post_init__(self) -> None:
        """Refuse what no span can carry."""
        checked_attributes(self.attributes)
        checked_version(self.agent_version)
        checked_callback(self.on_complete)
        checked_budgets(self.budgets, of_agent=True)

    def get_ordering(self) -> CapabilityOrdering:
        """Outermost, so that what other capabilities do is inside the agent's span."""
        return CapabilityOrdering(position="outermost")

    def get_wrapper_model(self, model: Model) -> Model | None:
        """Trace the model that serves a request, whichever it is."""
        wrapped = traced(model)
        return None if wrapped is model else wrapped

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        """Trace the agent's tools."""
        return traced_toolset(toolset)

    async def wrap_run(self, ctx: RunContext[Any], *, handler: WrapRunHandler) -> AgentRunResult[Any]:
        """Run the agent in a span."""
        with traced_run(
            ctx.agent.name if ctx.agent is not None else None,
            attributes=self.attributes,
            agent_version=self.agent_version,
            tracer_provider=self.tracer_provider,
            clock=self.clock,
            run_id=self.run_id,
            on_complete=self.on_complete,
            budgets=self.budgets,
        ) as span:
            is_root = isinstance(span, RootSpan)
            if is_root:
                span.show(run_input, ctx.prompt)
            try:
                result = await handler()
                if is_root:
                    span.show(run_output, result.output)
                return result
            finally:
                if is_root:
                    span.set(names.PROMPTS_HASH, _prompts_hash(span.run.first_request))


def _prompts_hash(messages: Sequence[ModelMessage]) -> str | None:
    """The hash of the system prompts and instructions that a request carries; `None` where it carries none."""
    requests = [message for message in messages if isinstance(message, ModelRequest)]
    prompts = [part.content for request in requests for part in request.parts if isinstance(part, SystemPromptPart)]
    prompts += [request.instructions for request in requests[-1:] if request.instructions]
    return hash_of(prompts) if prompts else None
