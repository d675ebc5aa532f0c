"""A user's goals file: the goals that it holds, or one line that says what is wrong with it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from benchmarks.formats import quoted, reason_of
from benchmarks.suite import checks
from benchmarks.suite.checks import Check
from benchmarks.suite.goal_forms import (
    AllOfForm,
    CheckForm,
    ContainsForm,
    FunctionForm,
    GoalForm,
    GoalsForm,
    NumberForm,
    NumbersInOrderForm,
)
from benchmarks.suite.goal_problems import told
from benchmarks.suite.goals import Goal
from benchmarks.suite.own_check import function_check
from nanoagent.errors import ConfigurationError

OPTION: Final = "--goals"
_WAY_OUT: Final = "docs/benchmarks.md says what may stand in it"


def read(path: str) -> tuple[Goal, ...]:
    """Read the goals of a file.

    Raises:
        ConfigurationError: The file cannot be read, or what stands in it is no list of goals; one line says which goal,
            which field, which value, and what is allowed.
    """
    data = _json_in(path)
    try:
        form = GoalsForm.model_validate(data)
    except ValidationError as error:
        raise _refused(path, f"{told(error, data)}; {_WAY_OUT}") from error
    doubles = [id_ for id_, times in Counter(goal.id for goal in form.goals).items() if times > 1]
    if doubles:
        raise _refused(path, f"ids must be different, got more than once: {', '.join(doubles)}; rename them")
    return tuple(_goal(form, f"{OPTION} {quoted(path)}: check.function of the goal {form.id}") for form in form.goals)


def _json_in(path: str) -> Any:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = reason_of(error)
        raise ConfigurationError(
            f"{OPTION} must be a file that can be read, got {quoted(path)}: {reason}; check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise _refused(path, f"it is no text in UTF-8 (byte {error.start}); save it as UTF-8") from error
    if not text.strip():
        raise _refused(path, f"it is empty; {_WAY_OUT}")
    try:
        data = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise _refused(path, f"it is no JSON: {error}; {_WAY_OUT}") from error
    try:
        json.loads(text, object_pairs_hook=_once_each)
    except _Twice as twice:
        raise _refused(path, f"{twice} stands twice in one object; leave one of them out") from twice
    return data


class _Twice(Exception):  # noqa: N818 - says what is wrong
    """A field stands twice in an object: parsers take the last one, and nobody hears of the first."""


def _once_each(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    names = Counter(name for name, _ in fields)
    for name, times in names.items():
        if times > 1:
            raise _Twice(quoted(name))
    return dict(fields)


def _goal(form: GoalForm, where: str) -> Goal:
    return Goal(
        id=form.id,
        tier=form.tier,
        text=form.goal,
        check=_check(form.check, where),
        stop_reason=form.stop_reason,
        max_iterations=form.max_iterations,
        timeout_s=form.timeout_s,
    )


def _check(form: CheckForm, where: str) -> Check:
    if isinstance(form, NumberForm):
        return checks.number(form.number, tolerance=form.tolerance)
    if isinstance(form, NumbersInOrderForm):
        return checks.numbers_in_order(*form.numbers_in_order)
    if isinstance(form, ContainsForm):
        return checks.contains_all(*form.contains)
    if isinstance(form, AllOfForm):
        return checks.all_of(*(_check(one, where) for one in form.all_of))
    if isinstance(form, FunctionForm):
        return function_check(form.function, where)
    return checks.any_answer()


def _refused(path: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"{OPTION} must be a file of goals, got {quoted(path)}: {what}")
