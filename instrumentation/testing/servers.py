"""Fake collectors: real servers on loopback that misbehave as told."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

from instrumentation.testing.behaviours import Behaviour, healthy
from instrumentation.testing.collector import Collector

Protocol = Literal["http/protobuf", "grpc"]
"""As `OTEL_EXPORTER_OTLP_PROTOCOL` names them."""
PROTOCOLS: tuple[Protocol, ...] = ("http/protobuf", "grpc")
"""All of them: what a test is parametrized with."""


@contextmanager
def collecting(
    protocol: Protocol = "http/protobuf", behaviour: Behaviour = healthy, *, comes_after_s: float = 0.0
) -> Iterator[Collector]:
    """A collector of spans and metrics that answers as `behaviour` does.

    It is a real server on a real socket, so its URL can be given to another process. What it took is in `received` and
    in `metrics` even where the sender was not told so: what is sent again is there again. Logs it does not know, as
    Jaeger.

    Args:
        protocol: What it speaks.
        behaviour: What it does with each request.
        comes_after_s: Until so many seconds have passed, its port is closed.

    Example:
        >>> with collecting("grpc", refuses(AWAY, times=2)) as collector:
        ...     send_to(collector.url)
        >>> assert [span.name for span in collector.received] == ["s0"]
    """
    with _serving(protocol)(behaviour, comes_after_s) as collector:
        yield collector


def _serving(protocol: Protocol) -> Callable[[Behaviour, float], AbstractContextManager[Collector]]:
    """Each is loaded where it is used: gRPC goes into no process that does not ask for it."""
    if protocol == "grpc":
        from instrumentation.testing.over_grpc import serve_grpc

        return serve_grpc
    from instrumentation.testing.over_http import serve_http

    return serve_http
