"""The models that goals are run on, by the name that the command line gives them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_ai.models import Model, infer_model

from benchmarks.formats import first_line
from benchmarks.subjects.local import LOCAL, is_local, start_local
from benchmarks.subjects.orchestrator_run import OrchestratorRun
from benchmarks.subjects.recording import Recorder
from benchmarks.subjects.replay import is_replay, recordings_named
from benchmarks.subjects.retrying import RetryingModel
from benchmarks.subjects.spending import Spending
from benchmarks.subjects.subject import Subject, Surroundings
from benchmarks.suite.goals import Goal
from benchmarks.tokens import TokenSource
from nanoagent.core.orchestrator import Orchestrator
from nanoagent.errors import ConfigurationError, ModelConfigurationError
from nanoagent.tools.builtin import register_builtin_tools

SCRIPTED: Final = "scripted"

ModelFor = Callable[[Goal, int], Model]
"""Gives the model that answers in an attempt at a goal, the attempts counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What answers in place of a model's name."""

    name: str
    """As reports and traces show it."""
    model_for: ModelFor


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSubject:
    """A model under test: our own orchestrator works with it, in every role."""

    name: str
    """As reports and traces show it."""
    model_for: ModelFor
    token_source: TokenSource = "provider"  # noqa: S105 - tokens of a model

    @property
    def options(self) -> tuple[str, ...]:
        """Those of the command line that choose it."""
        return ("--model", self.name)

    def run_of(self, goal: Goal, surroundings: Surroundings) -> OrchestratorRun:
        """A run of the goal with the built-in tools and those that the goal brings."""
        return self.run_with(self.model_for(goal, surroundings.attempt), goal, surroundings)

    def run_with(self, model: Model, goal: Goal, surroundings: Surroundings) -> OrchestratorRun:
        """The same in which this model answers."""

        def make() -> Orchestrator:
            orchestrator = Orchestrator(
                goal.text,
                goal.max_iterations,
                model=model,
                timeout_s=goal.timeout_s,
                tracer_provider=surroundings.tracer_provider,
                clock=surroundings.clock,
            )
            register_builtin_tools(orchestrator.registry, now=surroundings.now)
            for tool in goal.tools:
                orchestrator.registry.register(tool.__name__, tool)
            return orchestrator

        return OrchestratorRun(goal, make)


def subject_named(
    name: str, goals: Sequence[Goal] = (), *, recorder: Recorder | None = None, spending: Spending | None = None
) -> Subject:
    """Build the model once, so that a missing key is found before any goal is run.

    Args:
        name: `scripted`, `replay`, `local`, or any pydantic-ai model string.
        goals: Those that are to be run.
        recorder: Keeps what the model answers.
        spending: What may be spent on it.

    Raises:
        ConfigurationError: There is no such model, or something that it needs is missing.
    """
    if is_scripted(name):
        refuse_recording(name, recorder)
        return _scripted()
    found = answering(name, "leave --model out for scripted, which needs nothing", goals, recorder, spending)
    subject = ModelSubject(name=found.name, model_for=found.model_for)
    return subject if recorder is None else recorder.subject(subject, goals)


def is_scripted(name: str) -> bool:
    """Whether this is the name of the scripted model."""
    return name.strip().lower() == SCRIPTED


def answering(
    name: str, way_out: str, goals: Sequence[Goal], recorder: Recorder | None, spending: Spending | None
) -> Answering:
    """Build what `--model` names, unless that is the scripted model.

    Raises:
        ConfigurationError: There is no such model, or something that it needs is missing; `way_out` ends the message.
    """
    if is_replay(name):
        refuse_recording(name, recorder)
        recordings = recordings_named(name, goals)
        return Answering(name=recordings.name, model_for=recordings.model_for)
    if is_local(name):
        local = start_local()
        return Answering(name=f"{LOCAL}:{local.model_name}", model_for=lambda goal, attempt: local)
    live = RetryingModel(watched(model_named(name, way_out), spending))
    return Answering(name=name, model_for=lambda goal, attempt: live)


def watched(model: Model, spending: Spending | None) -> Model:
    """The model, with what it costs held within what may be spent.

    Raises:
        ConfigurationError: Its price is not known, and that was not allowed.
    """
    return model if spending is None else spending.watched(model)


def refuse_recording(name: str, recorder: Recorder | None) -> None:
    """Refuse to record what answers by rules or from recordings.

    Raises:
        ConfigurationError: It is to be recorded.
    """
    if recorder is not None:
        raise ConfigurationError(
            f"--record is for models that answer of themselves, got --model {name!r}; choose one with --model, "
            "or leave out --record"
        )


def model_named(name: str, way_out: str) -> Model:
    """Build the pydantic-ai model of this name.

    Raises:
        ModelConfigurationError: There is no such model, or something that it needs is missing; `way_out` ends the
            message.
    """
    try:
        return infer_model(name)
    except Exception as error:  # each provider's own client raises its own kind when a key is missing
        raise ModelConfigurationError(
            f"--model must name a model that can be used, got {name!r}: {first_line(error)}; "
            f"set what is missing, or {way_out}"
        ) from error


def _scripted() -> ModelSubject:
    from benchmarks.scripted.model import ScriptedModel
    from benchmarks.tokens import token_counter

    model = ScriptedModel()
    return ModelSubject(name=SCRIPTED, model_for=lambda goal, attempt: model, token_source=token_counter().source)
