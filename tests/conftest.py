"""What every test has: one event loop library, no network and no settings from outside."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pydantic_ai.models
import pytest

from instrumentation.configuration import _forget

pytest_plugins = ["tests.jaeger.plugin", "tests.prometheus.plugin"]
pydantic_ai.models.ALLOW_MODEL_REQUESTS = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is slow runs code that quick tests run, too: measuring its coverage takes time and shows nothing."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Settings of the developer's own shell must not decide what a test sees, nor a test what is in their home."""
    for name in list(os.environ):
        if name.startswith(
            (
                "OTEL_",
                "NANOAGENT_MODEL",
                "NANOAGENT_SPOOL",
                "NANOAGENT_EXPORT",
                "NANOAGENT_KEEP",
                "TASK_PLANNER_",
                "EXECUTOR_",
                "REFLECTOR_",
            )
        ):
            monkeypatch.delenv(name)
    # One directory for the whole session: making one for each test takes longer than most tests.
    state = str(tmp_path_factory.getbasetemp() / "state")
    monkeypatch.setenv("XDG_STATE_HOME", state)
    monkeypatch.setenv("NANOAGENT_SPOOL_DIR", f"{state}/spool")


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """Commands that run in this process leave their handlers behind, which would go to every process after them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def no_global_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is set up before the test or after it, and what it writes by default is in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    _forget()
    yield
    _forget()
