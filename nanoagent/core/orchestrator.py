"""The orchestrator: the loop of a run, plan once, then execute and reflect until the goal is reached or a limit is."""

import asyncio
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.trace import TracerProvider
from opentelemetry.util.types import AttributeValue
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelAPIError, UnexpectedModelBehavior
from pydantic_ai.toolsets import AbstractToolset

from nanoagent.config import ModelSetting, ModelSettings
from nanoagent.core import executor, reflector, task_planner
from nanoagent.core.context import Context
from nanoagent.core.executor import Executor
from nanoagent.core.limits import Limits, TokenBudgetSpent
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.reflector import Reflector
from nanoagent.core.result import RunResult, Status, StopReason
from nanoagent.core.stream_manager import EventType, StreamManager
from nanoagent.core.task_planner import TaskPlanner
from nanoagent.core.todo_manager import TodoManager
from nanoagent.errors import ConfigurationError
from nanoagent.models.schemas import ReflectionOutput, Task
from nanoagent.tools.registry import ToolRegistry
from nanoagent.tracing import names
from nanoagent.tracing.model import traced
from nanoagent.tracing.run import Clock, Place, Run
from nanoagent.tracing.spans import RootSpan, iteration_span, root_span

REFLECT_EVERY: Final = 3
"""Iterations from one reflection to the next, while tasks are pending."""

_NOTICES: Final = {
    StopReason.MAX_ITERATIONS: "Stopped at the limit of {limits.max_iterations} iterations.",
    StopReason.TOKEN_BUDGET: "Stopped at the budget of {limits.max_tokens:,} tokens.",
    StopReason.TIME_BUDGET: "Stopped at the time limit of {limits.timeout_s:g} s.",
    StopReason.TASK_BUDGET: "Stopped at the limit of {limits.max_tasks} tasks.",
    StopReason.NO_PROGRESS: "Stopped without reaching the goal: nothing is left to do.",
    StopReason.PLANNING_FAILED: "Stopped: no plan could be made.",
    StopReason.MODEL_ERROR: "Stopped: the model could not be reached or refused to answer.",
    StopReason.ERROR: "Stopped by an error.",
    StopReason.CANCELLED: "Cancelled.",
}


