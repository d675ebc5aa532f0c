"""The task planner: turns a goal into tasks, or into questions to the user."""

from functools import cache
from typing import Any, Final

from pydantic_ai import Agent, ModelRetry
from pydantic_ai.models import Model

from nanoagent.models.schemas import TaskPlanOutput
from nanoagent.tracing import names
from nanoagent.tracing.run import Place
from nanoagent.tracing.spans import agent_span

AGENT_NAME: Final = "task_planner"
INSTRUCTIONS: Final = """\
You plan how to reach a goal. You do not work on it: an executor carries out your tasks one at a time with the tools
listed in the prompt, and a reflector then judges the results.

- Write the fewest tasks that reach the goal; one is enough for a simple goal. Keep together what one tool call does.
- Each task must be clear on its own: name the numbers, the texts and the earlier result it needs.
- Give tasks that must come first a higher priority (10 first, 1 last; 5 is the default).
- Plan no task that only checks, formats or repeats the answer: the reflector does that.
- Ask questions, and plan no tasks, only when the goal cannot be understood without the answers.
"""


class TaskPlanner:
    """Plans once, at the start of a run."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def plan(self, place: Place, goal: str, tools: dict[str, str]) -> TaskPlanOutput:
        """Plan the goal for an executor that has these tools (name to description).

        Raises:
            UnexpectedModelBehavior: The model answered twice with something that is no plan.
        """
        with agent_span(place, AGENT_NAME, phase="plan", operation=names.OP_PLAN):
            result = await _agent(INSTRUCTIONS).run(_prompt(goal, tools), model=self._model)
            return result.output


@cache
def _agent(instructions: str) -> Agent[None, TaskPlanOutput]:
    """The agent of every planner: the model is given to its runs, and its output's schema is made once."""
    agent: Agent[None, TaskPlanOutput] = Agent(
        name=AGENT_NAME,
        deps_type=type(None),
        output_type=TaskPlanOutput,
        instructions=instructions,
        retries={"output": 1},
    )
    agent.output_validator(_refuse_empty_plan)
    return agent


def _prompt(goal: str, tools: dict[str, str]) -> str:
    listed = "\n".join(f"- {name}: {description}" for name, description in tools.items()) or "(none)"
    return f"Goal: {goal}\n\nTools of the executor:\n{listed}\n\nPlan the tasks."


async def _refuse_empty_plan(plan: TaskPlanOutput) -> Any:
    # Were it not async, it would be called in a thread, and a process that `sys.exit` ends in a run waits for that.
    if not plan.tasks and not plan.questions:
        raise ModelRetry("The plan is empty. Give at least one task, or the questions that keep you from planning.")
    return plan
