"""The program that reads what docker-compose and Grafana read, with their own code."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builds import go_built
from tests.required import required

MODULE = Path(__file__).parent

Check = Callable[..., str]


@pytest.fixture(scope="session")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Runs one of the checks of main.go: what it prints; a `ValueError` with what it complains of."""
    program = tmp_path_factory.mktemp("deploy") / "checks"
    required(lambda: go_built(MODULE, program))

    def run(*arguments: str) -> str:
        done = subprocess.run([str(program), *arguments], capture_output=True, check=False, text=True, timeout=60)
        if done.returncode != 0:
            raise ValueError(done.stderr)
        return done.stdout

    return run
