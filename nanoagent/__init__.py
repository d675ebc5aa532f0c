"""A small plan, execute, reflect agent framework whose OpenTelemetry traces are its source of numbers.

Names load on first use: reading the numbers of a trace imports neither pydantic-ai nor the OpenTelemetry SDK.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nanoagent.config import ModelSettings
    from nanoagent.core.budgets import Budget
    from nanoagent.core.orchestrator import Orchestrator
    from nanoagent.core.performance import PerformanceMetrics
    from nanoagent.core.result import RunResult, Status, StopReason
    from nanoagent.core.stream_manager import Event, EventType, StreamManager
    from nanoagent.errors import ConfigurationError, ModelConfigurationError
    from nanoagent.redaction.redactor import Redactor
    from nanoagent.tools.builtin import register_builtin_tools
    from nanoagent.tools.registry import ToolRegistry
    from nanoagent.tracing.agent_run import traced_run
    from nanoagent.tracing.capability import Tracing
    from nanoagent.tracing.model import traced
    from nanoagent.tracing.run import RunStopped
    from nanoagent.tracing.threads import keep_context
    from nanoagent.tracing.toolset import traced_toolset

__all__ = [
    "Budget",
    "ConfigurationError",
    "Event",
    "EventType",
    "ModelConfigurationError",
    "ModelSettings",
    "Orchestrator",
    "PerformanceMetrics",
    "Redactor",
    "RunResult",
    "RunStopped",
    "Status",
    "StopReason",
    "StreamManager",
    "ToolRegistry",
    "Tracing",
    "keep_context",
    "register_builtin_tools",
    "traced",
    "traced_run",
    "traced_toolset",
]

_HOMES = {
    "Budget": "nanoagent.core.budgets",
    "ConfigurationError": "nanoagent.errors",
    "Event": "nanoagent.core.stream_manager",
    "EventType": "nanoagent.core.stream_manager",
    "ModelConfigurationError": "nanoagent.errors",
    "ModelSettings": "nanoagent.config",
    "Orchestrator": "nanoagent.core.orchestrator",
    "PerformanceMetrics": "nanoagent.core.performance",
    "Redactor": "nanoagent.redaction.redactor",
    "RunResult": "nanoagent.core.result",
    "RunStopped": "nanoagent.tracing.run",
    "Status": "nanoagent.core.result",
    "StopReason": "nanoagent.core.result",
    "StreamManager": "nanoagent.core.stream_manager",
    "ToolRegistry": "nanoagent.tools.registry",
    "Tracing": "nanoagent.tracing.capability",
    "keep_context": "nanoagent.tracing.threads",
    "register_builtin_tools": "nanoagent.tools.builtin",
    "traced": "nanoagent.tracing.model",
    "traced_run": "nanoagent.tracing.agent_run",
    "traced_toolset": "nanoagent.tracing.toolset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
