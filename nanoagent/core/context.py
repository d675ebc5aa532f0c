"""The context of a run: the results of earlier tasks, as prompts show them."""

from collections.abc import Sequence
from typing import Final

from nanoagent.models.schemas import Task

MAX_CONTEXT_CHARACTERS: Final = 12_000
"""About 3,000 tokens: what the results themselves take at most in a prompt; ids and markers come on top."""
MIN_RESULT_CHARACTERS: Final = 200
"""A result is never cut below this; older ones are left out by name instead."""


class Context:
    """Collects results and renders them within a bound; nothing is dropped without a word."""

    def __init__(self, *, max_characters: int = MAX_CONTEXT_CHARACTERS) -> None:
        self._tasks: dict[str, Task] = {}
        self._max_characters = max_characters

    def add(self, task: Task) -> None:
        """Keep a settled task with its result."""
        self._tasks[task.id] = task

    @property
    def results(self) -> Sequence[Task]:
        """The settled tasks, whole, in the order in which they were settled."""
        return tuple(self._tasks.values())

    def render(self) -> str:
        """A line a task, with long results shortened and the oldest named only where there is no room."""
        tasks = list(self._tasks.values())
        if not tasks:
            return "(none yet)"
        shown = tasks[-max(1, self._max_characters // MIN_RESULT_CHARACTERS) :]
        room = max(MIN_RESULT_CHARACTERS, self._max_characters // len(shown))
        lines = [f"- {task.id} [{task.status}] {_shortened(_text(task), room)}" for task in shown]
        left_out = tasks[: len(tasks) - len(shown)]
        if left_out:
            lines.insert(0, f"- ({len(left_out)} earlier results are left out: {left_out[0].id} to {left_out[-1].id})")
        return "\n".join(lines)


def _text(task: Task) -> str:
    return f"{task.description}\n  Result: {task.result if task.result is not None else '(none)'}"


def _shortened(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    return f"{text[:room]} [shortened: {room:,} of {len(text):,} characters shown]"
