"""The orchestrator: the loop of a run, plan once, then execute and reflect until the goal is reached or a limit is."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.trace import TracerProvider
from opentelemetry.util.types import AttributeValue
from pydantic_ai import AgentStreamEvent, DeferredToolRequests
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelAPIError, UnexpectedModelBehavior
from pydantic_ai.toolsets import AbstractToolset

from nanoagent.config import ModelSetting, ModelSettings
from nanoagent.content.messages import run_input, run_output
from nanoagent.core import executor, reflector, task_planner
from nanoagent.core.budgets import Budget, Measure, Passed, Policy, checked_budgets
from nanoagent.core.context import Context
from nanoagent.core.ending import Ending, asked_for, stopped_by
from nanoagent.core.event_stream import EventStream
from nanoagent.core.executor import Executor, OnEvent
from nanoagent.core.limits import Limits
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.reflector import Reflector
from nanoagent.core.result import RunResult, Status, StopReason
from nanoagent.core.stream_manager import EventType, StreamManager
from nanoagent.core.task_planner import TaskPlanner
from nanoagent.core.todo_manager import TodoManager
from nanoagent.errors import ConfigurationError
from nanoagent.models.schemas import ReflectionOutput, Task
from nanoagent.texts import hash_of
from nanoagent.tools.registry import ToolRegistry
from nanoagent.tracing import names
from nanoagent.tracing.attributes import checked_attributes, checked_version
from nanoagent.tracing.clock import Clock
from nanoagent.tracing.model import traced
from nanoagent.tracing.run import Place, Run, current_place, stop_in
from nanoagent.tracing.spans import RootSpan, iteration_span, root_span
from nanoagent.tracing.threads import in_this_loop
from nanoagent.tracing.watch import Watch, limits_in_force

REFLECT_EVERY: Final = 3
"""Iterations from one reflection to the next, while tasks are pending."""


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
        budgets: Sequence[Budget | Policy] = (),
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
            budgets: Bounds of which somebody is told when the run passes them, some of which stop it: see `Budget`. A
                function is asked with the metrics so far, and answers `"stop"`, `"warn"` or `None`; what it raises ends
                the run as an error.
            tracer_provider: By default the one that the application installed, if any.
            clock: Stamps the run's spans; by default a clock of its own that starts with the run.
            run_id: By default a random one; metrics count two runs at once with one id as one.

        Raises:
            ConfigurationError: The goal is empty, a limit is not positive, a budget is none, or `model` and `models`
                are both given.
        """
        if model is not None and models is not None:
            raise ConfigurationError("model and models are both given; leave out model, or set it inside models")
        self.goal = _checked_goal(goal)
        self.limits = Limits(
            max_iterations=max_iterations,
            max_tokens=max_tokens,
            max_tasks=max_tasks,
            timeout_s=timeout_s,
            budgets=checked_budgets(budgets),
        )
        self.registry = ToolRegistry() if registry is None else registry
        self.todo = TodoManager(max_tasks=max_tasks)
        self.stream = StreamManager()
        self.context = Context()
        self.iteration = 0
        self._models = models or ModelSettings(model=model)
        self._toolsets = tuple(toolsets)
        self._attributes = checked_attributes(attributes)
        self._agent_version = checked_version(agent_version)
        self._tracer_provider = tracer_provider
        self._clock = clock
        self._run_id = run_id
        self._run: Run | None = None

    @property
    def max_iterations(self) -> int:
        """The limit in force: that of a budget that stops the run, where it is lower."""
        return int(self.limits.in_force[Measure.ITERATIONS])

    @property
    def metrics(self) -> PerformanceMetrics:
        """The run's numbers: so far while it goes on, final once it has ended, however it ended."""
        if self._run is None:
            return PerformanceMetrics(goal=self.goal)
        metrics = self._run.metrics(goal=self.goal)
        if metrics.status != Status.RUNNING:
            return metrics
        return dataclasses.replace(metrics, tasks_completed=len(self.todo.get_done()), tasks_total=len(self.todo.tasks))

    def check_models(self) -> None:
        """Find out, before a run does, whether every role has a model.

        Raises:
            ModelConfigurationError: No model is configured, or the configured one cannot be built.
        """
        self._models.resolve()

    def run_stream(self) -> EventStream:
        """Work on the goal as `run` does, and read what happens as it happens; leaving the block cancels the run.

        The executor's model is streamed; what the stream of `Orchestrator.stream` tells is told here, and the
        executor's own events besides.

        Example:
            >>> async with orchestrator.run_stream() as events:
            ...     async for event in events:
            ...         print(event.type)
            >>> events.result.output

        Raises:
            ModelConfigurationError: On entering; see `run`. As the next one.
            RuntimeError: The orchestrator has run already.
        """
        events = EventStream(self.stream, lambda: self._start(self._relay), self._break_off)

        async def relay(task: Task, event: AgentStreamEvent) -> None:
            self.stream.emit(EventType.AGENT_EVENT, {"task": task, "event": event})
            await events.wait_for_room()

        self._relay = relay
        return events

    async def run(self) -> RunResult:
        """Work on the goal until it is reached or a limit is.

        What goes wrong on the way is in the result; only cancellation is raised, after every span has ended and with
        the numbers in `.metrics`.

        Raises:
            ModelConfigurationError: No model is configured, or the configured one cannot be built.
            RuntimeError: The orchestrator has run already.
        """
        return await self._start(None)

    def _start(self, on_event: OnEvent | None) -> Awaitable[RunResult]:
        """Begin a run, or say at once why it cannot begin."""
        if self._run is not None:
            raise RuntimeError("this orchestrator has run already: make a new one for each run")
        roles = self._make_roles(on_event)
        self._run = Run(
            run_id=self._run_id,
            clock=self._clock,
            tracer_provider=self._tracer_provider,
            guard=self.limits.guard,
            watch=self._make_watch(),
            parent=current_place(),
        )
        return self._work(self._run, roles)

    def _make_watch(self) -> Watch | None:
        if not self.limits.budgets:
            return None
        # What passes a budget may be an agent in a tool's thread; whoever reads the stream is in this one.
        on_passed = in_this_loop(self._tell_of)
        return Watch(self.limits.budgets, metrics=lambda _: self.metrics, on_passed=on_passed)

    def _tell_of(self, passed: Passed) -> None:
        self.stream.emit(EventType.BUDGET_PASSED, passed._asdict() | {"metrics": self.metrics})

    def _break_off(self) -> None:
        if self._run is not None:
            self._run.break_off()

    async def _work(self, run: Run, roles: "_Roles") -> RunResult:
        ending = Ending(StopReason.CANCELLED)
        try:
            with self._root_span(run) as root:
                root.show(run_input, self.goal)
                self.stream.emit(EventType.RUN_STARTED, {"goal": self.goal, "run_id": run.id})
                try:
                    ending = await self._bounded(root.place, roles)
                finally:
                    self._conclude(root, ending)
        finally:
            result = self._result(ending)
            self.stream.emit(EventType.RUN_FINISHED, _finish_data(result))
        return result

    def _make_roles(self, on_event: OnEvent | None) -> "_Roles":
        models = self._models.resolve()
        return _Roles(
            planner=TaskPlanner(traced(models.task_planner)),
            executor=Executor(traced(models.executor), [self.registry.toolset(), *self._toolsets]),
            reflector=Reflector(traced(models.reflector)),
            on_event=on_event,
        )

    def _root_span(self, run: Run) -> RootSpan:
        return root_span(
            run,
            limits=limits_in_force(self.limits.in_force),
            prompts_hash=hash_of((task_planner.INSTRUCTIONS, executor.INSTRUCTIONS, reflector.INSTRUCTIONS)),
            agent_version=self._agent_version,
            attributes=self._attributes,
        )

    async def _bounded(self, place: Place, roles: "_Roles") -> Ending:
        """The loop under the run's limits, with whatever it raises turned into how the run ended."""
        deadline = asyncio.timeout(self.limits.timeout_s)
        try:
            async with deadline, roles.executor:
                return await self._loop(place, roles)
        except Exception as error:
            if (stopped := stop_in(error)) is not None:
                return stopped_by(stopped, place.run)
            if isinstance(error, TimeoutError) and deadline.expired():
                return Ending(StopReason.TIME_BUDGET)
            from_model = isinstance(error, ModelAPIError | FallbackExceptionGroup) or place.run.is_model_error(error)
            return Ending(StopReason.MODEL_ERROR if from_model else StopReason.ERROR, error=error)

    async def _loop(self, place: Place, roles: "_Roles") -> Ending:
        try:
            plan = await roles.planner.plan(place, self.goal, await roles.executor.tools())
        except UnexpectedModelBehavior as error:
            return Ending(StopReason.PLANNING_FAILED, error=error)
        tasks = self.todo.add_tasks(plan.tasks)
        self.stream.emit(EventType.PLAN, {"tasks": tasks, "questions": list(plan.questions)})
        if not tasks:
            return Ending(StopReason.NEEDS_CLARIFICATION, output="\n".join(plan.questions))
        while self.iteration < self.limits.max_iterations:
            place.run.before_iteration(self.iteration + 1)
            self.iteration += 1
            ending = await self._iterate(place, roles)
            if self.stream.has_subscribers:  # numbers that nobody sees are not worked out
                self.stream.emit(EventType.ITERATION, {"iteration": self.iteration, "metrics": self.metrics})
            if ending is not None:
                return ending
        return Ending(StopReason.MAX_ITERATIONS)

    async def _iterate(self, place: Place, roles: "_Roles") -> Ending | None:
        """Execute one task, and reflect when it is time to."""
        task = self.todo.get_next()
        if task is None:  # cannot be: a run without pending tasks has ended
            return Ending(StopReason.NO_PROGRESS)
        with iteration_span(place, self.iteration, task_id=task.id) as span:
            settled = await self._execute(span.place, roles, task)
            if isinstance(settled, Ending):
                return settled
            span.set(names.TASK_OUTCOME, settled.status.value)
            due = self.iteration % REFLECT_EVERY == 0 or not self.todo.get_pending()
            return await self._reflect(span.place, roles) if due else None

    async def _execute(self, place: Place, roles: "_Roles", task: Task) -> Task | Ending:
        done = await roles.executor.execute(
            place, goal=self.goal, task=task, results=self.context.render(), on_event=roles.on_event
        )
        if isinstance(done, DeferredToolRequests):
            return asked_for(done)
        settle = self.todo.mark_done if done.success else self.todo.mark_failed
        settled = settle(task.id, done.output)
        self.context.add(settled)
        self.stream.emit(EventType.TASK, {"task": settled})
        return settled

    async def _reflect(self, place: Place, roles: "_Roles") -> Ending | None:
        reflection = await roles.reflector.reflect(
            place,
            goal=self.goal,
            results=self.context.render(),
            pending=self.todo.get_pending(),
            iterations_left=self.max_iterations - self.iteration,
        )
        new_tasks = [] if reflection.done else self._apply(reflection)
        self.stream.emit(EventType.REFLECTION, {"reflection": reflection, "new_tasks": new_tasks})
        if reflection.done:
            return Ending(StopReason.GOAL_REACHED, output=reflection.answer or "")
        if self.todo.get_pending():
            return None
        return Ending(StopReason.TASK_BUDGET if self.todo.refused else StopReason.NO_PROGRESS, gaps=reflection.gaps)

    def _apply(self, reflection: ReflectionOutput) -> list[Task]:
        """Settle and create the tasks that the reflection names; ids that are not pending are passed over."""
        for task in self.todo.get_pending():
            if task.id in reflection.complete_ids:
                self.context.add(self.todo.mark_done(task.id))
            elif task.id in reflection.cancel_ids:
                self.todo.cancel(task.id)
        return self.todo.add_tasks(reflection.new_tasks)

    def _conclude(self, root: RootSpan, ending: Ending) -> None:
        if ending.error is not None:
            root.fail(ending.error)
        root.show(lambda content: run_output(content, self._output(ending), ending.stop_reason.value))
        root.conclude(
            status=ending.stop_reason.status.value,
            stop_reason=ending.stop_reason.value,
            tasks_completed=len(self.todo.get_done()),
            tasks_total=len(self.todo.tasks),
        )

    def _output(self, ending: Ending) -> str:
        return ending.output_of(self.limits, self.context.results)

    def _result(self, ending: Ending) -> RunResult:
        error = ending.error
        return RunResult(
            output=self._output(ending),
            status=ending.stop_reason.status,
            stop_reason=ending.stop_reason,
            metrics=self.metrics,
            deferred=ending.deferred,
            error=None if error is None else f"{type(error).__name__}: {error}",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Roles:
    """The agents of a run."""

    planner: TaskPlanner
    executor: Executor
    reflector: Reflector
    on_event: OnEvent | None
    """Told of what the executor does; `None` where nobody is, and the model is not streamed."""


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
