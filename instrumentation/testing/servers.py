"""Fake collectors: real servers on loopback that misbehave as told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from instrumentation.testing.behaviours import Behaviour, healthy
from instrumentation.testing.collector import Collector
from instrumentation.testing.over_grpc import serve_grpc
from instrumentation.testing.over_http import serve_http

Protocol = Literal["http/protobuf", "grpc"]
PROTOCOLS: tuple[Protocol, ...] = ("http/protobuf", "grpc")


@contextmanager
def collecting(
    protocol: Protocol = "http/protobuf", behaviour: Behaviour = healthy, *, comes_after_s: float = 0.0
) -> Iterator[Collector]:
    """A collector of spans and metrics that answers as `behaviour` does.

    It is a real server on a real socket, so its URL can be given to another process. What it took is in `received` and
    in `metrics` even where the sender was not told so: what is sent again is there again. Logs it does not know, as
    Jaeger.

    Args:
        protocol: As `OTEL_EXPORTER_OTLP_PROTOCOL` names it.
        behaviour: What it does with each request.
        comes_after_s: Until so many seconds have passed, its port is closed.

    Example:
        >>> with collecting("grpc", refuses(AWAY, times=2)) as collector:
        ...     send_to(collector.url)
        >>> assert [span.name for span in collector.received] == ["s0"]
    """
    serve = serve_grpc if protocol == "grpc" else serve_http
    with serve(behaviour, comes_after_s) as collector:
        yield collector
