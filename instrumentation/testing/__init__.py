"""Test doubles with the real interfaces: captured spans and metrics, counted ids, a ticking clock, a fake collector.

Names load on first use: what captures needs no gRPC.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instrumentation.testing.adding import by_series
    from instrumentation.testing.behaviours import (
        Behaviour,
        healthy,
        never_answers,
        refuses,
        refuses_more_than,
        resets_before_answering,
        slow,
        takes_all_but,
    )
    from instrumentation.testing.capture import Capture
    from instrumentation.testing.clock import TickingClock
    from instrumentation.testing.collector import Collector
    from instrumentation.testing.decoding import ReceivedSpan
    from instrumentation.testing.exchange import (
        AWAY,
        BROKEN,
        BUSY,
        FORBIDDEN,
        INVALID,
        NOT_FOUND,
        TOO_LARGE,
        Exchange,
        HttpExchange,
        Refusal,
    )
    from instrumentation.testing.ids import CountingIds
    from instrumentation.testing.points import Exemplar, ExponentialBuckets, MetricPoint, Series, series
    from instrumentation.testing.servers import PROTOCOLS, Protocol, collecting
    from instrumentation.testing.sockets import closed_port
    from instrumentation.testing.spans import span_dicts, tree_text

__all__ = [
    "AWAY",
    "BROKEN",
    "BUSY",
    "FORBIDDEN",
    "INVALID",
    "NOT_FOUND",
    "PROTOCOLS",
    "TOO_LARGE",
    "Behaviour",
    "Capture",
    "Collector",
    "CountingIds",
    "Exchange",
    "Exemplar",
    "ExponentialBuckets",
    "HttpExchange",
    "MetricPoint",
    "Protocol",
    "ReceivedSpan",
    "Refusal",
    "Series",
    "TickingClock",
    "by_series",
    "closed_port",
    "collecting",
    "healthy",
    "never_answers",
    "refuses",
    "refuses_more_than",
    "resets_before_answering",
    "series",
    "slow",
    "span_dicts",
    "takes_all_but",
    "tree_text",
]

_HOMES = {
    "AWAY": "instrumentation.testing.exchange",
    "BROKEN": "instrumentation.testing.exchange",
    "BUSY": "instrumentation.testing.exchange",
    "FORBIDDEN": "instrumentation.testing.exchange",
    "INVALID": "instrumentation.testing.exchange",
    "NOT_FOUND": "instrumentation.testing.exchange",
    "PROTOCOLS": "instrumentation.testing.servers",
    "TOO_LARGE": "instrumentation.testing.exchange",
    "Behaviour": "instrumentation.testing.behaviours",
    "Capture": "instrumentation.testing.capture",
    "Collector": "instrumentation.testing.collector",
    "CountingIds": "instrumentation.testing.ids",
    "Exchange": "instrumentation.testing.exchange",
    "Exemplar": "instrumentation.testing.points",
    "ExponentialBuckets": "instrumentation.testing.points",
    "HttpExchange": "instrumentation.testing.exchange",
    "MetricPoint": "instrumentation.testing.points",
    "Protocol": "instrumentation.testing.servers",
    "ReceivedSpan": "instrumentation.testing.decoding",
    "Refusal": "instrumentation.testing.exchange",
    "Series": "instrumentation.testing.points",
    "TickingClock": "instrumentation.testing.clock",
    "by_series": "instrumentation.testing.adding",
    "closed_port": "instrumentation.testing.sockets",
    "collecting": "instrumentation.testing.servers",
    "healthy": "instrumentation.testing.behaviours",
    "never_answers": "instrumentation.testing.behaviours",
    "refuses": "instrumentation.testing.behaviours",
    "refuses_more_than": "instrumentation.testing.behaviours",
    "resets_before_answering": "instrumentation.testing.behaviours",
    "series": "instrumentation.testing.points",
    "slow": "instrumentation.testing.behaviours",
    "span_dicts": "instrumentation.testing.spans",
    "takes_all_but": "instrumentation.testing.behaviours",
    "tree_text": "instrumentation.testing.spans",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
