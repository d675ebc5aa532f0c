"""A Jaeger process of the tests' own, started from the configuration that docker-compose mounts."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
DEPLOY = Path(__file__).parents[2] / "deploy" / "jaeger"
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
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
# A port that was free a moment ago may be taken by another process.
ATTEMPTS = 3

# The environment may name a proxy, which knows nothing of this machine's loopback.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class JaegerServer:
    """A Jaeger that is ready to take spans."""

    pid: int
    """Its process id."""
    ports: dict[str, int]
    """The port that each of `PORT_SETTINGS` has."""
    log: Path
    """What it wrote."""

    def url(self, setting: str) -> str:
        """The base URL of one of its ports, without a slash at the end."""
        return f"http://{HOST}:{self.ports[setting]}"


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
    with ExitStack() as stack:
        for attempt in range(1, ATTEMPTS + 1):
            ports = dict(zip(PORT_SETTINGS, _free_ports(len(PORT_SETTINGS)), strict=True))
            process = stack.enter_context(_process(binary, ports, log, data_dir))
            if _healthy(process, ports["JAEGER_HEALTH_PORT"]):
                yield JaegerServer(pid=process.pid, ports=ports, log=log)
                return
            if attempt == ATTEMPTS or "address already in use" not in log.read_text():
                tail = "\n".join(log.read_text().splitlines()[-10:])
                raise RuntimeError(f"Jaeger did not start (exit code {process.poll()}):\n{tail}")


@contextmanager
def _process(
    binary: Path, ports: dict[str, int], log: Path, data_dir: Path | None
) -> Iterator[subprocess.Popen[bytes]]:
    settings = {name: str(port) for name, port in ports.items()}
    command = [str(binary), "--config", str(CONFIG)]
    if data_dir is not None:
        command += ["--config", str(KEEP_CONFIG)]
        settings["JAEGER_DATA_DIR"] = str(data_dir)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **settings, "JAEGER_LISTEN_HOST": HOST, "JAEGER_UI_CONFIG": str(UI_CONFIG)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    """Ports that differ: every socket stays open until the last one has its port."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _healthy(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with _http.open(f"http://{HOST}:{port}/status", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except OSError:  # refused, or 503 while its parts start
            pass
        time.sleep(0.05)
    return False
