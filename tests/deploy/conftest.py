"""The program that reads what docker-compose and Grafana read, with their own code."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.required import unavailable

MODULE = Path(__file__).parent
# The first time it downloads and compiles; Go keeps both.
BUILD_TIMEOUT_S = 1200.0

Check = Callable[..., str]


@pytest.fixture(scope="session")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Runs one of the checks of main.go: what it prints; a `ValueError` with what it complains of."""
    program = tmp_path_factory.mktemp("deploy") / "checks"
    if shutil.which("go") is None:
        unavailable("Go is not installed; install Go >= 1.24", os.environ)
    # Without version stamps the build needs no git, and a foreign owner of the checkout does not stop it.
    command = ["go", "build", "-mod=readonly", "-buildvcs=false", "-o", str(program), "."]
    built = subprocess.run(command, capture_output=True, check=False, cwd=MODULE, text=True, timeout=BUILD_TIMEOUT_S)
    if built.returncode != 0:
        unavailable(f"The checks could not be built: {built.stderr}", os.environ)

    def run(*arguments: str) -> str:
        done = subprocess.run([str(program), *arguments], capture_output=True, check=False, text=True, timeout=60)
        if done.returncode != 0:
            raise ValueError(done.stderr)
        return done.stdout

    return run
