"""A ClickHouse of the tests' own: it answers what its client asks, well and badly, over real sockets.

The real engine counts in the tests of tests/scale; here is what comes over the wire.
"""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from nanoagent.core.performance import Counts, PerformanceMetrics
from nanoagent.core.runs import CountedRun

VERSION: Final = "26.9.2.1"
TAG: Final = "kqgmbwnlxdzeyvua"
SETTINGS: Final = {
    "cancel_http_readonly_queries_on_client_close": "0",
    "http_headers_progress_interval_ms": "100",
    "send_progress_in_http_headers": "0",
}
"""Those of a server's that its client looks for."""
Row = dict[str, Any]
_NOT_STORED: Final = {"goal", "remote_usage"}
COLUMNS: Final = (
    *(each.name for each in fields(PerformanceMetrics) if each.name not in _NOT_STORED),
    *("spans", "expected_spans", "missing_parents", "judged", "schema_version"),
)


@dataclass(frozen=True)
class Reply:
    """What is sent."""

    pieces: Iterable[bytes]
    """A chunk each, sent as it comes."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    ends: bool = True
    """Whether the end of the answer is sent, or the connection ends before."""


@dataclass
class Store:
    """What it holds, who may ask, and how it answers whoever asks for runs."""

    rows: Sequence[Row] = ()
    tables: set[str] = field(default_factory=lambda: {"otel_traces", "nanoagent_runs", "nanoagent_runs_since"})
    database: str = "otel"
    user: str = "default"
    password: str = ""
    reply: Callable[[Sequence[bytes]], Reply] = Reply
    """Made of the pieces of the good answer."""
    columns: Sequence[str] = COLUMNS
    quotes: bool = False
    """Whether whole numbers of 64 bits and decimals are quoted, as many servers have it."""
    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Each question, with its parameters."""

    def answer(self, question: str, parameters: dict[str, str], authorization: str) -> Reply:
        """The answer to a question."""
        self.asked.append((question, parameters))
        if authorization != "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode():
            return refusal(516, "AUTHENTICATION_FAILED", f"{self.user}: Authentication failed: password is incorrect.")
        if "version()" in question:
            return Reply([f"{VERSION}\tAmerica/New_York\n".encode()])
        if (database := parameters.get("database")) != self.database:
            return refusal(81, "UNKNOWN_DATABASE", f"Database {database} does not exist", status=404)
        if "system.settings" in question:
            return Reply([_native_settings(SETTINGS)])
        if "SELECT 1 AS check" in question:
            return Reply([b"\x01\0\x02\xff\xff\xff\xff\0\x01\x01\x05check\x05UInt8\0\x01"])
        if question.startswith("EXISTS TABLE "):
            return Reply([b"1\n" if question.split()[2] in self.tables else b"0\n"])
        return self._runs(question, parameters)

    def _runs(self, question: str, parameters: dict[str, str]) -> Reply:
        view = question.partition(" FROM ")[2].split()[0].partition("(")[0]
        if missing := {view, "otel_traces"} - self.tables:
            is_called = "since" in view and view in missing
            code, name = (46, "UNKNOWN_FUNCTION") if is_called else (60, "UNKNOWN_TABLE")
            return refusal(code, name, f"Unknown table expression identifier '{min(missing)}'", status=404)
        assert question.split()[-2:] == ["FORMAT", "JSONCompact"]
        chosen = [row for row in self.rows if _is_asked_for(row, parameters)]
        return self.reply(pieces_of(self.columns, chosen, quotes=self.quotes))


