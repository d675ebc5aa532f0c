"""The benchmark command with `--engine ray`, as the process that it is, in an environment of which none is left."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from benchmarks.results.canonical import canonical
from tests.commands import BENCHMARK, ROOT
from tests.scale.ray_nodes import SETTINGS
from tests.servers import wait_until

WITHIN_S: Final = 180.0
"""Nothing takes so long, even on a busy machine."""
ON_NODES: Final = SETTINGS
"""The environment of a command that connects to `ray_nodes`."""
_MARK: Final = "TEST_OF_RAY"


class Command:
    """A command at work."""

    def __init__(self, process: "subprocess.Popen[str]", output: Path, mark: str, files: Path) -> None:
        self._process, self._mark, self._files = process, mark, files
        self.output: Final = output

    @property
    def lines(self) -> list[str]:
        """Of attempts.jsonl, without the first."""
        path = self.output / "attempts.jsonl"
        return path.read_text().splitlines()[1:] if path.exists() else []

    def wait_for_rows(self, count: int) -> None:
        """Wait until so many attempts are made."""
        until(lambda: len(self.lines) >= count or self._process.poll() is not None)

    def wait_for_start_of_ray(self) -> None:
        """Wait until Ray is starting."""
        until(lambda: bool(self.files) or self._process.poll() is not None)

    def interrupt(self) -> None:
        """What a Ctrl-C in a terminal does: everything that is in the foreground is told."""
        os.killpg(self._process.pid, signal.SIGINT)

    def terminate(self) -> None:
        """What whoever supervises the command does to end it."""
        self._process.terminate()

    def ended(self) -> "subprocess.CompletedProcess[str]":
        """What became of it."""
        stdout, stderr = self._process.communicate(timeout=WITHIN_S)
        return subprocess.CompletedProcess(self._process.args, self._process.returncode, stdout, stderr)

    def left(self) -> list[str]:
        """The processes that it has started and that are there still."""
        return _processes_with(self._mark)

    @property
    def files(self) -> list[Path]:
        """What Ray has written, all of it."""
        return sorted(path for path in self._files.rglob("*") if path.is_file())


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    wait_until(holds, "what a command by Ray comes to", deadline_s=WITHIN_S, pause_s=0.1)


@contextmanager
def by_ray(
    output: Path, *arguments: str, directory: Path = ROOT, env: Mapping[str, str] | None = None
) -> Iterator[Command]:
    """Start the command, with these variables beside those of this process; at the end it is killed."""
    mark = uuid4().hex
    with (
        tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as files,
        subprocess.Popen(
            [sys.executable, str(ROOT / BENCHMARK), "--engine", "ray", "--output", str(output), *arguments],
            cwd=directory,
            env={**os.environ, "COLUMNS": "80", "RAY_TMPDIR": files, _MARK: mark, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Command(process, output, mark, Path(files))
        finally:
            process.kill()


def run_by_ray(
    output: Path, *arguments: str, directory: Path = ROOT, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end, after which none of its processes is left."""
    with by_ray(output, *arguments, directory=directory, env=env) as command:
        ended = command.ended()
        until(lambda: not command.left())
        return ended


def measured(results: Mapping[str, Any]) -> dict[str, Any]:
    """Results in canonical form, without the state of the checkout, which somebody may change meanwhile."""
    found = canonical(results)
    for name in ("commit", "dirty", "changes"):
        del found["provenance"][name]
    return found


def _processes_with(mark: str) -> list[str]:
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if f"{_MARK}={mark}".encode() in (directory / "environ").read_bytes():
                found.append((directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200])
        except OSError:  # it has ended, or is somebody else's
            continue
    return found
