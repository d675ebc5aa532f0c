"""The stream of a run's events, told to subscribers as they happen."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nanoagent.tracing.failures import log_failure

_logger = logging.getLogger(__name__)


class EventType(StrEnum):
    """What can happen in a run, with what an event's data then holds."""

    RUN_STARTED = "run_started"
    """`goal`, `run_id`."""
    PLAN = "plan"
    """`tasks` (list of Task), `questions`."""
    ITERATION = "iteration"
    """At its end: `iteration`, `metrics` (PerformanceMetrics so far)."""
    AGENT_EVENT = "agent_event"
    """In `Orchestrator.run_stream` alone, from the executor: `task`, `event` (pydantic-ai's `AgentStreamEvent`)."""
    TASK = "task"
    """When one is settled: `task`."""
    REFLECTION = "reflection"
    """`reflection` (ReflectionOutput), `new_tasks` (list of Task)."""
    BUDGET_PASSED = "budget_passed"
    """`budget` (tokens, cost, iterations, time, or a policy's name), `limit` and `used` (`None` of a policy), `action`
    (stop or warn: what was done about it), `metrics` (PerformanceMetrics so far)."""
    RUN_FINISHED = "run_finished"
    """`status`, `stop_reason`, `output`, `metrics` (PerformanceMetrics, final)."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run."""

    type: str
    """An `EventType`, or a name of the caller's own."""
    data: Mapping[str, Any]


Subscriber = Callable[[Event], object]


class StreamManager:
    """Tells subscribers, in the order in which they came, of each event at once.

    A subscriber that raises is logged and told of the next event all the same.
    """

    def __init__(self) -> None:
        self._subscribers: dict[object, Subscriber] = {}

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell `subscriber` of every event from now on; what is returned ends that."""
        subscription = object()  # the same function may be subscribed twice
        self._subscribers[subscription] = subscriber

        def unsubscribe() -> None:
            self._subscribers.pop(subscription, None)

        return unsubscribe

    @property
    def has_subscribers(self) -> bool:
        """Whether anybody is told of events."""
        return bool(self._subscribers)

    def emit(self, type: str, data: Mapping[str, Any]) -> None:  # noqa: A002 - an event's type
        """Tell every subscriber of an event."""
        event = Event(type, data)
        for subscriber in tuple(self._subscribers.values()):
            try:
                subscriber(event)
            except Exception:
                log_failure(_logger, "a subscriber failed on the event %s", type)
