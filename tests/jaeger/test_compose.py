import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from instrumentation.jaeger import search_url
from tests.jaeger.server import CONFIG, KEEP_CONFIG, PORT_SETTINGS, UI_CONFIG

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTING = re.compile(r"\$\{env:(\w+):-([^}]*)\}")
MIB = {"m": 1, "g": 1024}


def test_the_one_that_keeps_traces_differs_in_its_host_ports_and_its_storage_alone() -> None:
    jaeger, keep = SERVICES["jaeger"], SERVICES["jaeger-keep"]
    ports = [[int(number) for number in port.split(":")[1:]] for port in jaeger["ports"]]
    assert keep["ports"] == [f"127.0.0.1:{host + 10}:{container}" for host, container in ports]
    assert keep["command"][:2] == jaeger["command"]
    assert set(jaeger["volumes"]) < set(keep["volumes"])
    assert jaeger["environment"].items() < keep["environment"].items()
    for same in ("image", "mem_limit", "restart"):
        assert keep[same] == jaeger[same]
    assert keep["healthcheck"]["test"] == jaeger["healthcheck"]["test"]


def test_traces_are_kept_in_a_named_volume_where_jaeger_writes() -> None:
    keep = SERVICES["jaeger-keep"]
    (name, folder), *others = [volume.split(":") for volume in keep["volumes"] if not volume.startswith("./")]
    assert others == []
    assert name in COMPOSE["volumes"]
    assert folder == keep["environment"]["JAEGER_DATA_DIR"]
    mounted = {volume.split(":")[1]: ROOT / volume.split(":")[0] for volume in keep["volumes"]}
    assert [mounted[path] for path in keep["command"][1::2]] == [CONFIG, KEEP_CONFIG]


def test_the_settings_of_traces_on_disk_are_read() -> None:
    settings = dict(SETTING.findall(KEEP_CONFIG.read_text()))
    assert settings == {"JAEGER_DATA_DIR": "/var/lib/jaeger", "JAEGER_KEEP_FOR": "720h"}
    store = yaml.safe_load(KEEP_CONFIG.read_text())["extensions"]["jaeger_storage"]["backends"]["disk_store"]
    assert store["badger"]["ephemeral"] is False


def test_jaeger_gets_settings_that_its_configuration_reads() -> None:
    read = {name for name, _ in SETTING.findall(CONFIG.read_text())}
    assert set(SERVICES["jaeger"]["environment"]) - read == {"GOMEMLIMIT"}
    others = {"JAEGER_LISTEN_HOST", "JAEGER_UI_CONFIG", "JAEGER_PROMETHEUS_URL", "JAEGER_SPAN_METRICS_INTERVAL"}
    assert read == {*PORT_SETTINGS, *others}


def test_jaeger_listens_on_the_ports_and_finds_the_files_that_compose_maps() -> None:
    jaeger = SERVICES["jaeger"]
    settings = dict(SETTING.findall(CONFIG.read_text()))
    mounted = {volume.split(":")[1]: ROOT / volume.split(":")[0] for volume in jaeger["volumes"]}
    assert {port.split(":")[2] for port in jaeger["ports"]} == {
        settings[name] for name in PORT_SETTINGS if name != "JAEGER_QUERY_GRPC_PORT"
    }
    assert mounted == {jaeger["command"][1]: CONFIG, settings["JAEGER_UI_CONFIG"]: UI_CONFIG}
    assert jaeger["environment"]["JAEGER_LISTEN_HOST"] == "0.0.0.0"  # noqa: S104  # inside the container
    assert f"http://127.0.0.1:{settings['JAEGER_HEALTH_PORT']}/status" in jaeger["healthcheck"]["test"]


def test_whoever_starts_the_program_by_hand_listens_on_loopback() -> None:
    hosts = re.findall(r"endpoint: \"\$\{env:JAEGER_LISTEN_HOST:-([^}]*)\}:", CONFIG.read_text())
    assert hosts == ["127.0.0.1"] * len(PORT_SETTINGS)


def test_jaeger_refuses_spans_before_it_is_killed() -> None:
    limiter = yaml.safe_load(CONFIG.read_text())["processors"]["memory_limiter"]
    jaeger = SERVICES["jaeger"]
    container_mib = int(jaeger["mem_limit"][:-1]) * MIB[jaeger["mem_limit"][-1]]
    go_mib = int(jaeger["environment"]["GOMEMLIMIT"].removesuffix("MiB"))
    assert limiter["limit_mib"] < go_mib < container_mib


def test_the_ui_can_list_what_the_store_holds() -> None:
    ui = json.loads(UI_CONFIG.read_text())
    store = yaml.safe_load(CONFIG.read_text())["extensions"]["jaeger_storage"]["backends"]["memory_store"]
    assert ui["search"]["maxLimit"] <= store["memory"]["max_traces"]
    assert ui["topTagPrefixes"][:3] == ["nanoagent.", "gen_ai.", "error.type"]
    assert set(ui["search"]["maxLookback"]) == {"label", "value"}


def test_a_session_id_in_the_ui_links_to_the_search_for_its_goals() -> None:
    (pattern,) = json.loads(UI_CONFIG.read_text())["linkPatterns"]
    key = "nanoagent.benchmark.session_id"
    assert pattern["key"] == key
    assert unquote(pattern["url"]) == unquote(search_url("", "nanoagent-bench", {key: f"#{{{key}}}"}))
