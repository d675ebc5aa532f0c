"""The reflector: judges whether the goal is reached, and says what is to be done when it is not."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from pydantic_ai import Agent
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.models import Model

from nanoagent.models.schemas import ReflectionOutput, Task
from nanoagent.tracing import names
from nanoagent.tracing.run import Place
from nanoagent.tracing.span import RunSpan
from nanoagent.tracing.spans import agent_span

AGENT_NAME: Final = "reflector"
INSTRUCTIONS: Final = """\
You judge whether the results so far reach a goal.

- If they do, set done and give the final answer, in full, in the words the goal asks for. Take every number from the
  results; compute nothing yourself.
- If they do not, say what is missing in gaps, and give new tasks that close them. A task that failed is not tried again
  by itself: give a new task that goes another way, or none when there is no other way.
- Pending tasks run anyway: do not repeat them. Name those that are done already in complete_ids, and those that are no
  longer needed in cancel_ids.
- Never invent a result. A goal that cannot be reached stays not done, with the reason in gaps.
"""


class Reflector:
    """Reflects on a run from time to time."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def reflect(
        self, place: Place, *, goal: str, results: str, pending: Sequence[Task], iterations_left: int
    ) -> ReflectionOutput:
        """Judge the results; no judgement in good form leaves the goal unreached, with that as the gap."""
        with agent_span(place, AGENT_NAME, phase="reflect") as span:
            try:
                result = await _agent(INSTRUCTIONS).run(
                    _prompt(goal, results, pending, iterations_left), model=self._model
                )
            except UnexpectedModelBehavior as error:
                span.fail(error)
                return ReflectionOutput(done=False, gaps=(f"no judgement: {type(error).__name__}: {error}",))
            _note_verdict(span, done=result.output.done)
            return result.output


@cache
def _agent(instructions: str) -> Agent[None, ReflectionOutput]:
    """The agent of every reflector: the model is given to its runs, and its output's schema is made once."""
    return Agent(
        name=AGENT_NAME,
        deps_type=type(None),
        output_type=ReflectionOutput,
        instructions=instructions,
        retries={"output": 2},
    )


def _note_verdict(span: RunSpan, *, done: bool) -> None:
    span.event(
        names.EVALUATION_EVENT,
        {
            names.EVALUATION_NAME: "goal_reached",
            names.EVALUATION_LABEL: "done" if done else "not_done",
            names.EVALUATION_VALUE: 1.0 if done else 0.0,
        },
    )


def _prompt(goal: str, results: str, pending: Sequence[Task], iterations_left: int) -> str:
    listed = "\n".join(f"- {task.id} {task.description}" for task in pending) or "(none)"
    return (
        f"Goal: {goal}\n\nResults so far:\n{results}\n\nPending tasks:\n{listed}\n\n"
        f"Iterations left: {iterations_left}\n\nIs the goal reached?"
    )
