"""The models that goals are run on, by the name that the command line gives them."""

from dataclasses import dataclass
from typing import Final

from pydantic_ai.models import Model, infer_model

from benchmarks.formats import first_line
from benchmarks.subjects.orchestrator_run import OrchestratorRun
from benchmarks.subjects.subject import Surroundings
from benchmarks.suite.goals import Goal
from benchmarks.tokens import TokenSource
from nanoagent.core.orchestrator import Orchestrator
from nanoagent.errors import ModelConfigurationError
from nanoagent.tools.builtin import register_builtin_tools

SCRIPTED: Final = "scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSubject:
    """A model under test: our own orchestrator works with it, in every role."""

    name: str
    """As the command line gives it."""
    model: Model
    token_source: TokenSource

    def run_of(self, goal: Goal, surroundings: Surroundings) -> OrchestratorRun:
        """A run of the goal with the built-in tools and those that the goal brings."""

        def make() -> Orchestrator:
            orchestrator = Orchestrator(
                goal.text,
                goal.max_iterations,
                model=self.model,
                timeout_s=goal.timeout_s,
                tracer_provider=surroundings.tracer_provider,
                clock=surroundings.clock,
            )
            register_builtin_tools(orchestrator.registry, now=surroundings.now)
            for tool in goal.tools:
                orchestrator.registry.register(tool.__name__, tool)
            return orchestrator

        return OrchestratorRun(goal, make)


def subject_named(name: str) -> ModelSubject:
    """Build the model once, so that a missing key is found before any goal is run.

    Args:
        name: `scripted`, or any pydantic-ai model string.

    Raises:
        ModelConfigurationError: There is no such model, or something that it needs is missing.
    """
    if is_scripted(name):
        from benchmarks.scripted.model import ScriptedModel
        from benchmarks.tokens import token_counter

        return ModelSubject(name=SCRIPTED, model=ScriptedModel(), token_source=token_counter().source)
    model = model_named(name, "leave --model out for scripted, which needs nothing")
    return ModelSubject(name=name, model=model, token_source="provider")  # noqa: S106 - tokens of a model


def is_scripted(name: str) -> bool:
    """Whether this is the name of the scripted model."""
    return name.strip().lower() == SCRIPTED


def model_named(name: str, way_out: str) -> Model:
    """Build the model that `--model` names.

    Raises:
        ModelConfigurationError: There is no such model, or something that it needs is missing.
    """
    try:
        return infer_model(name)
    except Exception as error:  # each provider's own client raises its own kind when a key is missing
        raise ModelConfigurationError(
            f"--model must name a model that can be used, got {name!r}: {first_line(error)}; "
            f"set what is missing, or {way_out}"
        ) from error
