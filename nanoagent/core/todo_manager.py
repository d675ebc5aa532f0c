"""The todo list of a run."""

from collections.abc import Iterable, Sequence

from nanoagent.models.schemas import Task, TaskSpec, TaskStatus


class TodoManager:
    """Creates the tasks of a run, hands them out by priority, and keeps what became of them.

    Ids are counters (`t1`, `t2`...). A task whose description equals that of an existing one, but for case and
    spacing, is not created again.
    """

    def __init__(self, *, max_tasks: int | None = None) -> None:
        self._tasks: dict[str, Task] = {}
        self._max_tasks = max_tasks
        self.refused = 0
        """How many tasks were not created because `max_tasks` exist."""

    def add_tasks(self, specs: Iterable[TaskSpec | str]) -> list[Task]:
        """Create the tasks that are new and return them."""
        known = {_normalised(task.description) for task in self._tasks.values()}
        created: list[Task] = []
        for given in specs:
            spec = TaskSpec(description=given) if isinstance(given, str) else given
            if _normalised(spec.description) in known:
                continue
            known.add(_normalised(spec.description))
            if self._max_tasks is not None and len(self._tasks) >= self._max_tasks:
                self.refused += 1
                continue
            task = Task(id=f"t{len(self._tasks) + 1}", description=spec.description, priority=spec.priority)
            self._tasks[task.id] = task
            created.append(task)
        return created

    def get_next(self) -> Task | None:
        """The pending task of the highest priority, the oldest of equals; `None` when nothing is pending."""
        return max(self.get_pending(), key=lambda task: task.priority, default=None)

    def mark_done(self, task_id: str, result: str | None = None) -> Task:
        """Note that a task was done."""
        return self._settle(task_id, TaskStatus.DONE, result)

    def mark_failed(self, task_id: str, result: str | None = None) -> Task:
        """Note that a task could not be done."""
        return self._settle(task_id, TaskStatus.FAILED, result)

    def cancel(self, task_id: str) -> Task:
        """Note that a task is no longer needed."""
        return self._settle(task_id, TaskStatus.CANCELLED, None)

    def get_pending(self) -> list[Task]:
        """The tasks still to be done, in order of creation."""
        return [task for task in self._tasks.values() if task.status is TaskStatus.PENDING]

    def get_done(self) -> list[Task]:
        """The tasks that were done, in order of creation."""
        return [task for task in self._tasks.values() if task.status is TaskStatus.DONE]

    @property
    def tasks(self) -> Sequence[Task]:
        """All tasks, in order of creation."""
        return tuple(self._tasks.values())

    def _settle(self, task_id: str, status: TaskStatus, result: str | None) -> Task:
        if task_id not in self._tasks:
            raise KeyError(f"no task {task_id!r}; the tasks are {', '.join(self._tasks) or 'none yet'}")
        task = self._tasks[task_id]
        self._tasks[task_id] = task.model_copy(
            update={"status": status, "result": task.result if result is None else result}
        )
        return self._tasks[task_id]


def _normalised(description: str) -> str:
    return " ".join(description.casefold().split()).rstrip(".")
