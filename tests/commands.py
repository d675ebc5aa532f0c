"""Commands of the project, run as the processes that they are."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BENCHMARK = "benchmarks/run_benchmarks.py"


def run_python(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout, at 80 columns, to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_benchmark(
    output: Path, *arguments: str, program: str = BENCHMARK, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the benchmark, or a program that calls it, with its results in `output`."""
    return run_python(program, "--output", str(output), *arguments, **env)


def written_in(output: Path) -> list[str]:
    """The files that a benchmark has written, sorted; without the one that keeps others out."""
    return sorted(
        str(path.relative_to(output)) for path in output.rglob("*") if path.is_file() and path.name != ".lock"
    )


def attempts_in(output: Path) -> list[dict[str, Any]]:
    """The rows of attempts.jsonl."""
    return [json.loads(line) for line in (output / "attempts.jsonl").read_text().splitlines()[1:]]
