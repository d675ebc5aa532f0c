"""The `nanoagent` command in this process, and files of traces for it to read."""

import io
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.cli import app
from instrumentation.exits import run_command
from tests.commands import ROOT
from tests.models import CannedModel, call, executed, plan, reflected, response
from tests.runs import Ran, ran

FOREIGN = ROOT / "tests" / "foreign"


class Done(NamedTuple):
    """A command that is over."""

    code: int
    out: str
    err: str


def nanoagent(*arguments: object, stdin: bytes = b"") -> Done:
    """Run the command to its end."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        run_command(lambda: app(list(map(str, arguments))))
    assert isinstance(ended.value.code, int)
    return Done(int(ended.value.code), out.getvalue(), err.getvalue())


async def a_run() -> Ran:
    """A run of ours of two iterations, in which a tool fails."""
    replies = [
        plan("Add", "Break it"),
        response(call("add", a=5, b=3)),
        executed("8"),
        reflected(None, gaps=["Break it"]),
        response(call("broken", why="so")),
        executed("it broke"),
        reflected("8"),
    ]
    return await ran(CannedModel(replies))


def exported(path: Path, spans: Sequence[ReadableSpan]) -> Path:
    """The spans as the official exporter writes them, all in one line."""
    with path.open("a", encoding="utf-8") as stream:
        FileSpanExporter(stream=stream).export(spans)
    return path


def lines(path: Path, texts: Iterable[bytes]) -> Path:
    """A file of these lines."""
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    return path
