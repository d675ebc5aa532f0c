"""The Collector of deploy/scale/collector: built once, started with the very files that are deployed."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.builds import kept, made_by
from tests.required import installed
from tests.servers import HOST, ROOT, Process, fetched, serving

DEPLOYED: Final = ROOT / "deploy" / "scale" / "collector"
FRONT: Final = DEPLOYED / "front.yaml"
SINK: Final = DEPLOYED / "sink.yaml"
RECIPE: Final = DEPLOYED / "builder.yaml"
BUILDER: Final = "go.opentelemetry.io/collector/cmd/builder"
VALIDATION_TIMEOUT_S: Final = 60.0
_WANTED: Final = "install Go >= 1.25"
_NUMBER: Final = re.compile(r"(?P<name>\w+?)(?:_total)?\{(?P<labels>.*)\} (?P<value>\S+)")


@dataclass(frozen=True, kw_only=True)
class Collector:
    """A Collector that is ready."""

    process: Process

    @property
    def otlp_http_endpoint(self) -> str:
        """Base URL of a front; spans go to `/v1/traces` below it."""
        return f"http://{HOST}:{self.process.ports['FRONT_OTLP_HTTP_PORT']}"

    @property
    def otlp_grpc_endpoint(self) -> str:
        """Of a front."""
        return f"http://{HOST}:{self.process.ports['FRONT_OTLP_GRPC_PORT']}"

    def counted(self, name: str) -> int:
        """The sum of one of its own metrics over all labels, 0 where it has not counted anything yet."""
        port = next(port for setting, port in self.process.ports.items() if setting.endswith("_METRICS_PORT"))
        found = (_NUMBER.fullmatch(line) for line in fetched(f"http://{HOST}:{port}/metrics").splitlines())
        return sum(int(float(number["value"])) for number in found if number and number["name"] == name)


def collector_program(announce: Callable[[str], None]) -> Path:
    """The Collector's program, from the cache or built into it.

    Raises:
        UnavailableError: Go is missing or fails to build it.
    """

    def make(directory: Path) -> None:
        shutil.copy(RECIPE, directory)
        version = f"v{recipe()['dist']['version']}"
        build = ["go", "run", f"{BUILDER}@{version}", f"--config={RECIPE.name}", "--skip-compilation"]
        made_by(build, directory=directory)
        # Without version stamps the build needs no git.
        options = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(directory / "collector")]
        made_by(
            ["go", "build", *options],
            directory=directory / "nanoagent-collector",
            env={"GOFLAGS": "-mod=mod"},
        )

    return kept("collector", RECIPE, make, announce, require=lambda: installed("go", _WANTED)) / "collector"


def recipe() -> dict[str, Any]:
    """What builder.yaml says."""
    read: dict[str, Any] = yaml.safe_load(RECIPE.read_text())
    return read


def module_directory(name: str) -> Path:
    """Where Go keeps the sources of a part that builder.yaml names, fetched where they are not there.

    Raises:
        UnavailableError: Go is missing, or they cannot be fetched.
    """
    installed("go", _WANTED)
    parts = [part["gomod"] for kind, listed in recipe().items() if kind != "dist" for part in listed]
    (module,) = (part.replace(" ", "@") for part in parts if part.split()[0].endswith(f"/{name}"))
    return Path(json.loads(made_by(["go", "mod", "download", "-json", module], directory=ROOT))["Dir"])


def validated(program: Path, config: Path, *, env: Mapping[str, str] | None = None) -> str:
    """What the program says of a configuration, which is nothing where it finds it right.

    Args:
        program: See `collector_program`.
        config: A file.
        env: The environment, empty by default.
    """
    command = [str(program), "validate", "--config", str(config)]
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        env=dict(env or {}),
        text=True,
        timeout=VALIDATION_TIMEOUT_S,
    )
    said = f"{done.stdout}{done.stderr}".strip()
    return said if done.returncode else ""


@contextmanager
def front(
    program: Path,
    log: Path,
    *,
    brokers: str,
    env: Mapping[str, str] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Iterator[Collector]:
    """Start a front on free ports, and stop it at the end.

    Args:
        program: See `collector_program`.
        log: Where it writes.
        brokers: Host and port of Kafka.
        env: More of its settings.
        changes: What is not as it is deployed: values by their paths, with dots between.
    """
    ports = ("FRONT_HEALTH_PORT", "FRONT_METRICS_PORT", "FRONT_OTLP_GRPC_PORT", "FRONT_OTLP_HTTP_PORT")
    command = _command(program, FRONT, changes or {}, log)
    ready = f"http://{HOST}:{{FRONT_HEALTH_PORT}}/"
    settings = {"KAFKA_BROKERS": brokers, **(env or {})}
    with serving("front", command, log, ready=ready, env=settings, ports=ports) as process:
        yield Collector(process=process)


@contextmanager
def sink(
    program: Path,
    log: Path,
    *,
    brokers: str,
    clickhouse_url: str,
    data: Path,
    config: Path = SINK,
    env: Mapping[str, str] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Iterator[Collector]:
    """Start a sink on free ports, and stop it at the end.

    Args:
        program: See `collector_program`.
        log: Where it writes.
        brokers: Host and port of Kafka.
        clickhouse_url: Base URL of ClickHouse.
        data: The directory of its queue; one that a sink had before is gone on with.
        config: What it is.
        env: More of its settings.
        changes: See `front`.
    """
    ports = ("SINK_HEALTH_PORT", "SINK_METRICS_PORT")
    command = _command(program, config, changes or {}, log)
    ready = f"http://{HOST}:{{SINK_HEALTH_PORT}}/"
    # The door does not know ClickHouse's own compression of blocks.
    where = {"KAFKA_BROKERS": brokers, "CLICKHOUSE_URL": f"{clickhouse_url}?compress=none", "SINK_DATA_DIR": str(data)}
    with serving("sink", command, log, ready=ready, env={**where, **(env or {})}, ports=ports) as process:
        yield Collector(process=process)


def _command(program: Path, config: Path, changes: Mapping[str, Any], log: Path) -> list[str]:
    changed = log.with_suffix(".changes.yaml")
    changed.write_text(yaml.safe_dump(_nested(changes)))
    return [str(program), "--config", str(config), "--config", str(changed)]


def _nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in changes.items():
        *around, key = path.split(".")
        place = nested
        for name in around:
            place = place.setdefault(name, {})
        place[key] = value
    return nested
