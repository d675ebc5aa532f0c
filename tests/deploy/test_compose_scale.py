"""The profile `scale`: Kafka, ClickHouse and the Collectors of both ends, which have to agree with each other."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deploy.conftest import Check
from tests.deploy.test_compose import FILE, ROOT, SERVICES, STARTED, mounted, resolved

SCALE = ROOT / "deploy" / "scale"
SETTING = re.compile(r"\$\{env:(\w+):-([^}]*)\}")
MIB = {"m": 1, "g": 1024}

both_ends = pytest.mark.parametrize("name", ["front", "sink"])


def settings_of(name: str) -> dict[str, str]:
    """The settings that a Collector's file reads, with what they are by default."""
    return dict(SETTING.findall((SCALE / "collector" / f"{name}.yaml").read_text()))


def environment(name: str) -> dict[str, str]:
    """What a service is told."""
    given: dict[str, str] = SERVICES[name]["environment"]
    return given


@both_ends
def test_a_collector_reads_the_file_that_is_mounted_and_every_setting_that_it_is_given(name: str) -> None:
    (where,) = SERVICES[name]["command"][1:]
    assert mounted(SERVICES[name])[where] == SCALE / "collector" / f"{name}.yaml"
    assert set(environment(name)) - settings_of(name).keys() == {"GOMEMLIMIT"}


@both_ends
def test_what_a_collector_listens_on_is_published_and_open_inside(name: str) -> None:
    listens = {value for setting, value in settings_of(name).items() if re.fullmatch(r".*_PORT", setting)}
    assert {port.split(":")[2] for port in SERVICES[name]["ports"]} == listens
    hosts = {setting for setting in settings_of(name) if re.fullmatch(r".*_(LISTEN|METRICS)_HOST", setting)}
    assert {environment(name)[setting] for setting in hosts} == {"0.0.0.0"}  # noqa: S104 - inside a container


@both_ends
def test_a_collector_refuses_before_it_is_killed(name: str) -> None:
    limiter = int(settings_of(name)[f"{name.upper()}_MEMORY_MIB"])
    (go,) = re.findall(r"^(\d+)MiB$", environment(name)["GOMEMLIMIT"])
    amount, unit = re.fullmatch(r"(\d+)([mg])", SERVICES[name]["mem_limit"]).groups()  # type: ignore[union-attr]
    assert limiter < int(go) < int(amount) * MIB[unit]


@both_ends
def test_a_collector_finds_the_broker_where_it_says_it_is(name: str) -> None:
    kafka = environment("kafka")
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{environment(name)['KAFKA_BROKERS']}"
    assert "--bootstrap-server=" + environment(name)["KAFKA_BROKERS"] in SERVICES["kafka-topic"]["command"]
    assert f"--topic={settings_of(name)['KAFKA_TOPIC']}" in SERVICES["kafka-topic"]["command"]
    # Within the machine, nobody else writes to it.
    assert "ports" not in SERVICES["kafka"]


def test_everybody_starts_once_what_they_need_is_there(check: Check) -> None:
    services = resolved(check, FILE, "scale")
    needs = {
        (name, needed): how["condition"]
        for name, service in services.items()
        for needed, how in (service.get("depends_on") or {}).items()
    }
    assert needs == {
        ("kafka-topic", "kafka"): "service_healthy",
        ("front", "kafka-topic"): "service_completed_successfully",
        ("sink", "kafka-topic"): "service_completed_successfully",
        ("sink", "clickhouse"): "service_healthy",
    }
    assert SERVICES["kafka-topic"]["restart"] == "no"
    assert SERVICES["kafka-topic"]["image"] == SERVICES["kafka"]["image"]


def test_the_sink_logs_in_with_the_password_that_the_environment_says(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", "not-the-default")
    services = resolved(check, FILE, "scale")
    logins = [
        tuple(services[name]["environment"][f"CLICKHOUSE_{what}"] for what in ("USER", "PASSWORD"))
        for name in ("clickhouse", "sink")
    ]
    assert logins == [("nanoagent", "not-the-default")] * 2


def test_the_sink_writes_where_clickhouse_listens_into_the_tables_that_it_has_made() -> None:
    url = urlsplit(environment("sink")["CLICKHOUSE_URL"])
    assert (url.scheme, url.hostname) == ("http", "clickhouse")
    assert [port.split(":")[2] for port in SERVICES["clickhouse"]["ports"]] == [str(url.port)]
    assert environment("clickhouse")["CLICKHOUSE_DB"] == settings_of("sink")["CLICKHOUSE_DATABASE"]
    assert environment("sink")["SINK_CREATE_SCHEMA"] == "false"


def test_clickhouse_runs_the_files_that_are_mounted_at_each_start() -> None:
    files = mounted(SERVICES["clickhouse"])
    script = files.pop("/docker-entrypoint-initdb.d/load.sh")
    asked = [Path(path) for path in re.findall(r"--queries-file (\S+)", script.read_text())]
    assert [str(path) for path in asked] == list(files)
    assert list(files.values()) == [SCALE / "clickhouse" / path.name for path in asked]
    assert environment("clickhouse")["CLICKHOUSE_ALWAYS_RUN_INITDB_SCRIPTS"] == "true"
    told = set(re.findall(r"\$\{?([A-Z]\w+)", script.read_text()))
    assert told <= environment("clickhouse").keys()


def test_what_is_kept_is_in_named_volumes(check: Check) -> None:
    volumes: dict[str, Any] = yaml.safe_load(FILE.read_text())["volumes"]
    kept = {
        name: [volume for volume in SERVICES[name].get("volumes", ()) if not volume.startswith("./")]
        for name in STARTED["scale"]
    }
    assert kept == {
        "kafka": ["kafka-spans:" + environment("kafka")["KAFKA_LOG_DIRS"]],
        "kafka-topic": [],
        "clickhouse": ["clickhouse-spans:/var/lib/clickhouse"],
        "front": [],
        "sink": ["sink-queue:" + settings_of("sink")["SINK_DATA_DIR"]],
    }
    assert {volume.split(":")[0] for named in kept.values() for volume in named} <= volumes.keys()
