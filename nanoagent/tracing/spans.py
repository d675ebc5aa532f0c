"""The spans of a run: one helper for each kind, with the attributes that are known at its start."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from nanoagent.content.shown import shown, shown_name
from nanoagent.core.records import status_of
from nanoagent.redaction.redactor import Redactor, current_redactor
from nanoagent.tracing import names
from nanoagent.tracing.run import ENDING_S, Place, Run, stop_in
from nanoagent.tracing.span import RunSpan

MAX_NAME_LENGTH = 64
"""An invented tool name is cut to this many characters."""
MAX_STOP_SEQUENCES = 16

_REQUEST_SETTINGS = {
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "top_k": names.REQUEST_TOP_K,
    "seed": names.REQUEST_SEED,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "stop_sequences": names.REQUEST_STOP_SEQUENCES,
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


class RootSpan(RunSpan):
    """The root of a run: closing it closes the run, and tells what the run counted itself."""

    __slots__ = ()

    def __init__(self, run: Run, name: str, attributes: dict[str, AttributeValue], *, agent: str | None) -> None:
        """Start the root below whatever span is current; that of a nested run carries the place of the run."""
        attributes[names.STATUS] = "running"
        if run.parent is not None:
            attributes[names.PARENT_RUN_ID] = run.parent.run.id
        super().__init__(run, name, attributes, place=run.parent, agent=agent)
        run.root = self
        if run.parent is not None:
            self.place = self.place._replace(phase=None, iteration=None, agent=agent)
            run.parent.run.opened(self)

    def conclude(
        self, *, status: str, stop_reason: str, tasks_completed: int, tasks_total: int, error_type: str | None = None
    ) -> None:
        """Say how the run ended; the counts are added when the span ends."""
        self.set(names.STATUS, status)
        self.set(names.STOP_REASON, stop_reason)
        self.set(names.TASKS_COMPLETED, tasks_completed)
        self.set(names.TASKS_TOTAL, tasks_total)
        self.error_type = error_type or self.error_type

    def end_with(self, error: BaseException) -> None:
        """A run that was stopped at a budget is incomplete: nothing has failed."""
        if stop_in(error) is not None:
            self.set(names.STATUS, "incomplete")
        super().end_with(error)

    def end(self) -> None:
        """Close the run, then end its root."""
        if not self._ended:
            self.run.before_end()
        is_held = self.run.ending.acquire(timeout=ENDING_S)
        try:
            if self._ended:
                return
            self.run.close(self)
            self._late.setdefault(names.STATUS, status_of(self.error_type))
            if self._trace_id is None:
                self.run.counts_itself_in(self._attributes)
            else:
                self._late.update(self.run.self_counts())
            super().end()
        finally:
            if is_held:
                self.run.ending.release()
        if self.run.parent is not None:
            self.run.parent.run.forget(self)
        self.run.complete()


def root_span(
    run: Run,
    *,
    limits: Mapping[str, AttributeValue],
    prompts_hash: str,
    agent_version: str | None,
    attributes: Mapping[str, AttributeValue],
) -> RootSpan:
    """`invoke_workflow nanoagent`: the root of an orchestrator's run."""
    own: dict[str, AttributeValue] = {
        names.OPERATION_NAME: names.OP_WORKFLOW,
        names.WORKFLOW_NAME: names.SCOPE_NAME,
        names.PROMPTS_HASH: prompts_hash,
        **limits,
    }
    if agent_version is not None:
        own[names.AGENT_VERSION] = agent_version
    return RootSpan(run, names.ROOT_SPAN, {**attributes, **own}, agent=None)


def agent_root_span(
    run: Run, agent: str | None, *, agent_version: str | None, attributes: Mapping[str, AttributeValue]
) -> RootSpan:
    """`invoke_agent <agent>`: the root of an agent's own run, which has no iterations and no phases."""
    own = _agent_attributes(agent, agent_version)
    return RootSpan(run, _agent_name(agent), {**attributes, **own}, agent=agent)


def nested_agent_span(
    place: Place, agent: str | None, *, agent_version: str | None, attributes: Mapping[str, AttributeValue]
) -> RunSpan:
    """`invoke_agent <agent>`: an agent at work inside a run, which it belongs to."""
    own = _agent_attributes(agent, agent_version)
    return RunSpan(place.run, _agent_name(agent), {**attributes, **own}, place=place, agent=agent)


def agent_span(place: Place, agent: str, *, phase: str, operation: str = names.OP_AGENT) -> RunSpan:
    """`plan task_planner`, `invoke_agent executor`, `invoke_agent reflector`: one agent role at work."""
    attributes: dict[str, AttributeValue] = {names.OPERATION_NAME: operation, names.AGENT_NAME: agent}
    return RunSpan(place.run, f"{operation} {agent}", attributes, place=place, phase=phase, agent=agent)


