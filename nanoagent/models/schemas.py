"""Data that the agents exchange: tasks, plans, results and reflections.

Their validators are built when they are first used: whoever imports the package for its tracing needs none.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskSpec(BaseModel):
    """A task as a model proposes it: it has no id and no status yet."""

    model_config = ConfigDict(defer_build=True, frozen=True, str_strip_whitespace=True)

    description: str = Field(min_length=1)
    """What to do, complete enough to be done without seeing the other tasks."""
    priority: int = Field(default=5, ge=1, le=10)
    """10 is done first, 1 last; equal priorities in the order of creation."""

    @model_validator(mode="before")
    @classmethod
    def _accept_plain_text(cls, value: object) -> object:
        """Models often answer a list of strings where a list of tasks is asked for."""
        return {"description": value} if isinstance(value, str) else value


class Task(BaseModel):
    """A task of the run's list. The todo manager makes and changes it; everybody else reads."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    id: str
    """A counter, `t1`, `t2`...: prompts that hold it are the same in every run."""
    description: str
    status: TaskStatus = TaskStatus.PENDING
    priority: int = Field(default=5, ge=1, le=10)
    result: str | None = None
    """What the executor reported; `None` until it did."""


class TaskPlanOutput(BaseModel):
    """The task planner's answer."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    tasks: tuple[TaskSpec, ...] = Field(default=(), description="The tasks that reach the goal, few and in order.")
    questions: tuple[str, ...] = Field(
        default=(), description="Questions to the user; only when no sensible plan can be made without the answers."
    )


class ExecutionResult(BaseModel):
    """The executor's answer: what became of one task."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    success: bool = Field(description="Whether the task was done.")
    output: str = Field(description="The task's result, or why it could not be done.")


class ReflectionOutput(BaseModel):
    """The reflector's answer: is the goal reached, and if not, what is to be done."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    done: bool = Field(description="Whether the results so far reach the goal.")
    answer: str | None = Field(default=None, description="The final answer to the goal. Required when done is true.")
    gaps: tuple[str, ...] = Field(default=(), description="What is still missing, when done is false.")
    new_tasks: tuple[TaskSpec, ...] = Field(default=(), description="Tasks that close the gaps.")
    complete_ids: tuple[str, ...] = Field(default=(), description="Ids of pending tasks that are done already.")
    cancel_ids: tuple[str, ...] = Field(default=(), description="Ids of pending tasks that are no longer needed.")

    @model_validator(mode="after")
    def _answer_when_done(self) -> "ReflectionOutput":
        if self.done and not (self.answer and self.answer.strip()):
            raise ValueError("answer is required when done is true: put the final answer to the goal there")
        return self
