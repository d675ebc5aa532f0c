"""A user's own agent as what is benchmarked: `--agent MODULE:OBJECT`."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.models import Model, infer_model

from benchmarks.formats import first_line, quoted
from benchmarks.subjects.agent_run import AgentRun
from benchmarks.subjects.models import Answering, ModelFor, answering, is_scripted, watched
from benchmarks.subjects.orchestrator_run import OrchestratorRun
from benchmarks.subjects.recording import Recorder
from benchmarks.subjects.spending import Spending
from benchmarks.subjects.subject import Subject, Surroundings
from benchmarks.suite.goals import TODAY, Goal
from benchmarks.suite.imports import load
from benchmarks.tokens import TokenSource
from nanoagent.core.orchestrator import Orchestrator
from nanoagent.errors import ConfigurationError
from nanoagent.tracing.clock import RunClock

OPTION: Final = "--agent"
_KINDS: Final = (
    "a pydantic-ai Agent, a function without arguments that makes one, "
    "or a function that takes a goal's text and makes an Orchestrator"
)
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Unfit(ConfigurationError):  # noqa: N818 - says what it is
    """What `--agent` names is nothing that can be benchmarked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSubject:
    """An agent under test."""

    name: str
    agent: AbstractAgent[Any, Any]
    model_for: ModelFor
    """For the runs: built once, so that a missing key is found before any goal is run."""
    options: tuple[str, ...]
    """Those of the command line that choose it."""
    token_source: TokenSource = "provider"  # noqa: S105 - tokens of a model

    def run_of(self, goal: Goal, surroundings: Surroundings) -> AgentRun:
        """A run of the goal."""
        return self.run_with(self.model_for(goal, surroundings.attempt), goal, surroundings)

    def run_with(self, model: Model, goal: Goal, surroundings: Surroundings) -> AgentRun:
        """The same in which this model answers."""
        return AgentRun(self.agent, model, goal, surroundings)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorySubject:
    """Orchestrators under test, each made for its goal."""

    reference: str
    make: Callable[..., Any]
    token_source: TokenSource = "provider"  # noqa: S105 - tokens of a model

    @property
    def name(self) -> str:
        """As reports and traces show it; what its models are is the orchestrator's affair."""
        return f"agent {self.reference}"

    def run_of(self, goal: Goal, surroundings: Surroundings) -> OrchestratorRun:
        """A run of the goal, with the tools that it brings beside those of the orchestrator."""
        options = self._accepted(goal, surroundings)

        def make() -> Orchestrator:
            orchestrator = self.make(goal.text, **options)
            if not isinstance(orchestrator, Orchestrator):
                raise _unfit(self.reference, f"a function that makes an object of type {type(orchestrator).__name__}")
            for tool in goal.tools:
                if tool.__name__ not in orchestrator.registry.list_names():
                    orchestrator.registry.register(tool.__name__, tool)
            return orchestrator

        return OrchestratorRun(goal, make, limit_time="timeout_s" not in options)

    def _accepted(self, goal: Goal, surroundings: Surroundings) -> Mapping[str, Any]:
        """What the function takes of what an attempt can give it."""
        offered = {
            "max_iterations": goal.max_iterations,
            "timeout_s": goal.timeout_s,
            "tracer_provider": surroundings.tracer_provider,
            "clock": surroundings.clock,
        }
        parameters = inspect.signature(self.make).parameters.values()
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            return offered
        names = {parameter.name for parameter in parameters}
        return {name: value for name, value in offered.items() if name in names}


