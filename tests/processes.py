"""Processes of Python programs, many at a time, that need no time for imports.

Each is forked from a process that has the project imported already, and from then on runs and ends as any other: it has
the caller's environment, at the end of its program the interpreter exits in the ordinary way, and nobody else is in it.

Example:
    with nursery() as run:
        [ended] = run([Job(program="print(6 * 7)")])
    assert (ended.exit_code, ended.stdout) == (0, "42\\n")
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).parents[1]
AT_ONCE: Final = 8
"""Most of what they do is waiting."""
TRACED_RUNS: Final = (
    "instrumentation.configuration",
    "instrumentation.otlp.grpc_exporter",
    "instrumentation.testing",
    "nanoagent.core.orchestrator",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "tests.runs",
)
"""What applications import that run agents and send their traces."""
_STRICT: Final = ("-W", "error", "-W", "ignore::DeprecationWarning")
_OWN_SETTINGS: Final = ("OTEL_", "NANOAGENT_", "TASK_PLANNER_", "EXECUTOR_", "REFLECTOR_")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A program, what it is given, and the environment variables of its own."""

    program: str
    """Its text."""
    name: str = "program"
    """Its path, where it has one."""
    arguments: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0
    """Nothing takes so long; what does is killed, which its exit code of -9 shows."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What became of a process."""

    exit_code: int
    """Of one that a signal ended, the signal's number with a minus."""
    stdout: str
    stderr: str
    end_s: float
    """When it had ended, as `time.monotonic` of any process says it."""


Run = Callable[[Sequence[Job]], list[Ended]]
"""Runs programs to their ends, several at a time."""


@contextmanager
def nursery(imported: Sequence[str] = TRACED_RUNS, *, strict: bool = True) -> Iterator[Run]:
    """What runs programs.

    Args:
        imported: The modules that need no time any more.
        strict: Whether warnings are errors in the programs.
    """
    # Newer Pythons warn of threads of numpy's, which wait for work and hold nothing.
    options = [*(_STRICT if strict else ()), "-W", "ignore:This process:DeprecationWarning"]
    process = subprocess.Popen(
        [sys.executable, *options, "-m", "tests.processes", *imported],
        cwd=_ROOT,
        env=_surroundings(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    requests, answers = process.stdin, process.stdout
    assert requests is not None
    assert answers is not None

    def run(jobs: Sequence[Job]) -> list[Ended]:
        asked = [asdict(job) | {"env": {**_surroundings(), **job.env}} for job in jobs]
        print(json.dumps(asked), file=requests, flush=True)
        return [Ended(**ended) for ended in json.loads(answers.readline())]

    with process:
        yield run
        requests.close()


def _surroundings() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(_OWN_SETTINGS)}


# -- the process that forks --------------------------------------------------------------------------------------------


class _Child:
    """A process that has begun, and what it has said so far."""

    def __init__(self, process_id: int, stdout: int, stderr: int, *, timeout_s: float) -> None:
        self._id = process_id
        self._said = {stdout: b"", stderr: b""}
        self._until_s = time.monotonic() + timeout_s
        self.ended: Ended | None = None

    def has_ended(self) -> bool:
        """Whether it has; what it has said is noted."""
        return self.ended is not None or self._look()

    def _look(self) -> bool:
        process_id, status = os.waitpid(self._id, os.WNOHANG)
        now_s = time.monotonic()
        for pipe in self._said:
            with contextlib.suppress(BlockingIOError):
                while data := os.read(pipe, 65_536):
                    self._said[pipe] += data
        if process_id:
            stdout, stderr = (said.decode() for said in self._said.values())
            code = os.waitstatus_to_exitcode(status)
            self.ended = Ended(exit_code=code, stdout=stdout, stderr=stderr, end_s=now_s)
            for pipe in self._said:
                os.close(pipe)
        elif now_s > self._until_s:
            os.kill(self._id, signal.SIGKILL)
        return self.ended is not None


def _serve() -> dict[str, Any] | None:
    """Run what is asked for until nobody asks any more; in a child, give its job."""
    for line in iter(sys.stdin.readline, ""):
        children: list[_Child] = []
        for job in json.loads(line):
            _wait_until_fewer_run(children, AT_ONCE)
            pipes = os.pipe(), os.pipe()
            process_id = os.fork()
            if not process_id:
                _begin(job, *(end for _, end in pipes))
                return dict(job)
            for start, end in pipes:
                os.close(end)
                os.set_blocking(start, False)
            children.append(_Child(process_id, *(start for start, _ in pipes), timeout_s=job["timeout_s"]))
        _wait_until_fewer_run(children, 1)
        print(json.dumps([asdict(child.ended) for child in children if child.ended]), flush=True)  # noqa: T201
    return None


def _wait_until_fewer_run(children: Sequence[_Child], most: int) -> None:
    while sum(not child.has_ended() for child in children) >= most:
        time.sleep(0.005)


def _begin(job: dict[str, Any], stdout: int, stderr: int) -> None:
    os.environ.clear()
    os.environ.update(job["env"])
    sys.argv = [job["name"], *job["arguments"]]
    if os.sep in job["name"]:
        sys.path.insert(0, str(Path(job["name"]).parent))
    for source, sink in ((os.open(os.devnull, os.O_RDONLY), 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, sink)
        os.close(source)


if __name__ == "__main__":
    for module in sys.argv[1:]:
        importlib.import_module(module)
    gc.freeze()  # what is imported is not looked through in each child
    job = _serve()
    if job is not None:
        vars(sys.modules["__main__"])["__file__"] = job["name"]
        exec(compile(job["program"], job["name"], "exec", dont_inherit=True), vars(sys.modules["__main__"]))  # noqa: S102
