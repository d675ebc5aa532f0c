"""The compose profile `scale` without containers: the same programs with the settings that it gives them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builds import announcing
from tests.commands import ROOT, run_python
from tests.required import required
from tests.scale.chain import Programs, load_of, programs
from tests.scale.collector import front, sink
from tests.scale.door import Door, opened
from tests.scale.kafka import Broker, broker
from tests.scale.sending import send
from tests.servers import wait_until

pytestmark = pytest.mark.slow

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
LOGIN = {"CLICKHOUSE_USER": "nanoagent", "CLICKHOUSE_PASSWORD": "not-the-default"}
DOOR_LOGIN = {"DOOR_USER": LOGIN["CLICKHOUSE_USER"], "DOOR_PASSWORD": LOGIN["CLICKHOUSE_PASSWORD"]}
WHERE = {"KAFKA_BROKERS", "CLICKHOUSE_URL"}
"""Of the settings: outside of containers the parts are elsewhere."""

# clickhouse-client, as far as load.sh uses it, before the door that stands for a server.
CLIENT = """
import argparse, base64, os, urllib.parse, urllib.request
from pathlib import Path

parser = argparse.ArgumentParser()
for option in ("host", "user", "password", "database", "query", "queries-file"):
    parser.add_argument(f"--{option}")
said = parser.parse_args()
sql = said.query or (Path(os.environ["MOUNTED"]) / Path(said.queries_file).name).read_text()
login = base64.b64encode(f"{said.user}:{said.password}".encode()).decode()
url = os.environ["DOOR"] + "/?" + urllib.parse.urlencode({"database": said.database})
asked = urllib.request.Request(url, sql.encode(), {"Authorization": f"Basic {login}"})
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60).read()
"""


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> Programs:
    return required(lambda: programs(announcing(request.config)))


def environment(name: str) -> dict[str, str]:
    """What the profile tells a service, but for where the others are, with a password of our own."""
    told: dict[str, str] = SERVICES[name]["environment"]
    here = {setting: value for setting, value in told.items() if setting not in WHERE and "_HOST" not in setting}
    return {setting: LOGIN.get(setting, value) for setting, value in here.items()}


def make_topic(kafka: Broker) -> str:
    """Run what the service `kafka-topic` runs; what it says."""
    _, where, *rest = SERVICES["kafka-topic"]["command"]
    assert where.startswith("--bootstrap-server=")
    return kafka.tool("org.apache.kafka.tools.TopicCommand", *rest)


def load(door: Door, directory: Path, *, days: str = "90") -> None:
    """Run load.sh as the image's start-up script does, before this door."""
    client = directory / "clickhouse-client"
    client.write_text(f"#!{sys.executable}\n{CLIENT}")
    client.chmod(0o755)
    scripts = ROOT / "deploy" / "scale" / "clickhouse"
    env = os.environ | LOGIN | {"CLICKHOUSE_DB": "otel", "SPANS_KEEP_DAYS": days}
    env |= {"DOOR": door.url, "MOUNTED": str(scripts), "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}"}
    login = '--user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD"'
    makes_database = (
        f'clickhouse-client {login} --database default --query "CREATE DATABASE IF NOT EXISTS $CLICKHOUSE_DB"'
    )
    sourced = ["bash", "-eo", "pipefail", "-c", f"{makes_database}; . {scripts / 'load.sh'}"]
    done = subprocess.run(sourced, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_spans_come_through_the_profile_and_are_counted(made: Programs, tmp_path: Path) -> None:
    sent = load_of(2_000, seed=4)
    told = {name: value for name, value in environment("kafka").items() if name.startswith("KAFKA_")}
    heap = told.pop("KAFKA_HEAP_OPTS")
    assert heap == "-Xms512m -Xmx512m"
    elsewhere = {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_CONTROLLER_QUORUM_VOTERS", "KAFKA_LOG_DIRS"}
    settings = {
        name.removeprefix("KAFKA_").replace("_", ".").lower(): value
        for name, value in told.items()
        if name not in elsewhere
    }
    with (
        broker(made.kafka, tmp_path / "kafka", settings=settings) as kafka,
        opened(tmp_path / "clickhouse", env=DOOR_LOGIN) as door,
    ):
        assert make_topic(kafka).endswith("Created topic otlp_spans.\n")
        assert "Created" not in make_topic(kafka)
        (tmp_path / "programs").mkdir()
        load(door, tmp_path / "programs")
        # A change counts from the next start on: the spans below were made long ago.
        load(door, tmp_path / "programs", days="36500")
        log, queue = tmp_path / "sink.log", tmp_path / "queue"
        with (
            front(made.collector, tmp_path / "front.log", brokers=kafka.address, env=environment("front")) as entrance,
            sink(
                made.collector,
                log,
                brokers=kafka.address,
                clickhouse_url=door.url,
                data=queue,
                env=environment("sink"),
            ),
        ):
            assert send(entrance.otlp_http_endpoint, sent.requests).accepted == len(sent.requests)
            expected = sorted((run_id, run.metrics.api_calls) for run_id, run in sent.runs.items())
            wait_until(lambda: counted(door) == expected, "all runs are there, and whole", deadline_s=60.0)
        assert counted(door) == expected


def counted(door: Door) -> list[tuple[str, int]]:
    """The ids of all runs, and how many model calls `nanoagent metrics` says that each has made."""
    asked = ["--clickhouse", f"{door.url}/otel", "--since", "2020-01-01", "--json"]
    done = run_python("-c", "from instrumentation.cli import main; main()", "metrics", *asked, **LOGIN)
    return sorted((run["run_id"], run["api_calls"]) for run in json.loads(done.stdout))
