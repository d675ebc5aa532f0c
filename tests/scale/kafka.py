"""A real Kafka broker, of the artifacts that pom.xml names, on loopback."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.builds import kept, made_by
from tests.required import installed
from tests.servers import HOST, Process, accepts, free_ports, serving

POM: Final = Path(__file__).with_name("pom.xml")
TOPIC: Final = "otlp_spans"
PARTITIONS: Final = 4
LARGEST_MESSAGE: Final = "max.message.bytes=22000000"
TOOL_TIMEOUT_S: Final = 120.0
_WANTED: Final = "install Java >= 17 and Maven, for example: apt-get install maven"
# Any id will do: a cluster of one.
_CLUSTER: Final = "MkU3OEVBNTcwNTJENDM2Qg"


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A broker that takes messages."""

    address: str
    """Host and port."""
    libraries: Path
    process: Process

    def create_topic(self, topic: str = TOPIC) -> None:
        """Make a topic of four partitions, for messages as large as a front makes them."""
        command = ["--create", "--topic", topic, "--partitions", str(PARTITIONS), "--config", LARGEST_MESSAGE]
        self.tool("org.apache.kafka.tools.TopicCommand", *command)

    def committed(self, group: str) -> int:
        """How many messages a group of readers says that it has read."""
        tool = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
        told = self.tool(tool, "--describe", "--offsets", "--group", group).splitlines()
        # A row is GROUP TOPIC PARTITION CURRENT-OFFSET ..., with a dash where nothing is read.
        rows = [line.split() for line in told if line.startswith(group)]
        return sum(int(row[3]) for row in rows if row[3].isdigit())

    def tool(self, tool: str, *arguments: str, said: str = "") -> str:
        """What one of Kafka's own tools prints, asked of this broker."""
        command = [*_java(self.libraries), tool, "--bootstrap-server", self.address, *arguments]
        return _ran(command, said=said)


def kafka_libraries(announce: Callable[[str], None]) -> Path:
    """The directory of the broker's libraries, from the cache or fetched into it.

    Raises:
        UnavailableError: Java or Maven is missing, or the artifacts cannot be fetched.
    """

    def make(directory: Path) -> None:
        shutil.copy(POM, directory)
        made_by(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libraries"], directory=directory)

    installed("java", _WANTED)  # runs what is kept, too
    return kept("kafka", POM, make, announce, require=lambda: installed("mvn", _WANTED)) / "libraries"


@contextmanager
def broker(
    libraries: Path, directory: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Broker]:
    """Start a broker, and stop it at the end.

    Args:
        libraries: See `kafka_libraries`.
        directory: Where it keeps its messages; one that a broker had before is gone on with.
        port: A free one by default.
        settings: Beside those of a broker that is alone.
    """
    client, controller = port or free_ports(1)[0], free_ports(1)[0]
    directory.mkdir(parents=True, exist_ok=True)
    properties = directory / "server.properties"
    alone = _alone(directory / "data", client=client, controller=controller) | dict(settings or {})
    properties.write_text("".join(f"{key}={value}\n" for key, value in alone.items()))
    if not (directory / "data").exists():
        _ran([*_java(libraries), "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)])
    command = [*_java(libraries, "-Xmx512m"), "kafka.Kafka", str(properties)]
    with serving("kafka", command, directory / "kafka.log", ready=lambda: accepts(client), env={}) as process:
        yield Broker(address=f"{HOST}:{client}", libraries=libraries, process=process)


def _alone(data: Path, *, client: int, controller: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{client},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{client}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        # Whoever joins first need not wait for others.
        "group.initial.rebalance.delay.ms": "0",
    }


def _java(libraries: Path, *options: str) -> list[str]:
    # No log configuration: errors alone are written.
    return ["java", *options, "-cp", f"{libraries}/*"]


def _ran(command: list[str], *, said: str = "") -> str:
    done = subprocess.run(command, capture_output=True, check=False, input=said, text=True, timeout=TOOL_TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[3:])} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout
