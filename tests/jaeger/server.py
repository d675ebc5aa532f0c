"""A Jaeger process of the tests' own, started from the configuration that docker-compose mounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import HOST, ROOT, Process, serving

DEPLOY = ROOT / "deploy" / "jaeger"
CONFIG = DEPLOY / "config.yaml"
KEEP_CONFIG = DEPLOY / "keep.yaml"
UI_CONFIG = DEPLOY / "ui.json"
PORT_SETTINGS = (
    "JAEGER_OTLP_GRPC_PORT",
    "JAEGER_OTLP_HTTP_PORT",
    "JAEGER_UI_PORT",
    "JAEGER_QUERY_GRPC_PORT",
    "JAEGER_HEALTH_PORT",
    "JAEGER_SPAN_METRICS_PORT",
)


@dataclass(frozen=True, kw_only=True)
class JaegerServer:
    """A Jaeger that is ready to take spans."""

    process: Process

    def url(self, setting: str) -> str:
        """The base URL of one of its ports, without a slash at the end."""
        return f"http://{HOST}:{self.process.ports[setting]}"


@contextmanager
def running(binary: Path, log: Path, *, data_dir: Path | None = None) -> Iterator[JaegerServer]:
    """Start a Jaeger on free ports of the loopback address and stop it at the end.

    Args:
        binary: The program.
        log: Where it writes.
        data_dir: Where it keeps traces; in memory when `None`.

    Raises:
        RuntimeError: It ended or was not healthy in time; the message carries the end of its log.
    """
    command = [str(binary), "--config", str(CONFIG)]
    settings = {"JAEGER_LISTEN_HOST": HOST, "JAEGER_UI_CONFIG": str(UI_CONFIG)}
    if data_dir is not None:
        command += ["--config", str(KEEP_CONFIG)]
        settings["JAEGER_DATA_DIR"] = str(data_dir)

    ready = f"http://{HOST}:{{JAEGER_HEALTH_PORT}}/status"
    with serving("Jaeger", command, log, ready=ready, env=settings, ports=PORT_SETTINGS) as process:
        yield JaegerServer(process=process)