class Orchestrator:
    """Runs one goal, once.

    Example:
        >>> orchestrator = Orchestrator(goal="What is 5 + 3?", max_iterations=20)
        >>> register_builtin_tools(orchestrator.registry)
        >>> result = await orchestrator.run()
        >>> result.status, result.output, orchestrator.iteration
    """

    def __init__(
        self,
        goal: str,
        max_iterations: int = 10,
        registry: ToolRegistry | None = None,
        *,
        model: ModelSetting | None = None,
        models: ModelSettings | None = None,
        toolsets: Sequence[AbstractToolset[Any]] = (),
        attributes: Mapping[str, AttributeValue] | None = None,
        agent_version: str | None = None,
        max_tokens: int | None = None,
        max_tasks: int | None = None,
        timeout_s: float | None = None,
        tracer_provider: TracerProvider | None = None,
        clock: Clock | None = None,
        run_id: str | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            goal: What to reach, in words.
            max_iterations: How many tasks may be executed.
            registry: The tools of the executor; by default an empty one, to be filled through `.registry`.
            model: The model of all roles. By default the environment decides: see `ModelSettings`.
            models: A model for each role, instead of `model`.
            toolsets: Further pydantic-ai toolsets for the executor.
            attributes: The caller's own facts, set on the run's root span.
            agent_version: Set on the run's root span.
            max_tokens: See `Limits`; as the next two, without a limit by default.
            max_tasks: See `Limits`.
            timeout_s: See `Limits`.
            tracer_provider: By default the one that the application installed, if any.
            clock: Stamps the run's spans; by default a clock of its own that starts with the run.
            run_id: By default a random one.

        Raises:
            ConfigurationError: The goal is empty, a limit is not positive, or `model` and `models` are both given.
        """
        if model is not None and models is not None:
            raise ConfigurationError("model and models are both given; leave out model, or set it inside models")
        self.goal = _checked_goal(goal)
        self.limits = Limits(
            max_iterations=max_iterations, max_tokens=max_tokens, max_tasks=max_tasks, timeout_s=timeout_s
        )
        self.registry = ToolRegistry() if registry is None else registry
        self.todo = TodoManager(max_tasks=max_tasks)
        self.stream = StreamManager()
        self.context = Context()
        self.iteration = 0
        self._models = models or ModelSettings(model=model)
        self._toolsets = tuple(toolsets)
        self._attributes = dict(attributes or {})
        self._agent_version = agent_version
        self._tracer_provider = tracer_provider
        self._clock = clock
        self._run_id = run_id
        self._run: Run | None = None

    @property
    def max_iterations(self) -> int:
        """The limit in force."""
        return self.limits.max_iterations

    @property
    def metrics(self) -> PerformanceMetrics:
        """The run's numbers: so far while it goes on, final once it has ended, however it ended."""
        if self._run is None:
            return PerformanceMetrics(goal=self.goal)
        metrics = self._run.metrics(goal=self.goal)
        if metrics.status != Status.RUNNING:
            return metrics
        return dataclasses.replace(metrics, tasks_completed=len(self.todo.get_done()), tasks_total=len(self.todo.tasks))

    async def run(self) -> RunResult:
        """Work on the goal until it is reached or a limit is.

        What goes wrong on the way is in the result; only cancellation is raised, after every span has ended and with
        the numbers in `.metrics`.

        Raises:
            ModelConfigurationError: No model is configured, or the configured one cannot be built.
            RuntimeError: The orchestrator has run already.
        """
        if self._run is not None:
            raise RuntimeError("this orchestrator has run already: make a new one for each run")
        roles = self._make_roles()
        run = self._run = Run(
            run_id=self._run_id, clock=self._clock, tracer_provider=self._tracer_provider, guard=self.limits.guard
        )
        ending = _Ending(StopReason.CANCELLED)
        try:
            with self._root_span(run) as root:
                self.stream.emit(EventType.RUN_STARTED, {"goal": self.goal, "run_id": run.id})
                try:
                    ending = await self._bounded(root.place, roles)
                finally:
                    self._conclude(root, ending)
        finally:
            result = self._result(ending)
            self.stream.emit(EventType.RUN_FINISHED, _finish_data(result))
        return result

    def _make_roles(self) -> "_Roles":
        models = self._models.resolve()
        toolset = self.registry.toolset()
        return _Roles(
            planner=TaskPlanner(traced(models.task_planner)),
            executor=Executor(traced(models.executor), [toolset, *self._toolsets]),
            reflector=Reflector(traced(models.reflector)),
            tools={name: _first_line(tool.description) for name, tool in toolset.tools.items()},
        )

    def _root_span(self, run: Run) -> RootSpan:
        return root_span(
            run,
            max_iterations=self.limits.max_iterations,
            prompts_hash=_prompts_hash(),
            agent_version=self._agent_version,
            attributes=self._attributes,
        )

    async def _bounded(self, place: Place, roles: "_Roles") -> "_Ending":
        """The loop under the run's limits, with whatever it raises turned into how the run ended."""
        deadline = asyncio.timeout(self.limits.timeout_s)
        try:
            async with deadline:
                return await self._loop(place, roles)
        except TokenBudgetSpent:
            return _Ending(StopReason.TOKEN_BUDGET)
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                return _Ending(StopReason.TIME_BUDGET)
            from_model = isinstance(error, ModelAPIError | FallbackExceptionGroup) or place.run.is_model_error(error)
            return _Ending(StopReason.MODEL_ERROR if from_model else StopReason.ERROR, error=error)

    async def _loop(self, place: Place, roles: "_Roles") -> "_Ending":
        try:
            plan = await roles.planner.plan(place, self.goal, roles.tools)
        except UnexpectedModelBehavior as error:
            return _Ending(StopReason.PLANNING_FAILED, error=error)
        tasks = self.todo.add_tasks(plan.tasks)
        self.stream.emit(EventType.PLAN, {"tasks": tasks, "questions": list(plan.questions)})
        if not tasks:
            return _Ending(StopReason.NEEDS_CLARIFICATION, output="\n".join(plan.questions))
        while self.iteration < self.limits.max_iterations:
            self.iteration += 1
            ending = await self._iterate(place, roles)
            self.stream.emit(EventType.ITERATION, {"iteration": self.iteration, "metrics": self.metrics})
            if ending is not None:
                return ending
        return _Ending(StopReason.MAX_ITERATIONS)

    async def _iterate(self, place: Place, roles: "_Roles") -> "_Ending | None":
        """Execute one task, and reflect when it is time to."""
        task = self.todo.get_next()
        if task is None:  # cannot be: a run without pending tasks has ended
            return _Ending(StopReason.NO_PROGRESS)
        with iteration_span(place, self.iteration, task_id=task.id) as span:
            settled = await self._execute(span.place, roles, task)
            span.set(names.TASK_OUTCOME, settled.status.value)
            due = self.iteration % REFLECT_EVERY == 0 or not self.todo.get_pending()
            return await self._reflect(span.place, roles) if due else None

    async def _execute(self, place: Place, roles: "_Roles", task: Task) -> Task:
        done = await roles.executor.execute(place, goal=self.goal, task=task, results=self.context.render())
        settle = self.todo.mark_done if done.success else self.todo.mark_failed
        settled = settle(task.id, done.output)
        self.context.add(settled)
        self.stream.emit(EventType.TASK, {"task": settled})
        return settled

    async def _reflect(self, place: Place, roles: "_Roles") -> "_Ending | None":
        reflection = await roles.reflector.reflect(
            place,
            goal=self.goal,
            results=self.context.render(),
            pending=self.todo.get_pending(),
            iterations_left=self.limits.max_iterations - self.iteration,
        )
        new_tasks = [] if reflection.done else self._apply(reflection)
        self.stream.emit(EventType.REFLECTION, {"reflection": reflection, "new_tasks": new_tasks})
        if reflection.done:
            return _Ending(StopReason.GOAL_REACHED, output=reflection.answer or "")
        if self.todo.get_pending():
            return None
        return _Ending(StopReason.TASK_BUDGET if self.todo.refused else StopReason.NO_PROGRESS, gaps=reflection.gaps)

    def _apply(self, reflection: ReflectionOutput) -> list[Task]:
        """Settle and create the tasks that the reflection names; ids that are not pending are passed over."""
        for task in self.todo.get_pending():
            if task.id in reflection.complete_ids:
                self.context.add(self.todo.mark_done(task.id))
            elif task.id in reflection.cancel_ids:
                self.todo.cancel(task.id)
        return self.todo.add_tasks(reflection.new_tasks)

    def _conclude(self, root: RootSpan, ending: "_Ending") -> None:
        if ending.error is not None:
            root.fail(ending.error)
        root.conclude(
            status=ending.stop_reason.status.value,
            stop_reason=ending.stop_reason.value,
            tasks_completed=len(self.todo.get_done()),
            tasks_total=len(self.todo.tasks),
        )

    def _result(self, ending: "_Ending") -> RunResult:
        error = ending.error
        return RunResult(
            output=ending.output if ending.output is not None else self._so_far(ending),
            status=ending.stop_reason.status,
            stop_reason=ending.stop_reason,
            metrics=self.metrics,
            error=None if error is None else f"{type(error).__name__}: {error}",
        )

    def _so_far(self, ending: "_Ending") -> str:
        """The work so far under a one-line notice: nothing that was done is thrown away."""
        lines = [_NOTICES[ending.stop_reason].format(limits=self.limits)]
        lines += [f"- missing: {gap}" for gap in ending.gaps]
        results = [f"- {task.description}: {task.result}" for task in self.context.results if task.result]
        return "\n".join([*lines, "Results so far:", *results] if results else lines)


@dataclasses.dataclass(frozen=True, slots=True)
class _Roles:
    """The agents of a run, and the tools that the planner is told of (name to description)."""

    planner: TaskPlanner
    executor: Executor
    reflector: Reflector
    tools: dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class _Ending:
    """How a run ended."""

    stop_reason: StopReason
    output: str | None = None
    """`None` where the output is the results so far."""
    gaps: Sequence[str] = ()
    error: Exception | None = None


def _checked_goal(goal: object) -> str:
    if not isinstance(goal, str) or not goal.strip():
        raise ConfigurationError(f"goal must be a text that says what to reach, got {goal!r}")
    return goal


def _finish_data(result: RunResult) -> dict[str, Any]:
    return {
        "status": result.status,
        "stop_reason": result.stop_reason,
        "output": result.output,
        "metrics": result.metrics,
    }


def _prompts_hash() -> str:
    prompts = (task_planner.INSTRUCTIONS, executor.INSTRUCTIONS, reflector.INSTRUCTIONS)
    return hashlib.sha256("\x00".join(prompts).encode()).hexdigest()[:12]


def _first_line(description: str | None) -> str:
    return (description or "").strip().split("\n", 1)[0]
