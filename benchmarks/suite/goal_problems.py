"""What is wrong with a goals file, in a line: which goal, which field, which value, and what is allowed."""

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from benchmarks.suite.goal_forms import CHECKS, UNKNOWN_CHECK, GoalForm, GoalsForm
from benchmarks.suite.selection import nearest

_LONGEST_VALUE: Final = 60
_RULES: Final = {
    "model_type": "be an object",
    "list_type": "be a list",
    "string_type": "be a text",
    "float_type": "be a number",
    "finite_number": "be a finite number",
    "int_type": "be a whole number",
    "too_short": "have at least one item",
    "literal_error": "be true",
    UNKNOWN_CHECK: f"be an object with one of the known checks {', '.join(CHECKS)}",
}
"""What a value must, by the type of the error; for others pydantic says it."""
_PATTERNS: Final = {
    "id": "be letters, digits and . _ - after a letter or a digit",
    "function": "be written module:name",
}
"""What a text must, by the name of its field; other texts just must not be empty."""

Location = Sequence[int | str]


def told(error: ValidationError, data: Any) -> str:
    """The first thing that is wrong, and how many others there are.

    Args:
        error: Of the validation of the file.
        data: What stands in the file.
    """
    first, *others = error.errors(include_url=False)
    return f"{_goal(first['loc'], data)}{_problem(first)}{f' (and {len(others)} more)' if others else ''}"


def _goal(location: Location, data: Any) -> str:
    """Which goal, such as `goal 2 ('sum'): `."""
    if not _in_goal(location):
        return ""
    number = int(location[1])
    goal = data["goals"][number]
    id_ = goal.get("id") if isinstance(goal, dict) else None
    return f"goal {number + 1}{f' ({id_[:_LONGEST_VALUE]!r})' if isinstance(id_, str) else ''}: "


def _problem(error: ErrorDetails) -> str:
    location, kind = error["loc"], error["type"]
    field = _field(location)
    if kind == "missing":
        return f"{field} is missing"
    if kind == "extra_forbidden":
        return f"unknown field {field!r}; {_known_fields(location)}"
    return f"{field or 'it'} must {_rule(error)}, got {_value(error['input'])}"


def _rule(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(error["loc"][-1]), "not be empty")
    return _RULES.get(kind) or error["msg"].split(" should ", 1)[-1]


def _known_fields(location: Location) -> str:
    if not _in_goal(location):
        return f"the fields are {', '.join(field.alias or name for name, field in GoalsForm.model_fields.items())}"
    if len(location) > 3:
        return "a check has one kind and its fields; all_of holds several"
    return f"nearest first, the fields are {', '.join(nearest(str(location[-1]), GoalForm.model_fields))}"


def _field(location: Location) -> str:
    """The field as one would find it, such as `check.contains[0]`."""
    inside = location[2:] if _in_goal(location) else location
    parts = [
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for place, part in enumerate(inside)
        if not _is_kind(inside, place)
    ]
    return "".join(parts).removeprefix(".")


def _is_kind(location: Location, place: int) -> bool:
    """Whether pydantic names the kind of a check here, which is no field."""
    before = location[place - 1] if place else None
    return location[place] in CHECKS and (before == "check" or isinstance(before, int))


def _in_goal(location: Location) -> bool:
    return len(location) > 1 and location[0] == "goals"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
