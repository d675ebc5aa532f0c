"""What every test has: one event loop library, no network and no settings from outside."""

import os

import pydantic_ai.models
import pytest

pytest_plugins = ["tests.jaeger.plugin"]
pydantic_ai.models.ALLOW_MODEL_REQUESTS = False


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the developer's own shell must not decide what a test sees."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "NANOAGENT_MODEL", "TASK_PLANNER_", "EXECUTOR_", "REFLECTOR_")):
            monkeypatch.delenv(name)