def subject_of(
    reference: str,
    model: str | None,
    goal: Goal,
    *,
    goals: Sequence[Goal] = (),
    recorder: Recorder | None = None,
    spending: Spending | None = None,
) -> Subject:
    """Load what `--agent` names, and find out whether it can run.

    Args:
        reference: `MODULE:OBJECT`: an agent, or a function that makes an agent or an orchestrator.
        model: What `--model` names, for an agent to run with; `None` leaves it its own.
        goal: To try a function with that makes orchestrators.
        goals: Those that are to be run, to find out whether there are recordings of them.
        recorder: Keeps what the agent's model answers.
        spending: What may be spent on it.

    Raises:
        ConfigurationError: It cannot be imported, is none of these, or something that its models need is missing.
    """
    found = load(reference, OPTION)
    if isinstance(found, AbstractAgent):
        return _agent_subject(reference, found, model, goals, recorder, spending)
    if not callable(found) or inspect.iscoroutinefunction(found):
        kind = "an async function" if callable(found) else f"an object of type {type(found).__name__}"
        raise _unfit(reference, kind)
    if _takes_goal(found):
        if model is not None:
            raise _models_are_its_own(reference, "--model", quoted(model))
        for option, asked in (("--record", recorder), ("--max-cost", spending)):
            if asked is not None:
                raise _models_are_its_own(reference, option, "it")
        return _factory_subject(reference, found, goal)
    made = _made(reference, found)
    if not isinstance(made, AbstractAgent):
        raise _unfit(reference, f"a function that makes an object of type {type(made).__name__}")
    return _agent_subject(reference, made, model, goals, recorder, spending)


def _takes_goal(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some functions written in C do not tell
        return False
    return any(one.kind in _POSITIONAL and one.default is inspect.Parameter.empty for one in parameters)


def _agent_subject(
    reference: str,
    agent: AbstractAgent[Any, Any],
    model: str | None,
    goals: Sequence[Goal],
    recorder: Recorder | None,
    spending: Spending | None,
) -> Subject:
    if model is None:
        built = _own_model(reference, agent)
        name = agent.model if isinstance(agent.model, str) else f"{built.system}:{built.model_name}"
        own = watched(built, spending)
        found = Answering(name=name, model_for=lambda goal, attempt: own)
    else:
        _refuse_scripted(model)
        found = answering(model, "leave --model out for the agent's own model", goals, recorder, spending)
    subject = AgentSubject(
        name=f"agent {reference} ({found.name})",
        agent=agent,
        model_for=found.model_for,
        options=(OPTION, reference, *(() if model is None else ("--model", model))),
    )
    return subject if recorder is None else recorder.subject(subject, goals)


def _factory_subject(reference: str, make: Callable[..., Any], goal: Goal) -> FactorySubject:
    subject = FactorySubject(reference=reference, make=make)
    run = subject.run_of(goal, Surroundings(clock=RunClock(), tracer_provider=None, now=lambda: TODAY))
    orchestrator = _made(reference, run.make)
    try:
        orchestrator.check_models()
    except ConfigurationError as error:
        raise _without_model(reference, first_line(error)) from error
    return subject


def _made(reference: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Unfit:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's function does
        raise _not_made(reference, error) from error


def _not_made(reference: str, error: BaseException) -> ConfigurationError:
    return ConfigurationError(
        f"{OPTION} must name what can be made, got {quoted(reference)}: it raised {type(error).__name__}: "
        f"{first_line(error)}; correct it, or set or install what is missing"
    )


def _refuse_scripted(model: str) -> None:
    if is_scripted(model):
        raise ConfigurationError(
            f"--model must be a model that agents can use, got {model!r}: its rules are for the benchmark's own "
            "orchestrator; leave out --model for the agent's own model, or choose another one"
        )


def _own_model(reference: str, agent: AbstractAgent[Any, Any]) -> Model:
    if agent.model is None:
        raise _without_model(reference, "it has no model")
    try:
        return infer_model(agent.model)
    except Exception as error:  # each provider's own client raises its own kind when a key is missing
        raise _without_model(reference, first_line(error)) from error


def _models_are_its_own(reference: str, option: str, got: str) -> ConfigurationError:
    return ConfigurationError(
        f"{option} must be left out with {OPTION} {quoted(reference)}, got {got}: that function makes an "
        "Orchestrator, which has models of its own; choose them there, or by NANOAGENT_MODEL"
    )


def _without_model(reference: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{OPTION} must name an agent whose model can be used, got {quoted(reference)}: {reason}; "
        "set what is missing, or choose another model"
    )


def _unfit(reference: str, what: str) -> "Unfit":
    return Unfit(f"{OPTION} must name {_KINDS}, got {quoted(reference)}, which is {what}")
