"""Commands of the project, run as the processes that they are."""

import atexit
import functools
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from tests.processes import Job, Run, nursery

ROOT: Final = Path(__file__).parents[1]
BENCHMARK: Final = "benchmarks/run_benchmarks.py"
TIMEOUT_S: Final = 120.0
_IMPORTED: Final = (
    "benchmarks.cli",
    "benchmarks.command",
    "benchmarks.subjects.agents",
    "benchmarks.suite.goals_file",
    "instrumentation.console",
    "instrumentation.otlp.grpc_exporter",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "scipy.stats",
    "tests.models",
)
"""What the benchmark needs sooner or later."""


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


def run_benchmark(
    output: Path, *arguments: str, program: str = BENCHMARK, timeout_s: float = TIMEOUT_S, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the benchmark, or a program that calls it, with its results in `output`; it needs no time for imports."""
    given = ("--output", str(output), *arguments)
    job = Job(
        program=(ROOT / program).read_text(encoding="utf-8"),
        name=program,
        arguments=given,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **env},
        timeout_s=timeout_s,
    )
    [ended] = _benchmarks()([job])
    return subprocess.CompletedProcess((program, *given), ended.exit_code, ended.stdout, ended.stderr)


@functools.cache
def _benchmarks() -> Run:
    """What runs benchmarks, for as long as there are tests."""
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