class IterationSpan(RunSpan):
    """One iteration of a run: its end tells what the iteration used."""

    __slots__ = ()

    def end(self) -> None:
        """Add the iteration's rollups, then end."""
        if not self._ended and self.place.iteration is not None:
            used = self.run.iteration_counts(self.place.iteration)
            self.set(names.RUN_API_CALLS, used.api_calls)
            self.set(names.RUN_TOOL_CALLS, used.tool_calls)
            self.set(names.RUN_INPUT_TOKENS, used.input_tokens)
            self.set(names.RUN_OUTPUT_TOKENS, used.output_tokens)
        super().end()


def iteration_span(place: Place, number: int, *, task_id: str) -> IterationSpan:
    """`iteration`: one task executed, and the reflection that follows it if any."""
    return IterationSpan(place.run, names.ITERATION_SPAN, {names.TASK_ID: task_id}, place=place, iteration=number)


def chat_span(
    place: Place,
    *,
    model: str,
    provider: str,
    base_url: str | None,
    settings: Mapping[str, Any] | None,
    context: Context | None = None,
) -> RunSpan:
    """`chat <model>`: one request to a model."""
    name, attributes = _chat_attributes(current_redactor(), model, provider, base_url, place.agent)
    own = {**attributes, **_settings_attributes(settings)} if settings else dict(attributes)
    return RunSpan(place.run, name, own, place=place, kind=SpanKind.CLIENT, context=context)


def tool_span(
    place: Place,
    tool: str,
    *,
    call_id: str | None,
    description: str | None = None,
    known: bool = True,
    context: Context | None = None,
) -> RunSpan:
    """`execute_tool <tool>`: one tool call; `known` is False for a name that the model invented."""
    if known:
        name, attributes = _tool_attributes(current_redactor(), tool, description)
    else:
        name, attributes = f"{names.OP_TOOL} {names.UNKNOWN_TOOL}", _call_of(shown(tool, MAX_NAME_LENGTH))
    own = {**attributes, names.TOOL_CALL_ID: shown(call_id)} if call_id else dict(attributes)
    return RunSpan(place.run, name, own, place=place, context=context)


Named = tuple[str, Mapping[str, AttributeValue]]
"""A span's name, and the attributes that come again and again."""


@lru_cache(maxsize=512)
def _chat_attributes(_redactor: Redactor, model: str, provider: str, base_url: str | None, agent: str | None) -> Named:
    """What the redactor in force lets be seen of a model and who asks it."""
    model = shown(model)
    attributes: dict[str, AttributeValue] = {
        names.OPERATION_NAME: names.OP_CHAT,
        names.PROVIDER_NAME: shown(provider),
        names.REQUEST_MODEL: model,
    }
    if base_url:
        attributes |= _server_attributes(base_url)
    if agent is not None:
        attributes[names.AGENT_NAME] = shown(agent)
    return f"{names.OP_CHAT} {model}", attributes


@lru_cache(maxsize=512)
def _tool_attributes(_redactor: Redactor, tool: str, description: str | None) -> Named:
    """What the redactor in force lets be seen of a tool."""
    tool = shown(tool)
    attributes = _call_of(tool)
    if description:
        attributes[names.TOOL_DESCRIPTION] = shown(description)
    return f"{names.OP_TOOL} {tool}", attributes


def _call_of(tool: str) -> dict[str, AttributeValue]:
    return {names.OPERATION_NAME: names.OP_TOOL, names.TOOL_NAME: tool, names.TOOL_TYPE: "function"}


def _agent_name(agent: str | None) -> str:
    return names.OP_AGENT if agent is None else f"{names.OP_AGENT} {shown_name(agent)}"


def _agent_attributes(agent: str | None, agent_version: str | None) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {names.OPERATION_NAME: names.OP_AGENT}
    if agent is not None:
        attributes[names.AGENT_NAME] = shown_name(agent)
    if agent_version is not None:
        attributes[names.AGENT_VERSION] = agent_version
    return attributes


def _server_attributes(base_url: str) -> Mapping[str, AttributeValue]:
    try:
        url = urlsplit(base_url)
        port = url.port or _DEFAULT_PORTS.get(url.scheme)
    except ValueError:
        return {}
    if not url.hostname:
        return {}
    attributes: dict[str, AttributeValue] = {names.SERVER_ADDRESS: shown(url.hostname)}
    return attributes if port is None else attributes | {names.SERVER_PORT: port}


def _settings_attributes(settings: Mapping[str, Any]) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    for setting, value in settings.items():
        key = _REQUEST_SETTINGS.get(setting)
        if key is None:
            continue
        if isinstance(value, int | float):
            found[key] = value
        elif isinstance(value, Sequence) and not isinstance(value, str):
            found[key] = [shown_name(str(item)) for item in value[:MAX_STOP_SEQUENCES]]
    return found
