"""What an application adds to nanoagent: OpenTelemetry set-up, exporters and the live aggregator.

Names load on first use: importing this package imports neither the OpenTelemetry SDK nor pydantic-ai.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instrumentation.aggregator import PerformanceAggregator
    from instrumentation.configuration import configure
    from instrumentation.console import ConsoleTreeProcessor
    from instrumentation.delivery.account import DeliveryReport
    from instrumentation.keeping.policy import Keep
    from instrumentation.scoring import score
    from instrumentation.telemetry import Telemetry

__all__ = [
    "ConsoleTreeProcessor",
    "DeliveryReport",
    "Keep",
    "PerformanceAggregator",
    "Telemetry",
    "configure",
    "score",
]

_HOMES = {
    "ConsoleTreeProcessor": "instrumentation.console",
    "DeliveryReport": "instrumentation.delivery.account",
    "Keep": "instrumentation.keeping.policy",
    "PerformanceAggregator": "instrumentation.aggregator",
    "Telemetry": "instrumentation.telemetry",
    "configure": "instrumentation.configuration",
    "score": "instrumentation.scoring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
