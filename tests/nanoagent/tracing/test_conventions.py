"""The names are those of the installed semantic conventions, but for the ones listed here with the reason."""

from enum import Enum
from typing import Any

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, exception_attributes, server_attributes

from nanoagent.tracing import names

LACKING = {
    names.EVALUATION_EVENT: "an event's name; the package carries attributes only",
}
OPERATIONS_LACKING = {names.OP_PLAN: "from the conventions' text after v1.41"}


def _constants(module: Any) -> set[str]:
    return {value for key, value in vars(module).items() if key.isupper() and isinstance(value, str)}


def _ours(prefix: str) -> set[str]:
    return {value for value in _constants(names) if value.startswith(prefix)}


def test_every_gen_ai_name_is_one_of_the_conventions() -> None:
    unknown = _ours("gen_ai.") - _constants(gen_ai_attributes)
    assert unknown == set(LACKING), "a name is not in the conventions, or no longer lacks there"


def test_every_operation_is_one_of_the_conventions() -> None:
    values: type[Enum] = gen_ai_attributes.GenAiOperationNameValues
    known = {str(member.value) for member in values}
    ours = {names.OP_WORKFLOW, names.OP_PLAN, names.OP_AGENT, names.OP_CHAT, names.OP_TOOL}
    assert ours - known == set(OPERATIONS_LACKING), "an operation is not in the conventions, or no longer lacks there"


def test_general_names_are_those_of_the_conventions() -> None:
    general = _constants(error_attributes) | _constants(exception_attributes) | _constants(server_attributes)
    for prefix in ("error.", "exception.", "server."):
        assert _ours(prefix) <= general


def test_whatever_is_not_in_a_convention_is_under_our_own_name() -> None:
    attributes = {value for value in _constants(names) if "." in value} - {names.SCHEMA_URL}
    foreign = {
        value
        for value in attributes
        if not value.startswith(("gen_ai.", "nanoagent.", "error.", "exception.", "server."))
    }
    assert foreign == {"operation.cost"}
    assert "error" not in _constants(names)
