"""What the service holds from its start to its end, and how it answers a goal."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from benchmarks.suite.goals import GOALS
from examples.service.goals import Goals, NobodyWaits, when_asked_to_end
from examples.service.models import models_set, patient_client
from examples.service.settings import ServiceSettings
from instrumentation import Telemetry, configure
from instrumentation.logs import configure_logging
from nanoagent import (
    Budget,
    ConfigurationError,
    Event,
    EventType,
    ModelConfigurationError,
    Orchestrator,
    PerformanceMetrics,
    RunResult,
    register_builtin_tools,
)

_logger = logging.getLogger(__name__)


class NotReady(Exception):  # noqa: N818 - an answer, not an error
    """No goal can be answered, for this reason."""


class Service:
    """Answers goals."""

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry, client: httpx2.AsyncClient) -> None:
        """Find the models; where one cannot be used, the service lives and says so."""
        self.telemetry = telemetry
        self.goals = Goals(max_goals=settings.max_goals, grace_s=settings.grace_s)
        self.why_not: str | None = None
        """Why no goal can be answered; `None` where one can."""
        self._settings = settings
        try:
            self._models = models_set(client)
        except ModelConfigurationError as error:
            self.why_not = str(error)
            _logger.error("no goal can be answered: %s", error)

    async def answer(self, goal: str, nobody_waits: NobodyWaits) -> tuple[PerformanceMetrics, RunResult | None]:
        """Work on a goal: its numbers, and its result unless it was cancelled.

        Raises:
            NotReady: No goal can be answered.
            Busy: There are too many.
        """
        self.check()
        orchestrator = self._orchestrator(goal)
        result = await self.goals.work_on(orchestrator, nobody_waits)
        metrics = orchestrator.metrics
        # The goal and the answer are content, and stand in no log.
        about = ("run_id", "status", "stop_reason", "error_type", "iterations", "tokens_used", "duration_seconds")
        numbers = metrics.to_dict()
        _logger.info("a goal was worked on", extra={name: numbers[name] for name in about})
        return metrics, result

    def check(self) -> None:
        """Find out whether goals can be answered.

        Raises:
            NotReady: They cannot.
        """
        if self.goals.is_closing:
            raise NotReady("the service is shutting down")
        if self.why_not is not None:
            raise NotReady(self.why_not)

    def _orchestrator(self, goal: str) -> Orchestrator:
        settings = self._settings
        orchestrator = Orchestrator(
            goal,
            settings.max_iterations,
            models=self._models,
            agent_version=settings.agent_version,
            timeout_s=settings.timeout_s,
            budgets=[
                Budget(tokens=settings.max_tokens, cost_usd=settings.max_cost_usd),
                Budget(duration_s=settings.timeout_s / 2, action="warn"),
            ],
        )
        register_builtin_tools(orchestrator.registry)
        for tool in next((known.tools for known in GOALS if known.text == goal), ()):  # those of the benchmark's goals
            orchestrator.registry.register(tool.__name__, tool)
        orchestrator.stream.subscribe(_log_task)
        return orchestrator


@asynccontextmanager
async def serving() -> AsyncIterator[Service]:
    """The service, as the environment sets it up; at the end it has answered, and its telemetry is out."""
    settings, telemetry = _set_up()
    for url in telemetry.metrics_endpoints:
        _logger.info("metrics are served at %s", url)
    async with patient_client() as client:
        service = Service(settings, telemetry, client)
        with when_asked_to_end(service.goals.close):
            yield service
            await service.goals.close()
    await asyncio.to_thread(telemetry.shutdown)


def _set_up() -> tuple[ServiceSettings, Telemetry]:
    try:
        settings = ServiceSettings.from_env()
        configure_logging(level=settings.log_level, instead_of=("uvicorn", "uvicorn.access"))
        return settings, configure()
    except ConfigurationError as error:
        _logger.error("the service cannot start: %s", error)  # the server shows a stack, which hides it
        raise


def _log_task(event: Event) -> None:
    if event.type is EventType.TASK:
        task = event.data["task"]
        _logger.info("task %s is %s", task.id, task.status)
