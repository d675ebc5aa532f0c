"""A collector: what it was asked, and what it took."""

import threading
from collections.abc import Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from instrumentation.testing.decoding import ReceivedSpan, points_of, spans_of
from instrumentation.testing.points import MetricPoint
from instrumentation.testing.signals import Request


class Collector:
    """What was sent to one URL; safe to read while it is in use."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[ReceivedSpan] = []
        """In the order in which they were taken; those sent twice are here twice."""
        self.bodies: list[bytes] = []
        """The spans that were taken, each request as protobuf."""
        self.metrics: list[MetricPoint] = []
        """In the order in which they were taken, all that was ever said; `by_series` tells what stands."""
        self.headers: list[dict[str, str]] = []
        """Of each request, names in lower case; gRPC's metadata."""
        self.paths: list[str] = []
        """Of each request; for gRPC the method."""
        self.ended = threading.Event()
        """Set when the collector is closed: what hangs in it may go."""
        self._lock = threading.Lock()

    @property
    def requests(self) -> int:
        """How many there were, whatever became of them."""
        return len(self.headers)

    @property
    def names(self) -> list[str]:
        """Of the spans that were taken, each once, sorted."""
        return sorted({span: span.name for span in self.received}.values())

    def asked(self, path: str, headers: Mapping[str, str]) -> int:
        """Note a request; its number among those to this path, from 1."""
        with self._lock:
            self.paths.append(path)
            self.headers.append({key.lower(): value for key, value in headers.items()})
            return self.paths.count(path)

    def take(self, request: Request) -> None:
        """Note what is in a request as taken."""
        with self._lock:
            if isinstance(request, ExportTraceServiceRequest):
                self.received += spans_of(request)
                self.bodies.append(request.SerializeToString())
            else:
                self.metrics += points_of(request)
