"""A Prometheus process of the tests' own, started from the files that docker-compose mounts."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.prometheus.client import PrometheusClient
from tests.servers import HOST, ROOT, answers, serving

DEPLOY = ROOT / "deploy" / "prometheus"
HELP_TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class PrometheusServer:
    """A Prometheus that is ready to be asked."""

    url: str
    """Its base URL, without a slash at the end."""
    log: Path
    """What it wrote."""

    @property
    def client(self) -> PrometheusClient:
        """A reader of what it knows."""
        return PrometheusClient(self.url)


def configured(
    directory: Path,
    targets: Mapping[str, Sequence[str]],
    *,
    interval_s: float = 1,
    file: str = "prometheus.yml",
    remote_write: str | None = None,
) -> Path:
    """The project's own configuration with other targets and a quicker pulse, in a directory of its own.

    configured(tmp_path, {"nanoagent": ["127.0.0.1:9464"]})

    Args:
        directory: Is made where it is not there.
        targets: Host and port of those that are asked, by job.
        interval_s: How often they are asked, and rules worked out.
        file: Which configuration; `agent.yml` is the other one.
        remote_write: In place of the address that the agent hands on to.

    Returns:
        The configuration's path.
    """
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(DEPLOY / "rules.yml", directory)
    groups = [{"labels": {"job": job}, "targets": [*addresses]} for job, addresses in targets.items()]
    (directory / "targets.yml").write_text(yaml.safe_dump(groups))
    settings = yaml.safe_load((DEPLOY / file).read_text())
    settings["global"] = dict.fromkeys(settings["global"], f"{round(interval_s * 1000)}ms")
    if remote_write is not None:
        (destination,) = settings["remote_write"]
        destination |= {"url": remote_write, "queue_config": {"batch_send_deadline": f"{round(interval_s * 1000)}ms"}}
    config = directory / file
    config.write_text(yaml.safe_dump(settings))
    return config


def agent_option(program: Path) -> str:
    """What makes an agent of the program: a feature until 2.x, an option from 3.0 on."""
    told = subprocess.run([str(program), "--help"], capture_output=True, check=False, text=True, timeout=HELP_TIMEOUT_S)
    is_option = re.search(r"^ +--(\[no-\])?agent\b", f"{told.stdout}{told.stderr}", re.MULTILINE)
    return "--agent" if is_option else "--enable-feature=agent"


@contextmanager
def running(program: Path, config: Path, *, options: Sequence[str] = ()) -> Iterator[PrometheusServer]:
    """Start a Prometheus on a free port of the loopback address and stop it at the end.

    Args:
        program: The server.
        config: Its configuration; what it keeps and writes stands beside it.
        options: More of the command line.

    Raises:
        RuntimeError: It ended or was not ready in time; the message carries the end of its log.
    """
    data, log = config.with_suffix(".data"), config.with_suffix(".log")
    storage = "agent" if any("agent" in option for option in options) else "tsdb"
    command = [
        str(program),
        f"--config.file={config}",
        f"--storage.{storage}.path={data}",
        f"--web.listen-address={HOST}:0",
        *options,
    ]

    def url() -> str | None:
        # The system chooses the port, and the log tells it.
        addresses = re.findall(rf'Listening on"? .*?({re.escape(HOST)}:\d+)', log.read_text())
        return f"http://{addresses[-1]}" if addresses else None

    def is_ready() -> bool:
        return answers(f"{url()}/-/ready") if url() else False

    with serving("Prometheus", command, log, ready=is_ready, env={}):
        yield PrometheusServer(url=str(url()), log=log)
