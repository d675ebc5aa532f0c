"""A collector: what it was asked, and what it took."""

import threading
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class ReceivedSpan(NamedTuple):
    """A span that was taken."""

    trace_id: str
    span_id: str
    name: str


class Collector:
    """What was sent to one URL; safe to read while it is in use."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[ReceivedSpan] = []
        """In the order in which they were taken; those sent twice are here twice."""
        self.bodies: list[bytes] = []
        """What was taken, each request as protobuf."""
        self.headers: list[dict[str, str]] = []
        """Of each request, names in lower case; gRPC's metadata."""
        self.paths: list[str] = []
        """Of each request; for gRPC the method."""
        self.ended = threading.Event()
        """Set when the collector is closed: what hangs in it may go."""

    @property
    def requests(self) -> int:
        """How many there were, whatever became of them."""
        return len(self.headers)

    @property
    def names(self) -> list[str]:
        """Of the spans that were taken, each once, sorted."""
        return sorted({span: span.name for span in self.received}.values())

    def asked(self, path: str, headers: dict[str, str]) -> int:
        """Note a request; its number, from 1."""
        self.paths.append(path)
        self.headers.append({key.lower(): value for key, value in headers.items()})
        return len(self.headers)

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Note its spans as taken."""
        self.received += spans_of(request)
        self.bodies.append(request.SerializeToString())


def spans_of(request: ExportTraceServiceRequest) -> list[ReceivedSpan]:
    """The spans of a request."""
    return [
        ReceivedSpan(span.trace_id.hex(), span.span_id.hex(), span.name)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