@contextmanager
def clickhouse(store: Store, *, certificate: tuple[Path, Path] | None = None) -> Iterator[Store]:
    """Serve a store, under its `url`; with a certificate and its key over TLS."""
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with suppress(ConnectionError):  # whoever asked has gone
                super().handle()

        def do_POST(self) -> None:
            question = self.rfile.read(int(self.headers["Content-Length"])).decode()
            parameters = dict(parse_qsl(urlsplit(self.path).query))
            reply = store.answer(question, parameters, self.headers.get("Authorization", ""))
            if not reply.pieces and not reply.ends:
                closing.wait(20)  # it does not answer, for less long than a client waits for its first words
                return
            self.send_response(reply.status)
            for name, value in {"Transfer-Encoding": "chunked", **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in reply.pieces:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if reply.ends:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = not reply.ends

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        store.url = f"http://127.0.0.1:{server.server_port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            store.url = f"https://localhost:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield store
        finally:
            closing.set()
            server.shutdown()


def row_of(run: CountedRun, **changed: Any) -> Row:
    """A run as the view has it."""
    stored = {name: _stored(getattr(run.metrics, name)) for name in COLUMNS if hasattr(run.metrics, name)}
    stored |= {"spans": run.spans, "expected_spans": run.expected_spans, "missing_parents": [*run.missing_parents]}
    return stored | {"judged": True, "schema_version": 1} | changed


def pieces_of(columns: Sequence[str], rows: Sequence[Row], *, quotes: bool = False) -> list[bytes]:
    """The answer as ClickHouse writes it in the format JSONCompact: its head, each row and its end."""
    named = ",\n".join(f'\t\t{{\n\t\t\t"name": "{name}",\n\t\t\t"type": "-"\n\t\t}}' for name in columns)
    written = ["\t\t" + _json([row.get(name) for name in columns], quotes) for row in rows]
    head = f'{{\n\t"meta":\n\t[\n{named}\n\t],\n\n\t"data":\n\t[\n'
    end = f'\n\t],\n\n\t"rows": {len(rows)},\n\n\t"statistics":\n\t{{\n\t\t"elapsed": 0.1\n\t}}\n}}\n'
    return [head.encode(), *(f"{',' * bool(n)}\n{row}".encode() for n, row in enumerate(written)), end.encode()]


def refusal(code: int, name: str, text: str, *, status: int = 500) -> Reply:
    """What ClickHouse answers to what it cannot do."""
    headers = {"X-ClickHouse-Exception-Code": str(code)}
    return Reply([exception(code, name, text).encode()], status, headers)


def exception(code: int, name: str, text: str) -> str:
    """What ClickHouse says of what it cannot do."""
    return f"Code: {code}. DB::Exception: {text}. ({name}) (version {VERSION} (official build))\n"


def late_exception(code: int, name: str, text: str) -> bytes:
    """What ClickHouse writes where rows should be, when it has begun to answer."""
    said = exception(code, name, text)
    return f"\r\n__exception__\r\n{TAG}\r\n{said}{len(said)} {TAG}\r\n__exception__\r\n".encode()


def _is_asked_for(row: Row, parameters: dict[str, str]) -> bool:
    start_ns = row["start_time_unix_ns"]
    seconds, _, ns = parameters.get("param_since", "0.0").partition(".")
    since_ns, until_ns = int(seconds) * 10**9 + int(ns), int(parameters.get("param_until", 2**63))
    return since_ns <= start_ns <= until_ns and str(row["run_id"]).startswith(parameters.get("param_run", ""))


def _stored(value: Any) -> Any:
    if isinstance(value, Counts):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return [_stored(part) for part in value] if isinstance(value, tuple) else value


def _json(value: Any, quotes: bool) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_json(part, quotes)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json(part, quotes) for part in value) + "]"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        return f'"{text}"' if quotes else text
    return json.dumps(value, ensure_ascii=False)


def _native_settings(settings: Mapping[str, str]) -> bytes:
    """A block of ClickHouse's format Native: the settings that the client may change."""
    names, values = ([_text(word) for word in words] for words in (settings.keys(), settings.values()))
    columns = (("name", "String", names), ("value", "String", values), ("readonly", "UInt8", [b"\0"] * len(names)))
    blocks = [_text(name) + _text(kind) + b"".join(column) for name, kind, column in columns]
    return bytes([len(columns), len(names)]) + b"".join(blocks)


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()
