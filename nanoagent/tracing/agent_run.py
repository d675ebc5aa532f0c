"""The run of an agent of the caller's own: its root span, or its span in the run that it belongs to."""

from collections.abc import Callable, Mapping, Sequence

from opentelemetry.trace import TracerProvider
from opentelemetry.util.types import AttributeValue

from nanoagent.core.budgets import Budget, Policy, bounds_of, checked_budgets, lowest
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.tracing import names
from nanoagent.tracing.attributes import checked_attributes, checked_callback, checked_version
from nanoagent.tracing.clock import Clock
from nanoagent.tracing.run import Run, current_place
from nanoagent.tracing.span import RunSpan
from nanoagent.tracing.spans import agent_root_span, nested_agent_span
from nanoagent.tracing.watch import Watch, limits_in_force


def traced_run(
    agent: str | None = None,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    agent_version: str | None = None,
    tracer_provider: TracerProvider | None = None,
    clock: Clock | None = None,
    run_id: str | None = None,
    on_complete: Callable[[PerformanceMetrics], object] | None = None,
    budgets: Sequence[Budget | Policy] = (),
) -> RunSpan:
    """Trace what a `with` block does as the run of an agent; inside another run, as a part of that one.

    Models wrapped by `traced` and toolsets wrapped by `traced_toolset` are traced and counted inside it. `Tracing` does
    all this for a pydantic-ai agent; this is for what is built by hand.

    Example:
        >>> with traced_run("summarizer") as span:
        ...     response = await model_request(traced(model), [ModelRequest.user_text_prompt("...")])
        >>> span.run.metrics().tokens_used

    Args:
        agent: The agent's name, in the span's name: keep it constant.
        attributes: The caller's own facts, on the span: see `checked_attributes` for the bounds.
        agent_version: On the span.
        tracer_provider: By default the one that the application installed, if any.
        clock: Stamps the run's spans; by default a clock of its own.
        run_id: By default a random one; metrics count two runs at once with one id as one.
        on_complete: Called with the final numbers when the block has ended, however it ended; not called for a part of
            another run.
        budgets: Bounds of which somebody is told when the run passes them: see `Budget`. One that stops raises
            `RunStopped` in the place of the next model call, and the run is `incomplete`. A part of another run has the
            budgets of that one.

    Raises:
        ConfigurationError: An attribute or the version is nothing that a span can carry, `on_complete` is async, or a
            budget is none or one of iterations, which an agent does not have.
    """
    checked_callback(on_complete)
    watched = checked_budgets(budgets, of_agent=True)
    facts, version = checked_attributes(attributes), checked_version(agent_version)
    place = current_place()
    if place is not None:
        return nested_agent_span(place, agent, agent_version=version, attributes=facts)
    run = Run(
        run_id=run_id,
        clock=clock,
        tracer_provider=tracer_provider,
        root_operation=names.OP_AGENT,
        on_complete=on_complete,
        watch=Watch(watched) if watched else None,
    )
    facts |= limits_in_force(lowest(bounds_of(watched)))
    return agent_root_span(run, agent, agent_version=version, attributes=facts)
