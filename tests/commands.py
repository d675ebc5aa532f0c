"""Commands of the project, run as the processes that they are."""

import atexit
import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from tests.processes import Job, Run, nursery

ROOT: Final = Path(__file__).parents[1]
BENCHMARK: Final = "benchmarks/run_benchmarks.py"
TIMEOUT_S: Final = 400.0
"""What a local model may take on a busy machine."""
_IMPORTED: Final = (
    "benchmarks.cli",
    "benchmarks.command",
    "benchmarks.subjects.agents",
    "benchmarks.suite.goals_file",
    "instrumentation.cli",
    "instrumentation.commands.run",
    "instrumentation.console",
    "instrumentation.otlp.grpc_exporter",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "scipy.stats",
    "tests.models",
)
"""What the commands need sooner or later."""


def run_python(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout, at 80 columns, to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def run_imported(
    program: str, *arguments: str, env: Mapping[str, str], name: str = "-c"
) -> subprocess.CompletedProcess[str]:
    """Run the text of a program as `run_python` does, but in a process that needs no time for imports."""
    job = Job(
        program=program,
        name=name,
        arguments=arguments,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **env},
        timeout_s=TIMEOUT_S,
    )
    [ended] = _imported()([job])
    return subprocess.CompletedProcess((name, *arguments), ended.exit_code, ended.stdout, ended.stderr)


def run_benchmark(
    output: Path, *arguments: str, program: str = BENCHMARK, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the benchmark, or a program that calls it, with its results in `output`; it needs no time for imports."""
    text = (ROOT / program).read_text(encoding="utf-8")
    return run_imported(text, "--output", str(output), *arguments, env=env, name=program)


@functools.cache
def _imported() -> Run:
    """What runs programs, for as long as there are tests."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(nursery(_IMPORTED, strict=False))


def written_in(output: Path) -> list[str]:
    """The files that a benchmark has written, sorted; without the one that keeps others out."""
    return sorted(
        str(path.relative_to(output)) for path in output.rglob("*") if path.is_file() and path.name != ".lock"
    )


def attempts_in(output: Path) -> list[dict[str, Any]]:
    """The rows of attempts.jsonl."""
    return [json.loads(line) for line in (output / "attempts.jsonl").read_text().splitlines()[1:]]


def results_in(output: Path) -> dict[str, Any]:
    """The content of results.json, which is strict JSON."""
    found: dict[str, Any] = json.loads((output / "results.json").read_text(), parse_constant=_refuse)
    return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
