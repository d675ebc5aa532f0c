"""Collectors on loopback that take OTLP spans, over HTTP or gRPC, and misbehave as told.

Example:
    with collecting("grpc", refuses(AWAY, times=2)) as collector:
        send_to(collector.url)
    assert [span.name for span in collector.received] == ["s0"]

Each is a real server on a real socket, so its URL can be given to another process. What a collector took is in
`received` even where the sender was not told so: a span that is sent again is there again.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

from tests.collectors.behaviours import (
    AWAY,
    BROKEN,
    BUSY,
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    TOO_LARGE,
    Behaviour,
    Exchange,
    Refusal,
    dribbles,
    healthy,
    knows_only,
    never_answers,
    redirects_to,
    refuses,
    refuses_more_than,
    refuses_spans_named,
    resets_before_answering,
    resets_half_way,
    shows_a_web_page,
    slow,
    takes_all_but,
)
from tests.collectors.collector import Collector, ReceivedSpan
from tests.collectors.over_grpc import serve_grpc
from tests.collectors.over_http import serve_http
from tests.collectors.sockets import accepting_only, answering, closed_port, reset_often

Protocol = Literal["http/protobuf", "grpc"]
PROTOCOLS: tuple[Protocol, ...] = ("http/protobuf", "grpc")

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
    "Collector",
    "Exchange",
    "Protocol",
    "ReceivedSpan",
    "Refusal",
    "accepting_only",
    "answering",
    "closed_port",
    "collecting",
    "dribbles",
    "healthy",
    "knows_only",
    "never_answers",
    "redirects_to",
    "refuses",
    "refuses_more_than",
    "refuses_spans_named",
    "reset_often",
    "resets_before_answering",
    "resets_half_way",
    "shows_a_web_page",
    "slow",
    "takes_all_but",
]


@contextmanager
def collecting(
    protocol: Protocol = "http/protobuf", behaviour: Behaviour = healthy, *, comes_after_s: float = 0.0
) -> Iterator[Collector]:
    """A collector that answers as `behaviour` does; until `comes_after_s` have passed its port is closed."""
    with ExitStack() as stack:
        serve = serve_grpc if protocol == "grpc" else serve_http
        yield stack.enter_context(serve(behaviour, comes_after_s))
