"""The pytest fixtures around a real Jaeger.

`NANOAGENT_JAEGER_URL` names one that runs already; otherwise one is built with Go and started from
`deploy/jaeger/config.yaml`. Where neither can be had the tests are skipped, and fail in CI.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.builds import announcing
from tests.jaeger.binary import jaeger_binary
from tests.jaeger.client import JaegerClient
from tests.jaeger.server import JaegerServer, running
from tests.required import required


@dataclass(frozen=True, kw_only=True)
class Jaeger:
    """Where a Jaeger takes spans and where it shows them."""

    otlp_http_endpoint: str
    """Base URL; spans go to `/v1/traces` below it."""
    otlp_grpc_endpoint: str
    ui_url: str
    client: JaegerClient


@pytest.fixture(scope="session")
def jaeger_program(request: pytest.FixtureRequest) -> Path:
    """The Jaeger program, built when it is not there yet."""
    return required(lambda: jaeger_binary(announcing(request.config)))


@pytest.fixture(scope="session")
def jaeger_server(jaeger_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JaegerServer]:
    """A Jaeger of our own, whatever else runs."""
    with running(jaeger_program, tmp_path_factory.mktemp("jaeger") / "jaeger.log") as server:
        yield server


@pytest.fixture(scope="session")
def jaeger(request: pytest.FixtureRequest) -> Jaeger:
    """A Jaeger to send spans to and read them back from."""
    if external := external_jaeger(os.environ):
        return external
    server: JaegerServer = request.getfixturevalue("jaeger_server")
    return Jaeger(
        otlp_http_endpoint=server.url("JAEGER_OTLP_HTTP_PORT"),
        otlp_grpc_endpoint=server.url("JAEGER_OTLP_GRPC_PORT"),
        ui_url=server.url("JAEGER_UI_PORT"),
        client=JaegerClient(server.url("JAEGER_UI_PORT")),
    )


def external_jaeger(env: Mapping[str, str]) -> Jaeger | None:
    """The Jaeger that `NANOAGENT_JAEGER_URL` names.

    It takes OTLP/HTTP where `NANOAGENT_JAEGER_OTLP` says, port 4318 of the same host by default, and OTLP/gRPC one port
    below, as the usual 4317 is.
    """
    ui_url = env.get("NANOAGENT_JAEGER_URL", "").strip().rstrip("/")
    if not ui_url:
        return None
    otlp = env.get("NANOAGENT_JAEGER_OTLP", "").strip() or f"http://{urlsplit(ui_url).hostname}:4318"
    host, port = urlsplit(otlp).hostname, urlsplit(otlp).port or 4318
    return Jaeger(
        otlp_http_endpoint=otlp.rstrip("/"),
        otlp_grpc_endpoint=f"http://{host}:{port - 1}",
        ui_url=ui_url,
        client=JaegerClient(ui_url),
    )
