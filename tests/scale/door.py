"""ClickHouse's HTTP interface over the engine that `chdb` has in its process, as far as the tests' clients ask for it.

The engine is ClickHouse's own. It serves nobody over HTTP, so this does: for the Collector's exporter, which writes
with clickhouse-go, and for clickhouse-connect, which `nanoagent metrics --clickhouse` reads with. Sessions, compression
other than gzip, and everything of users but their names and passwords are missing.

It is a process of its own, so that it can be killed, started again on what it has kept, and measured:

    python -m tests.scale.door --data DIRECTORY --port 8123
"""

import argparse
import gzip
import os
import re
import struct
import sys
import tempfile
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from chdb.session import Session

from tests.servers import HOST, Process, free_ports, serving

USER: Final = "DOOR_USER"
PASSWORD: Final = "DOOR_PASSWORD"
"""Environment variables: whoever else asks is refused. Without them everybody is answered."""

_OF_HTTP: Final = {
    *("client_protocol_version", "compress", "database", "decompress", "default_format", "query", "query_id"),
    *("session_id", "session_timeout", "wait_end_of_query"),
}
"""What stands in a URL and is no setting of the engine."""
_INSERT: Final = re.compile(
    rb"(?P<statement>\s*INSERT\s+INTO\s.*?)\s+FORMAT\s+(?P<format>\w+)[ ;]*\n(?P<data>.*)", re.DOTALL | re.IGNORECASE
)
_HELLO: Final = b"SELECT displayName(), version(), revision(), timezone()"
_CODE: Final = re.compile(r"Code: (\d+)")
_STATUSES: Final = {60: 404, 81: 404, 62: 400, 516: 401}
"""By the code of an error: unknown table and database, wrong syntax, refused. Others are 500."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where a ClickHouse is asked."""

    port: int
    process: Process

    @property
    def url(self) -> str:
        """Base URL, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def query(self, sql: str, *, database: str = "default") -> str:
        """What a query says, tab-separated unless it names a format.

        Raises:
            RuntimeError: The engine refuses it; the message is the engine's.
        """
        query = urlencode({"database": database})
        try:
            with _http.open(f"{self.url}/?{query}", sql.encode(), timeout=120) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(error.read().decode()) from error


_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def opened(data: Path, *, port: int | None = None, env: Mapping[str, str] | None = None) -> Iterator[Door]:
    """A door over what `data` keeps, in a process of its own.

    with opened(tmp_path / "clickhouse") as door:
        door.query("SELECT 1")

    Args:
        data: The directory where the engine keeps its tables; is made where it is not there.
        port: A free one by default.
        env: Environment variables of its own.
    """
    port = port or free_ports(1)[0]
    command = [sys.executable, "-m", "tests.scale.door", "--data", str(data), "--port", str(port)]
    url = f"http://{HOST}:{port}"
    with serving("clickhouse", command, data.with_suffix(".log"), ready=f"{url}/ping", env=env or {}) as process:
        yield Door(port=port, process=process)


# -- the process -------------------------------------------------------------------------------------------------------


class _RefusedError(Exception):
    """Somebody whose name or password is not the right one asks."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    data: str
    """The engine's directory."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        pass  # one line a request is too much

    def _answer(self) -> None:
        body = self._body()  # is read in any case: what is left of it would be taken for the next request
        path, parameters = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query, True))
        if path == "/ping":
            return self._send(200, b"Ok.\n", parameters)
        try:
            self._require_user()
            answer = _executed(self.data, parameters, body)
        except Exception as error:  # whatever it is, the client is told
            return self._send_error(str(error), parameters)
        return self._send(200, answer, parameters)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _require_user(self) -> None:
        user, password = os.environ.get(USER), os.environ.get(PASSWORD, "")
        expected = b64encode(f"{user}:{password}".encode()).decode()
        if user is not None and self.headers.get("Authorization") != f"Basic {expected}":
            raise _RefusedError("Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")

    def _send_error(self, message: str, parameters: Mapping[str, str]) -> None:
        found = _CODE.search(message)
        code = int(found[1]) if found else 1000
        self._send(_STATUSES.get(code, 500), f"{message}\n".encode(), parameters, code=code)

    def _send(self, status: int, body: bytes, parameters: Mapping[str, str], *, code: int = 0) -> None:
        compress = parameters.get("enable_http_compression") == "1"
        compress = compress and "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(body, 1) if compress else body
        self.send_response(status)
        if compress:
            self.send_header("Content-Encoding", "gzip")
        if code:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _executed(data: str, parameters: Mapping[str, str], body: bytes) -> bytes:
    """What the engine answers; settings and the database are those of this request alone."""
    asked = b"\n".join(part for part in (parameters.get("query", "").encode(), body) if part)
    if asked.startswith(_HELLO):
        return _hello(data)
    with Session(data) as session:
        if database := parameters.get("database"):
            session.query(f"USE `{database}`")
        for name, value in parameters.items():
            if name not in _OF_HTTP and not name.startswith("param_"):
                session.query(f"SET {name} = '{value}'")
        if insert := _INSERT.fullmatch(asked):
            # From a file: what the engine streams in it calls written also where it has refused it in the end.
            with tempfile.NamedTemporaryFile() as file:
                file.write(insert["data"])
                file.flush()
                source = f"SELECT * FROM file('{file.name}', {insert['format'].decode()})"  # noqa: S608 - our own
                session.query(f"{insert['statement'].decode()} {source}")
            return b""
        sql = asked.decode().rstrip("; \n")
        wanted = {name.removeprefix("param_"): value for name, value in parameters.items() if name.startswith("param_")}
        answer = session.query(sql, parameters.get("default_format", "TabSeparated"), params=wanted)
        return bytes(answer.bytes())


def _hello(data: str) -> bytes:
    """The block that clickhouse-go begins with, which is of another revision than all that it asks later.

    That has a head, and a zero after each type. The revision that it names is 0, and so later blocks need neither.
    """
    with Session(data) as session:
        version, zone = session.query("SELECT version(), timezone()", "TabSeparated").bytes().decode().split()
    columns = [("displayName()", "chdb"), ("version()", version), ("revision()", 0), ("timezone()", zone)]
    block = struct.pack("<BBBiB", 1, 0, 2, -1, 0) + bytes([len(columns), 1])
    for name, value in columns:
        kind = "String" if isinstance(value, str) else "UInt32"
        block += _text(name) + _text(kind) + b"\0"
        block += _text(value) if isinstance(value, str) else struct.pack("<I", value)
    return block


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def main() -> None:
    """Answer until the process is stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="where the engine keeps its tables")
    parser.add_argument("--port", required=True, type=int, help=f"of {HOST}")
    arguments = parser.parse_args()
    arguments.data.mkdir(parents=True, exist_ok=True)
    _Handler.data = str(arguments.data)
    server = ThreadingHTTPServer((HOST, arguments.port), _Handler)
    with Session(_Handler.data):  # as long as one is open, the next one opens at once
        server.serve_forever()


if __name__ == "__main__":
    main()
