"""The small parts of a run: its todo list, its context, its stream and its models."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_ai.models.test import TestModel

from nanoagent import ModelConfigurationError, ModelSettings
from nanoagent.core.context import Context
from nanoagent.core.result import StopReason
from nanoagent.core.stream_manager import Event, StreamManager
from nanoagent.core.todo_manager import TodoManager
from nanoagent.models.schemas import ReflectionOutput, Task, TaskPlanOutput, TaskSpec, TaskStatus


def task(number: int, result: str) -> Task:
    return Task(id=f"t{number}", description=f"find {number}", status=TaskStatus.DONE, result=result)


def test_equal_descriptions_make_one_task_and_ids_count() -> None:
    todo = TodoManager()
    created = todo.add_tasks(["Add 1", "add  1.", TaskSpec(description="Add 2", priority=9)])
    assert [(one.id, one.description, one.priority) for one in created] == [("t1", "Add 1", 5), ("t2", "Add 2", 9)]
    assert todo.add_tasks(["ADD 2"]) == []
    assert [one.id for one in todo.get_pending()] == ["t1", "t2"]
    assert todo.get_next() == created[1]


def test_settled_tasks_are_no_longer_pending_and_keep_their_results() -> None:
    todo = TodoManager(max_tasks=3)
    todo.add_tasks(["a", "b", "c", "d", "a"])
    assert todo.mark_done("t1", "").result == ""
    assert todo.mark_done("t1", "A").result == "A"
    assert (todo.mark_failed("t2", "no").status, todo.cancel("t3").status) == ("failed", "cancelled")
    assert (todo.get_next(), todo.get_pending(), todo.refused) == (None, [], 1)
    assert [one.result for one in todo.get_done()] == ["A"]
    with pytest.raises(KeyError, match="no task 't9'; the tasks are t1, t2, t3"):
        todo.mark_done("t9")


def test_short_results_are_shown_whole() -> None:
    context = Context()
    assert context.render() == "(none yet)"
    context.add(task(1, "2 and 3"))
    assert context.render() == "- t1 [done] find 1\n  Result: 2 and 3"


def test_long_results_are_shortened_with_a_word_about_it() -> None:
    context = Context(max_characters=400)
    context.add(task(1, "x" * 1000))
    context.add(task(2, "short"))
    first, second, *_ = context.render().split("\n- ")
    assert first.endswith("x [shortened: 200 of 1,017 characters shown]")
    assert second == "t2 [done] find 2\n  Result: short"
    assert len(context.results[0].result or "") == 1000


def test_results_without_room_are_named() -> None:
    context = Context(max_characters=400)
    for number in range(1, 6):
        context.add(task(number, str(number)))
    assert context.render().splitlines()[0] == "- (3 earlier results are left out: t1 to t3)"
    assert context.render().splitlines()[1] == "- t4 [done] find 4"


def test_a_subscriber_is_told_until_it_unsubscribes() -> None:
    stream, told = StreamManager(), list[Event]()
    unsubscribe = stream.subscribe(told.append)
    stream.emit("mine", {"a": 1})
    unsubscribe()
    stream.subscribe(told.append)
    unsubscribe()
    stream.emit("mine", {"a": 2})
    assert told == [Event("mine", {"a": 1}), Event("mine", {"a": 2})]


def test_every_stop_reason_has_its_status() -> None:
    assert {reason.value: reason.status.value for reason in StopReason} == {
        "goal_reached": "completed",
        "max_iterations": "incomplete",
        "token_budget": "incomplete",
        "cost_budget": "incomplete",
        "time_budget": "incomplete",
        "task_budget": "incomplete",
        "policy": "incomplete",
        "needs_clarification": "incomplete",
        "no_progress": "incomplete",
        "planning_failed": "failed",
        "model_error": "failed",
        "error": "failed",
        "cancelled": "cancelled",
    }


@pytest.mark.parametrize("value", [{"tasks": [""]}, {"tasks": [{"description": "a", "priority": 11}]}, {"tasks": [7]}])
def test_tasks_that_say_nothing_are_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TaskPlanOutput.model_validate(value)


@pytest.mark.parametrize("answer", [None, "", "  "])
def test_done_needs_an_answer(answer: str | None) -> None:
    with pytest.raises(ValidationError, match="answer is required when done is true"):
        ReflectionOutput(done=True, answer=answer)


def test_code_wins_over_the_environment_and_a_role_over_all() -> None:
    mine, planner = TestModel(), TestModel()
    env = {"NANOAGENT_MODEL": "nosuch:all", "EXECUTOR_MODEL": "nosuch:one"}
    models = ModelSettings(model=mine, task_planner=planner).resolve(env)
    assert (models.task_planner, models.executor, models.reflector) == (planner, mine, mine)
    from_env = ModelSettings().resolve({"NANOAGENT_MODEL": "test", "EXECUTOR_MODEL": " ", "REFLECTOR_MODEL": "test"})
    assert isinstance(from_env.executor, TestModel)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "no model is configured: set NANOAGENT_MODEL"),
        ({"NANOAGENT_MODEL": " "}, "no model is configured"),
        ({"NANOAGENT_MODEL": "nosuch:model"}, "NANOAGENT_MODEL='nosuch:model' cannot be used: "),
        ({"NANOAGENT_MODEL": "test", "REFLECTOR_MODEL": "nosuch:r"}, "REFLECTOR_MODEL='nosuch:r' cannot be used: "),
        ({"NANOAGENT_MODEL": "openai:gpt-5"}, "NANOAGENT_MODEL='openai:gpt-5' cannot be used: "),
    ],
)
def test_a_model_that_cannot_be_had_is_one_line_that_names_the_setting(env: dict[str, str], said: str) -> None:
    with pytest.raises(ModelConfigurationError) as refused:
        ModelSettings().resolve(env)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_nothing_is_resolved_at_import() -> None:
    code = "import os; os.environ['NANOAGENT_MODEL'] = 'nosuch:model'; import nanoagent.core.orchestrator"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
