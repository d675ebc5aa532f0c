"""Spans on their way into the chain: as OTLP has them, sent by a sender that keeps to OTLP."""

import http.client
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from nanoagent.tracing import names
from tests.scale.rows import Span

PER_REQUEST: Final = 1_000
SENDERS: Final = 4
RETRYABLE: Final = (429, 502, 503, 504)
"""What a sender that keeps to OTLP sends again."""
ANSWER_TIMEOUT_S: Final = 10.0
"""How long the senders of OpenTelemetry's SDKs wait."""
_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What became of some requests."""

    accepted: int
    refused: int
    """Answers that asked for the request to be sent again."""
    unanswered: int
    """Requests that nobody took or answered, and that were sent again."""
    start_s: float
    """When the first one was sent, as `time.monotonic` says it."""
    end_s: float
    """When the last one was accepted."""


def requests_of(spans: Iterable[Span], *, size: int = PER_REQUEST) -> Iterator[bytes]:
    """The spans in requests of so many, those of a service together."""
    rest = iter(spans)
    while some := list(islice(rest, size)):
        request = ExportTraceServiceRequest()
        scopes: dict[str, Any] = {}
        for span in some:
            if span.service not in scopes:
                scopes[span.service] = _scope(request, span.service)
            _add(scopes[span.service], span)
        yield request.SerializeToString()


def send(endpoint: str, requests: Sequence[bytes], *, senders: int = SENDERS, deadline_s: float = 300.0) -> Sent:
    """Send requests until each of them is accepted.

    Args:
        endpoint: Base URL of OTLP/HTTP.
        requests: See `requests_of`.
        senders: How many at a time.
        deadline_s: How long it may take.

    Raises:
        RuntimeError: A request is refused for good, or not accepted in time.
    """
    waiting: SimpleQueue[bytes] = SimpleQueue()
    for request in requests:
        waiting.put(request)
    start_s = time.monotonic()
    posts = [_Sender(endpoint, waiting, until_s=start_s + deadline_s) for _ in range(senders)]
    for post in posts:
        post.start()
    for post in posts:
        post.join()
    failures = [post.failure for post in posts if post.failure]
    if failures:
        raise RuntimeError(failures[0])
    refused, unanswered = sum(post.refused for post in posts), sum(post.unanswered for post in posts)
    accepted = sum(post.accepted for post in posts)
    return Sent(accepted=accepted, refused=refused, unanswered=unanswered, start_s=start_s, end_s=time.monotonic())


class Sending(threading.Thread):
    """Sends requests, as `send` does, while something else is done; it ends with the process, whatever is left."""

    def __init__(self, endpoint: str, requests: Sequence[bytes]) -> None:
        super().__init__(daemon=True)
        self._endpoint, self._requests = endpoint, requests
        self._sent: Sent | RuntimeError | None = None
        self.start()

    def run(self) -> None:
        try:
            self._sent = send(self._endpoint, self._requests)
        except RuntimeError as error:
            self._sent = error

    def accepted(self) -> Sent:
        """What became of them, once all are accepted.

        Raises:
            RuntimeError: As `send` does.
        """
        self.join()
        if isinstance(self._sent, RuntimeError):
            raise self._sent
        assert self._sent is not None
        return self._sent


def posted(endpoint: str, request: bytes, *, timeout_s: float = 30.0) -> tuple[int, str]:
    """The status and the text of the answer to one request, sent once."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=timeout_s)
    try:
        return _post(connection, request)
    finally:
        connection.close()


class _Sender(threading.Thread):
    def __init__(self, endpoint: str, waiting: "SimpleQueue[bytes]", *, until_s: float) -> None:
        super().__init__(daemon=True)
        self._address, self._waiting, self._until_s = urlsplit(endpoint).netloc, waiting, until_s
        self.accepted = self.refused = self.unanswered = 0
        self.failure: str | None = None

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=ANSWER_TIMEOUT_S)
        while self.failure is None:
            try:
                request = self._waiting.get_nowait()
            except Empty:
                break
            self._send(connection, request)
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, request: bytes) -> None:
        pause_s, answer = _PAUSE_S, ""
        while time.monotonic() < self._until_s:
            try:
                status, answer = _post(connection, request)
            except (OSError, http.client.HTTPException):
                connection.close()
                self.unanswered += 1
            else:
                if status == 200:
                    self.accepted += 1
                    return
                if status not in RETRYABLE:
                    self.failure = f"refused for good ({status}): {answer}"
                    return
                self.refused += 1
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        self.failure = f"not accepted in time: {answer}"


def _post(connection: http.client.HTTPConnection, request: bytes) -> tuple[int, str]:
    connection.request("POST", "/v1/traces", request, {"Content-Type": "application/x-protobuf"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


def _scope(request: ExportTraceServiceRequest, service: str) -> Any:
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=_value(service)))
    scope = resource.scope_spans.add()
    scope.scope.name = names.SCOPE_NAME
    return scope


def _add(scope: Any, span: Span) -> None:
    is_call = span.attributes.get(names.OPERATION_NAME) == names.OP_CHAT
    made = scope.spans.add(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_span_id or ""),
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        name=span.name,
        kind=ProtoSpan.SPAN_KIND_CLIENT if is_call else ProtoSpan.SPAN_KIND_INTERNAL,
        attributes=_attributes(span.attributes),
    )
    if span.failed:
        made.status.code = Status.STATUS_CODE_ERROR
    for event in span.events:
        made.events.add(name=event.name, time_unix_nano=span.end_ns, attributes=_attributes(event.attributes))


def _attributes(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: Any) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[_value(one) for one in value]))
