"""`nanoagent resend`: what waits on disk arrives, once, and what does not arrive waits on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from instrumentation.spooling.spool import Spool, as_line, is_taken
from tests.commands import ROOT, run_python
from tests.instrumentation.command_line import a_run, nanoagent
from tests.instrumentation.delivery.doubles import Receiver, dead_endpoint, receiving, spans, spooled_in

COMMAND = ("-c", "from instrumentation.cli import main; main()")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NANOAGENT_SPOOL_DIR", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.endpoint)
        yield found


class Stuck(Receiver):
    """Takes so many batches; from then on it takes them and does not answer."""

    def __init__(self, batches: int) -> None:
        self._left = batches
        self.is_stuck, self._over = threading.Event(), threading.Event()
        super().__init__()

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        super()._take(request)
        self._left -= 1
        if self._left < 0:
            self.is_stuck.set()
            self._over.wait(20)

    def close(self) -> None:
        self._over.set()
        super().close()


@contextmanager
def sending(stuck: Stuck, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """The command as a process, once its receiver is stuck."""
    env = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": stuck.endpoint, "NANOAGENT_SPOOL_DIR": str(directory)}
    command = [sys.executable, *COMMAND, "resend"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert stuck.is_stuck.wait(20)
            yield process
        finally:
            process.kill()


def spool_of(directory: Path, *names: str) -> None:
    """Spools of processes that are gone, of 192 spans each."""
    for name in names:
        (directory / name).write_bytes(b"".join(as_line([span]) for span in spans(192)))


def test_every_spool_of_the_directory_is_sent_and_removed(directory: Path, receiver: Receiver) -> None:
    spool_of(directory, "spans-1.jsonl", "spans-2.jsonl")
    (directory / "notes.txt").write_text("mine")

    done = nanoagent("resend")

    assert done.out.splitlines() == [
        f"{directory}/spans-1.jsonl: sent 192 of 192 spans, left 0",
        f"{directory}/spans-2.jsonl: sent 192 of 192 spans, left 0",
        "total of 2 files: sent 384 of 384 spans, left 0",
    ]
    assert (done.code, done.err) == (0, "")
    assert receiver.spans == [f"s{number}" for number in range(192)] * 2
    assert receiver.paths == ["/v1/traces"] * 6
    assert [file.name for file in directory.iterdir()] == ["notes.txt"]


def test_sent_twice_a_run_counts_once_and_as_it_counted_itself(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = asyncio.run(a_run())
    messages: list[dict[str, Any]] = []

    class Keeping(Receiver):
        def _take(self, request: BaseHTTPRequestHandler) -> None:
            body = request.rfile.read(int(request.headers["Content-Length"]))
            messages.append(MessageToDict(ExportTraceServiceRequest.FromString(body)))

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    receiver = Keeping()
    try:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        for _ in range(2):
            (directory / "spans-1.jsonl").write_bytes(as_line(run.captured.spans))
            assert nanoagent("resend").code == 0
    finally:
        receiver.close()
    arrived = tmp_path / "arrived.jsonl"
    arrived.write_text("".join(json.dumps(message) + "\n" for message in messages))

    assert len(messages) == 2
    assert json.loads(nanoagent("metrics", arrived, "--json").out) == [run.live.to_dict() | {"goal": None}]


def test_what_a_process_could_not_deliver_is_sent_by_the_command(directory: Path, receiver: Receiver) -> None:
    code = "from instrumentation import configure; from opentelemetry import trace\n"
    code += "configure(); trace.get_tracer('t').start_span('late').end()"
    lost = run_python(
        "-c",
        code,
        NANOAGENT_SPOOL_DIR=str(directory),
        OTEL_EXPORTER="jaeger",
        OTEL_EXPORTER_OTLP_ENDPOINT=dead_endpoint(),
    )
    assert lost.returncode == 0, lost.stderr
    assert spooled_in(directory) == ["late"]

    assert nanoagent("resend").code == 0

    assert receiver.spans == ["late"]
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_to_send_is_fine(directory: Path, is_there: bool) -> None:
    if not is_there:
        directory.rmdir()

    assert nanoagent("resend") == (0, f"nothing to send in {directory}\n", "")
    if is_there:
        assert nanoagent("resend", directory) == (0, f"nothing to send in {directory}\n", "")


def test_a_receiver_that_is_away_is_said_once_and_soon(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = dead_endpoint()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    spool_of(directory, "spans-1.jsonl", "spans-2.jsonl")
    began_s = time.monotonic()

    done = nanoagent("resend")

    assert time.monotonic() - began_s < 3
    assert done.code == 3
    assert done.out.splitlines()[1:] == [
        f"{directory}/spans-2.jsonl: sent 0 of 192 spans, left 192",
        "total of 2 files: sent 0 of 384 spans, left 384",
    ]
    assert [endpoint in line for line in done.err.splitlines()] == [True]
    assert len(spooled_in(directory)) == 384


def test_what_is_wrong_with_lines_is_said_where_they_are(directory: Path, receiver: Receiver) -> None:
    (directory / "spans-1.jsonl").write_bytes(as_line(spans(2)) + b'{"resourceSpans":[{"sco')

    done = nanoagent("resend")

    path = directory / "spans-1.jsonl"
    assert done == (
        3,
        f"{path}: sent 2 of 2 spans, left 0; 1 line without spans moved to spans-1.jsonl.unreadable\n"
        "total of 1 file: sent 2 of 2 spans, left 0\n",
        f"{path}:2: cut off after 23 bytes\n",
    )
    assert nanoagent("resend").out == f"nothing to send in {directory}\n"


def test_a_spool_in_use_is_left_alone_and_nothing_is_wrong(directory: Path, receiver: Receiver) -> None:
    spool = Spool(directory)
    spool.write(spans(1))
    assert spool.path is not None

    with spool.path.open("rb") as file:
        assert is_taken(file.fileno())
        done = nanoagent("resend")

    assert done == (
        0,
        f"{spool.path}: in use by a process that writes or sends it: left alone\n"
        "total of 1 file: sent 0 of 0 spans, left 0; 1 in use\n",
        "",
    )
    assert spooled_in(directory) == ["s0"]


def test_a_file_of_the_file_exporter_is_sent_and_stays(tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "nanoagent-traces.jsonl"
    file.write_bytes(as_line(spans(3)) + b"none\n")

    done = nanoagent("resend", file)

    assert done.code == 3
    assert done.out.splitlines()[0] == (
        f"{file}: sent 3 of 3 spans, left 0; 1 line without spans skipped; it is no spool, and stays as it is"
    )
    assert file.exists()


def test_a_name_from_outside_does_not_steer_the_terminal(tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "spans-\x1b[31m.jsonl"
    file.write_bytes(b"none\n")

    done = nanoagent("resend", file)

    assert "\x1b" not in done.out + done.err
    assert "spans-\ufffd[31m.jsonl: sent 0 of 0" in done.out
    assert (tmp_path / "spans-\x1b[31m.jsonl.unreadable").exists()


@pytest.mark.parametrize("path", ["nosuch", "nosuch.jsonl"])
def test_a_path_that_is_not_there_is_an_error_before_anything_is_sent(
    directory: Path, receiver: Receiver, path: str
) -> None:
    spool_of(directory, "spans-1.jsonl")

    done = nanoagent("resend", directory, directory / path)

    assert (done.code, done.out, receiver.spans) == (4, "", [])
    assert "No such file" in done.err


def test_a_file_that_cannot_be_used_is_an_error_and_the_others_are_sent(directory: Path, receiver: Receiver) -> None:
    spool_of(directory, "spans-1.jsonl", "spans-2.jsonl")
    # Where what is left of the first one is written, there is something else.
    (directory / "spans-1.jsonl.unreadable").mkdir()
    with (directory / "spans-1.jsonl").open("ab") as file:
        file.write(b"none\n")

    done = nanoagent("resend")

    assert done.code == 4
    assert done.out.splitlines() == [
        f"{directory}/spans-1.jsonl: sent 192 spans, but the file cannot be used (Is a directory): it is as it was",
        f"{directory}/spans-2.jsonl: sent 192 of 192 spans, left 0",
        "total of 2 files: sent 384 of 384 spans, left 0; 1 that cannot be used",
    ]


def test_exporters_that_send_nothing_are_an_error(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER", "file")

    done = nanoagent("resend")

    assert (done.code, done.out) == (4, "")
    assert "OTEL_EXPORTER=jaeger nanoagent resend" in done.err


def test_help_names_it() -> None:
    assert "resend" in nanoagent("--help").out
    assert "removed from its spool" in nanoagent("resend", "--help").out


# -- a process that ends half-way -------------------------------------------------------------------------------------


def test_ctrl_c_keeps_what_has_not_arrived(directory: Path) -> None:
    spool_of(directory, "spans-1.jsonl", "spans-2.jsonl")
    stuck = Stuck(batches=4)
    try:
        with sending(stuck, directory) as process:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
    finally:
        stuck.close()

    assert process.returncode == 130
    assert out == f"{directory}/spans-1.jsonl: sent 192 of 192 spans, left 0\n"
    assert "interrupted" in err
    assert [file.name for file in directory.iterdir()] == ["spans-2.jsonl"]
    assert spooled_in(directory) == [f"s{number}" for number in range(64, 192)]


def test_a_kill_loses_nothing_and_the_next_one_sends_the_rest(directory: Path, receiver: Receiver) -> None:
    spool_of(directory, "spans-1.jsonl", "spans-2.jsonl")
    stuck = Stuck(batches=4)
    try:
        with sending(stuck, directory) as process:
            assert nanoagent("resend", directory / "spans-2.jsonl").out.count("in use") == 2
            process.kill()
            process.wait()
    finally:
        stuck.close()
    assert spooled_in(directory) == [f"s{number}" for number in range(192)]

    assert nanoagent("resend").code == 0

    assert receiver.spans == [f"s{number}" for number in range(192)]
    assert list(directory.iterdir()) == []
