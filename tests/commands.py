"""Commands of the project, run as the processes that they are."""

import os
import subprocess
import sys
from pathlib import Path

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
