"""docker-compose.yml, read by the code that docker compose reads it with."""

import json
import re
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import Check
from tests.jaeger.server import CONFIG as JAEGER_CONFIG
from tests.prometheus.server import DEPLOY as PROMETHEUS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
STARTED = {
    "keep": {"jaeger-keep"},
    "monitoring": {"prometheus", "prometheus-agent", "grafana"},
    "scale": {"kafka", "kafka-topic", "clickhouse", "front", "sink"},
}
"""What a profile starts besides Jaeger."""
COMBINATIONS = list(chain.from_iterable(combinations(STARTED, count) for count in range(len(STARTED) + 1)))
ENDS = {"kafka-topic"}
"""They do what they are for, and end."""
BARE = {"front", "sink"}
"""Their image holds no program that could ask how they are."""
GRAFANA = ROOT / "deploy" / "grafana"

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())


def resolved(check: Check, file: Path, *profiles: str) -> dict[str, dict[str, Any]]:
    """The services that start with these profiles, as docker compose understands them."""
    services: dict[str, dict[str, Any]] = json.loads(check("compose", str(file), *profiles))["services"]
    return services


def addresses(service: dict[str, Any]) -> list[tuple[str, str]]:
    """Host address and port of everything that a service has open on the machine."""
    listens = [word.partition("=")[2] for word in service.get("command") or () if "listen-address=" in word]
    own = listens if service.get("network_mode") == "host" else []
    published = [(port["host_ip"], port["published"]) for port in service.get("ports", [])]
    return published + [(host, port) for host, _, port in (address.rpartition(":") for address in own)]


def mounted(service: dict[str, Any]) -> dict[str, Path]:
    """Files of the repository, by where they stand in the container."""
    volumes = [volume.split(":") for volume in service["volumes"] if volume.startswith("./")]
    return {target: ROOT / source for source, target, _ in volumes}


@pytest.mark.parametrize("profiles", COMBINATIONS, ids=lambda profiles: "+".join(profiles) or "none")
def test_docker_compose_starts_what_the_profiles_say(check: Check, profiles: tuple[str, ...]) -> None:
    started = {"jaeger"}.union(*(STARTED[profile] for profile in profiles))
    assert resolved(check, FILE, *profiles).keys() == started


def test_every_profile_is_tried() -> None:
    assert {profile for service in SERVICES.values() for profile in service.get("profiles", [])} == STARTED.keys()


def test_every_port_is_taken_once_and_on_loopback(check: Check) -> None:
    services = resolved(check, FILE, *STARTED)
    opened = [address for service in services.values() for address in addresses(service)]
    assert [address for address in opened if address[0] != "127.0.0.1"] == []
    assert sorted(set(opened)) == sorted(opened)
    assert len(opened) == 20


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("restart: unless-stopped", "restarts: unless-stopped", "services.sink.restarts"),
        ("mem_limit: 2g", "mem_limit: [2g]", "mem_limit must be a number or string"),
        ("interval: 5s", "interval: often", "invalid duration"),
        ("127.0.0.1:3000:3000", "127.0.0.1:three:3000", "Invalid hostPort: three"),
        ("  jaeger-traces:\n", "", "undefined volume jaeger-traces"),
    ],
)
def test_docker_compose_refuses_what_it_does_not_understand(
    check: Check, tmp_path: Path, right: str, wrong: str, complaint: str
) -> None:
    text = FILE.read_text()
    assert right in text
    (tmp_path / "docker-compose.yml").write_text(wrong.join(text.rsplit(right, 1)))
    with pytest.raises(ValueError, match=complaint):
        resolved(check, tmp_path / "docker-compose.yml", *STARTED)


@each_service
def test_the_image_is_pinned_to_a_full_version(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+){2,3}", service["image"])


