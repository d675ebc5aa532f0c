"""The pytest fixtures around a real Prometheus.

Without one the tests are skipped, and fail in CI.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.prometheus.programs import WANTED
from tests.prometheus.server import PrometheusServer, configured, running
from tests.required import installed, required

INTERVAL_S = 0.25

StartPrometheus = Callable[[Mapping[str, Sequence[str]]], PrometheusServer]


@pytest.fixture(scope="session")
def prometheus_program() -> Path:
    """The server's program."""
    return required(lambda: installed("prometheus", WANTED))


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The program that checks rules and configurations."""
    return required(lambda: installed("promtool", WANTED))


@pytest.fixture
def prometheus(prometheus_program: Path, tmp_path: Path) -> Iterator[StartPrometheus]:
    """Starts a Prometheus with the project's rules that asks targets, given by job, a few times a second.

    prometheus({"nanoagent": ["127.0.0.1:9464"]}).client.query("up")
    """
    numbers = count(1)
    with ExitStack() as stack:

        def start(targets: Mapping[str, Sequence[str]]) -> PrometheusServer:
            config = configured(tmp_path / f"prometheus-{next(numbers)}", targets, interval_s=INTERVAL_S)
            return stack.enter_context(running(prometheus_program, config))

        yield start
