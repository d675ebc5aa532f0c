"""Answers over HTTP that go on for ever, or come drop by drop: each is heard, within its time and its bytes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from instrumentation.otlp.answers import Answer, answer_to
from instrumentation.otlp.exporters import outlet_of
from tests.instrumentation.delivery.doubles import spans

PROTOBUF = "application/x-protobuf"
TIMEOUT_S = 0.6


class Answering(BaseHTTPRequestHandler):
    """Says `drop` again and again, with a pause in between, until nobody listens any more."""

    protocol_version = "HTTP/1.1"
    status, headers_first, drop, pause_s, kind = 200, True, b"", 0.0, PROTOBUF
    connections: set[object]
    sent_bytes: list[int]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.connections.add(self.client_address)
        head = f"HTTP/1.1 {self.status} x\r\nContent-Type: {self.kind}\r\nLocation: /there\r\n"
        if not self.drop:
            self.wfile.write(f"{head}Content-Length: 2\r\n\r\n\n\x00".encode())
            return
        self.wfile.write(f"{head}Content-Length: 9999999999\r\n\r\n".encode() if self.headers_first else b"HTTP/1.1 2")
        try:
            while True:
                self.wfile.write(self.drop)
                self.sent_bytes.append(len(self.drop))
                time.sleep(self.pause_s)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(**what: object) -> Iterator[tuple[str, type[Answering]]]:
    kind = type("Kind", (Answering,), {**what, "connections": set(), "sent_bytes": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", kind
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answers_of(url: str, count: int = 1) -> tuple[list[Answer], float]:
    """What is heard of so many batches, and how long it takes."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": str(TIMEOUT_S)}
    exporter = outlet_of("otlp", env).build()
    start_s = time.monotonic()
    heard = [answer_to(exporter, spans(1)) for _ in range(count)]
    took_s = time.monotonic() - start_s
    exporter.shutdown()
    return heard, took_s


def test_an_answer_that_is_read_to_its_end_leaves_its_connection_for_the_next_batch() -> None:
    with answering() as (url, kind):
        heard, _ = answers_of(url, 3)
    assert heard == [Answer(accepted=True, status=200)] * 3
    assert len(kind.connections) == 1


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (200, PROTOBUF, Answer(accepted=True, status=200)),
        (200, "text/html", Answer(status=200, web_page=True)),
        (307, PROTOBUF, Answer(status=307)),
        (503, PROTOBUF, Answer(status=503)),
    ],
)
def test_of_an_endless_answer_no_more_is_read_than_is_needed(status: int, kind: str, expected: Answer) -> None:
    with answering(status=status, kind=kind, drop=b"x" * 65_536) as (url, server):
        heard, took_s = answers_of(url)
        assert heard == [expected]
        assert took_s < TIMEOUT_S
    # What the system's own buffers hold besides.
    assert sum(server.sent_bytes) < 20_000_000


@pytest.mark.parametrize("headers_first", [True, False])
def test_an_answer_that_comes_drop_by_drop_is_waited_for_no_longer_than_its_timeout(headers_first: bool) -> None:
    with answering(drop=b"0", pause_s=0.55, headers_first=headers_first) as (url, _):
        heard, took_s = answers_of(url)
    assert [(answer.accepted, answer.reason) for answer in heard] == [(False, "no answer in time")]
    assert took_s < TIMEOUT_S + 0.4


def test_a_failure_that_comes_drop_by_drop_is_heard_at_once() -> None:
    with answering(status=401, drop=b"0", pause_s=0.55) as (url, _):
        heard, took_s = answers_of(url)
    assert heard == [Answer(status=401)]
    assert took_s < TIMEOUT_S
