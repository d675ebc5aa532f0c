"""The example service as a process of its own, on a free port of this machine.

Example:
    with serving(env={"OTEL_METRICS_EXPORTER": "prometheus"}) as service:
        assert service.answer("What is 5 + 3?")["answer"] == "5 + 3 = 8"
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import requests

from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan

ROOT: Final = Path(__file__).parents[1]
PATIENCE_S: Final = 60.0
"""Nothing takes so long, on the slowest machine."""
_OWN_SETTINGS: Final = ("OTEL_", "NANOAGENT_", "TASK_PLANNER_", "EXECUTOR_", "REFLECTOR_", "OPENAI_")
_ADDRESS: Final = re.compile(r"running on (http://127\.0\.0\.1:\d+)")
_T = TypeVar("_T")


@dataclass
class ServiceProcess:
    """A service that runs, or did."""

    process: subprocess.Popen[bytes]
    directory: Path
    """Where its files are."""
    url: str = ""

    @property
    def log(self) -> str:
        """All that it wrote to stderr."""
        return (self.directory / "log").read_text(encoding="utf-8")

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON; uvicorn's first ones are not."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    @property
    def traces(self) -> Path:
        """The file that it sends its spans to, as far as nothing else was set."""
        return self.directory / "traces.jsonl"

    @property
    def spans(self) -> list[ReadSpan]:
        """The spans in that file."""
        return [span for batch in read_file(str(self.traces), Problems()) for span in batch]

    def trace(self, trace_id: str) -> dict[str, ReadSpan]:
        """The spans of a request's trace by their names, once the request's own, which ends last, has arrived."""

        def look() -> dict[str, ReadSpan] | None:
            spans = {span.name: span for span in self.spans if span.trace_id == trace_id}
            return spans if any("http.route" in span.attributes for span in spans.values()) else None

        return wait_for(look)

    def answer(self, goal: str, **headers: str) -> dict[str, Any]:
        """Have a goal answered, with 200."""
        response = self.post("/goals", {"goal": goal}, **headers)
        assert response.status_code == 200, response.text
        answered: dict[str, Any] = response.json()
        return answered

    def post(self, path: str, body: object, **headers: str) -> requests.Response:
        """Post this as JSON."""
        return requests.post(f"{self.url}{path}", json=body, headers=headers, timeout=PATIENCE_S)

    def get(self, path: str) -> requests.Response:
        """Get what is there."""
        return requests.get(f"{self.url}{path}", timeout=PATIENCE_S)

    def ask_to_end(self) -> None:
        """Send the signal that ends a service, and do not wait."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait for its end, and give its exit code."""
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving(env: Mapping[str, str] | None = None, *, workers: int = 1) -> Iterator[ServiceProcess]:
    """Start the service and wait until it is ready; at the end it is ended in good order, if it was not before.

    Without settings it answers the benchmark's goals by rules, and sends its spans to a file.

    Args:
        env: Its settings, beside those above.
        workers: How many processes answer.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "examples.service.app:app",
            "--port",
            "0",
            "--workers",
            str(workers),
        ]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=_surroundings(directory) | dict(env or {}),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        service = ServiceProcess(process, directory)
        try:
            service.url = wait_for(lambda: _address(service))
            wait_for(lambda: _is_ready(service))
            yield service
            if process.poll() is None:
                service.ask_to_end()
                service.ended()
        finally:
            if process.poll() is None:
                # Its workers, too, which would go on without it.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(look: Callable[[], _T | None]) -> _T:
    """What `look` finds, as soon as it finds something."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it never came")


def _surroundings(directory: Path) -> dict[str, str]:
    own = {
        "OTEL_EXPORTER": "file",
        "OTEL_EXPORTER_FILE_PATH": str(directory / "traces.jsonl"),
        "NANOAGENT_SPOOL_DIR": str(directory / "spool"),
    }
    return {key: value for key, value in os.environ.items() if not key.startswith(_OWN_SETTINGS)} | own


def _address(service: ServiceProcess) -> str | None:
    _assert_runs(service)
    found = _ADDRESS.search(service.log)
    return found[1] if found else None


def _is_ready(service: ServiceProcess) -> bool:
    _assert_runs(service)
    with suppress(requests.ConnectionError):
        return service.get("/healthz").status_code == 200
    return False


def _assert_runs(service: ServiceProcess) -> None:
    assert service.process.poll() is None, service.log