@each_service
def test_a_service_is_bounded(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ENDS))
def test_a_sick_service_is_seen_and_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    if name not in BARE:
        how, program, *_ = SERVICES[name]["healthcheck"]["test"]
        assert (how, program) == ("CMD", "nc" if name == "kafka" else "wget")


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ENDS - BARE))
def test_the_health_check_asks_a_port_that_is_open(check: Check, name: str) -> None:
    service = resolved(check, FILE, *STARTED)[name]
    open_to = service.get("environment", {}).get("KAFKA_LISTENERS", "")
    inside = {str(port["target"]) for port in service.get("ports", [])} | {port for _, port in addresses(service)}
    (asked,) = re.findall(r"127\.0\.0\.1[: ](\d+)", " ".join(service["healthcheck"]["test"]))
    assert asked in inside | set(re.findall(r"://:(\d+)", open_to))


def test_root_in_a_container_and_who_is_on_the_machines_network_have_no_privileges() -> None:
    for service in SERVICES.values():
        if str(service.get("user", "")).startswith("0") or service.get("network_mode") == "host":
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]


@each_service
def test_mounted_files_exist_and_cannot_be_written(service: dict[str, Any]) -> None:
    for volume in service.get("volumes", []):
        if volume.startswith("./"):
            source, _, mode = volume.split(":")
            assert (ROOT / source).is_file(), source
            assert mode == "ro", volume


@pytest.mark.parametrize(("name", "file"), [("prometheus", "prometheus.yml"), ("prometheus-agent", "agent.yml")])
def test_prometheus_reads_the_files_that_are_mounted(name: str, file: str) -> None:
    files = mounted(SERVICES[name])
    assert files["/etc/prometheus/" + file] == PROMETHEUS / file
    assert f"--config.file=/etc/prometheus/{file}" in SERVICES[name]["command"]
    beside = {"prometheus.yml": "rules.yml", "agent.yml": "targets.yml"}[file]
    assert {path.name for path in files.values()} == {file, beside}
    assert {str(Path(path).parent) for path in files} == {"/etc/prometheus"}


def test_what_the_agent_is_told_goes_to_prometheus() -> None:
    (destination,) = yaml.safe_load((PROMETHEUS / "agent.yml").read_text())["remote_write"]
    prometheus = SERVICES["prometheus"]
    assert destination["url"] == f"http://{prometheus['ports'][0].rsplit(':', 1)[0]}/api/v1/write"
    assert "--web.enable-remote-write-receiver" in prometheus["command"]
    # Only there does the machine's loopback lie.
    assert SERVICES["prometheus-agent"]["network_mode"] == "host"


def test_prometheus_and_its_agent_ask_the_same_ones_in_the_same_way() -> None:
    both = [yaml.safe_load((PROMETHEUS / file).read_text()) for file in ("prometheus.yml", "agent.yml")]
    assert both[0]["scrape_configs"] == both[1]["scrape_configs"]
    assert {one["global"]["scrape_interval"] for one in both} == {"15s"}


def test_the_agent_asks_every_worker_and_every_jaeger() -> None:
    groups = yaml.safe_load((PROMETHEUS / "targets.yml").read_text())
    targets = {group["labels"]["job"]: group["targets"] for group in groups}
    assert targets["nanoagent"] == [f"127.0.0.1:{port}" for port in range(9464, 9464 + 16)]
    assert targets["jaeger"] == [
        port.rpartition(":")[0]
        for name in ("jaeger", "jaeger-keep")
        for port in SERVICES[name]["ports"]
        if port.endswith(":8889")
    ]


def test_jaeger_and_grafana_ask_prometheus_where_it_is() -> None:
    (source,) = yaml.safe_load((GRAFANA / "datasources.yml").read_text())["datasources"]
    asked = {
        source["url"],
        *(SERVICES[name]["environment"]["JAEGER_PROMETHEUS_URL"] for name in ("jaeger", "jaeger-keep")),
    }
    assert asked == {"http://prometheus:9090"}
    assert "JAEGER_PROMETHEUS_URL" in JAEGER_CONFIG.read_text()


def test_nobody_logs_in_to_grafana_and_it_calls_nobody() -> None:
    settings = SERVICES["grafana"]["environment"]
    assert settings["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert settings["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert {settings["GF_AUTH_BASIC_ENABLED"], settings["GF_ANALYTICS_REPORTING_ENABLED"]} == {"false"}
    assert [name for name in settings if "PASSWORD" in name] == []
