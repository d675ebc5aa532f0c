"""Test doubles with the real interfaces: captured spans and metrics, counted ids, a ticking clock, a fake collector."""

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
