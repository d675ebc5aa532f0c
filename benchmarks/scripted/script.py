"""A script: the rules by which the scripted model works on one kind of goal.

Rules are texts with fields, filled from what a request shows and from nothing else:

    {name}          a group of the pattern that the goal or the task matched, or of the error that a repair matched
    {0} {1}         what the first and second successful tool call of this conversation gave; {0[sum]} a part of it
    {t1}            the result of task t1, when it is shown as done
    {n1} {l1} {d1}  the last number, the list in brackets, and the last date of that result
    {numbers}       the last numbers of all results that are done
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Final

from benchmarks.scripted.shown import Shown

Groups = Mapping[str, str]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LIST = re.compile(r"\[[^\[\]]*\]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIELD = re.compile(r"(?P<kind>[tnld])(?P<id>\d+)")
_PARTS: Final = {"n": ("number", _NUMBER), "l": ("list", _LIST), "d": ("date", _DATE)}
_FORMATTER: Final = Formatter()


class Missing(LookupError):  # noqa: N818 - a fact about a request, not an error
    """What a rule needs is not shown in the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call to make."""

    tool: str
    arguments: Mapping[str, str]
    """Texts with fields, made into what the tool's schema asks for where that is possible."""
    invented: bool = False
    """Whether it is made although no such tool is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What to call instead, after an error that reads like this."""

    error: str
    """A pattern, searched for in the error's text."""
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRule:
    """How a kind of task is executed."""

    task: str
    """A pattern that the whole task matches."""
    steps: Sequence[Sequence[Call]] = ()
    """The calls of one response after the other."""
    report: str
    success: bool = True
    """Whether the report says that the task was done."""
    repairs: Sequence[Repair] = ()
    """For the first failed turn, the second, and so on; after the last one the task has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detour:
    """A new task, after one that failed with a report that reads like this."""

    report: str
    """A pattern, searched for in the failed task's result."""
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a kind of goal is planned, executed and judged."""

    goal: str
    """A pattern that the whole goal matches."""
    plan: Sequence[str] | Callable[[Groups], Sequence[str]] = ()
    """The tasks, first things first."""
    questions: Sequence[str] = ()
    """Instead of a plan."""
    rules: Sequence[TaskRule] = ()
    answers: Sequence[str] = ()
    """The goal is reached when all fields of one of them are shown; the first such is the answer."""
    next_task: Callable[[str], str | None] | None = None
    """From the last result that is done to the task after it; `None` when there is nothing more to do."""
    detours: Sequence[Detour] = ()

    def needed_tools(self) -> list[str]:
        """The tools that the planner must know of to plan this."""
        calls = [call for rule in self.rules for step in rule.steps for call in step]
        calls += [repair.call for rule in self.rules for repair in rule.repairs]
        return sorted({call.tool for call in calls if not call.invented})


def call(tool: str, *, invented: bool = False, **arguments: str) -> Call:
    """A tool call, spelled shortly."""
    return Call(tool=tool, arguments=arguments, invented=invented)


def fill(template: str, shown: Shown, groups: Groups) -> str:
    """The text with its fields filled from the request.

    Raises:
        Missing: The request does not show what a field stands for.
    """
    try:
        return _FORMATTER.vformat(template, shown.values, _Fields(shown, groups))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise Missing(f"no tool has given what {template!r} needs ({error})") from error


def last_number(text: str) -> str | None:
    """The last number of a text, as it is written."""
    found = _NUMBER.findall(text)
    return found[-1] if found else None


class _Fields(dict[str, str]):
    """Groups, and what is looked up in the results when it is asked for."""

    def __init__(self, shown: Shown, groups: Groups) -> None:
        super().__init__(groups)
        self._shown = shown

    def __missing__(self, key: str) -> str:
        if key == "numbers":
            done = [result.text for result in self._shown.results.values() if result.status == "done"]
            return ", ".join(number for number in map(last_number, done) if number)
        field = _FIELD.fullmatch(key)
        if field is None:
            raise Missing(f"nothing is shown for {key!r}")
        return _part(field["kind"], self._result(f"t{field['id']}"))

    def _result(self, task_id: str) -> str:
        result = self._shown.results.get(task_id)
        if result is None or result.status != "done":
            raise Missing(f"task {task_id} {'has no result yet' if result is None else f'is {result.status}'}")
        return result.text


def _part(kind: str, text: str) -> str:
    if kind == "t":
        return text
    name, pattern = _PARTS[kind]
    found = pattern.findall(text)
    if not found:
        raise Missing(f"there is no {name} in the result {text!r}")
    return str(found[0] if kind == "l" else found[-1])
