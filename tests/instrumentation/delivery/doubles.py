"""Receivers and exporters that stand in for real ones."""

import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from instrumentation.otlp.answers import Answer, hear
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems


class Receiver:
    """A collector on loopback that takes OTLP over HTTP, and answers with one status."""

    def __init__(self, status: int = 200) -> None:
        self.spans: list[str] = []
        self.encodings: list[str | None] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.services: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        encoding = request.headers.get("Content-Encoding")
        message = ExportTraceServiceRequest.FromString(gzip.decompress(body) if encoding == "gzip" else body)
        self.paths.append(request.path)
        self.encodings.append(encoding)
        self.headers.append({key.lower(): value for key, value in request.headers.items()})
        for resource in message.resource_spans:
            self.services += [a.value.string_value for a in resource.resource.attributes if a.key == "service.name"]
            self.spans += [span.name for scope in resource.scope_spans for span in scope.spans]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def receiving(status: int = 200) -> Iterator[Receiver]:
    receiver = Receiver(status)
    try:
        yield receiver
    finally:
        receiver.close()


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    """The endpoint of a collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def dead_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


class Scripted(SpanExporter):
    """Answers each batch with the next of its answers, and with the last one from then on."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.batches: list[list[str]] = []
        self.spans: list[ReadableSpan] = []
        self.shutdowns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.batches.append([span.name for span in spans])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        hear(answer)
        if answer.accepted:
            self.spans += spans
        return SpanExportResult.SUCCESS if answer.accepted else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.shutdowns += 1


class Picky(SpanExporter):
    """Takes no batch that is longer than it likes, or that has a span of a certain name."""

    def __init__(self, *, most: int = 1_000, poison: str = "") -> None:
        self.most, self.poison = most, poison
        self.taken: list[ReadableSpan] = []
        self.attempts = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.attempts += 1
        if len(spans) > self.most or any(span.name == self.poison for span in spans):
            hear(Answer(status=413 if len(spans) > self.most else 400, too_large=len(spans) > self.most))
            return SpanExportResult.FAILURE
        self.taken += spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


class Blocking(SpanExporter):
    """Blocks in export until it is freed."""

    def __init__(self) -> None:
        self.entered, self.free, self.shut_down = threading.Event(), threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        self.free.wait(10)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.shut_down.set()


TAKEN, AWAY, WRONG = Answer(accepted=True), Answer(status=503), Answer(status=401)


def spans(count: int, **attributes: str) -> list[ReadableSpan]:
    """Finished spans of somebody else's, s0, s1 and so on."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    made = [tracer.start_span(f"s{number}", attributes=attributes) for number in range(count)]
    for span in made:
        span.end()
    return [span for span in made if isinstance(span, ReadableSpan)]


def spooled_in(directory: Path) -> list[str]:
    """The names of the spans in all files of a directory, read as anybody reads traces."""
    problems = Problems()
    batches = [batch for path in sorted(directory.glob("*")) for batch in read_file(str(path), problems)]
    assert problems.count == 0, problems.kept
    return [span.name for batch in batches for span in batch]
