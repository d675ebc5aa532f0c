"""The dashboard that Grafana is given: whole, made by its generator, and leading into Jaeger."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from deploy.grafana.dashboard import FILE, text
from nanoagent.tracing import names
from tests.deploy.conftest import Check
from tests.deploy.test_compose import SERVICES, mounted
from tests.prometheus.expressions import panels

DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS = panels()
GRAFANA = FILE.parent

each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def links() -> list[dict[str, Any]]:
    """Every link of the dashboard and of its panels' series."""
    of_panels = [panel["fieldConfig"]["defaults"].get("links", []) for panel in PANELS]
    return [*DASHBOARD["links"], *(link for found in of_panels for link in found)]


def test_the_file_is_what_its_generator_makes() -> None:
    assert FILE.read_text() == text(), "uv run python -m deploy.grafana.dashboard"


def test_grafanas_schema_takes_it(check: Check) -> None:
    assert check("dashboard", str(FILE)) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('"refresh": "1m"', '"refreshes": "1m"', "refreshes"),
        ('"uid": "nanoagent"', '"uid": 1', "cannot unmarshal number"),
        ('"stacking": {', '"stackings": {', "stackings"),
        ('"colorMode": "none"', '"colourMode": "none"', "colourMode"),
        ('"expr": "', '"expression": "', "unexpected field 'expression'"),
        ('"fillOpacity": 70', '"fillOpacity": "70"', "fillOpacity"),
        ('"scheme": "Oranges"', '"scheme": true', "scheme"),
        ('"multi": true', '"multi": "yes"', "multi"),
        ('"type": "timeseries"', '"kind": "timeseries"', "'type' not found"),
    ],
)
def test_grafanas_schema_refuses_what_it_does_not_have(
    check: Check, tmp_path: Path, right: str, wrong: str, complaint: str
) -> None:
    assert right in FILE.read_text()
    (tmp_path / "wrong.json").write_text(FILE.read_text().replace(right, wrong, 1))
    with pytest.raises(ValueError, match=complaint):
        check("dashboard", str(tmp_path / "wrong.json"))


@each_panel
def test_a_panel_says_what_it_shows_in_which_unit_and_from_where(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert re.fullmatch(r"[A-Z0-9].{9,}\.", panel["description"])
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for asking in (panel, *panel["targets"]):
        assert asking["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@each_panel
def test_a_query_keeps_to_the_chosen_time_job_and_version(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for metric, selected, window in re.findall(
            r"((?:nanoagent|gen_ai)_\w+)\{([^}]*)\}(\[[^]]*\])?", target["expr"]
        ):
            assert selected.startswith('job=~"$job", service_version=~"$version"'), metric
            assert window in ("", "[$__rate_interval]", "[$__interval]", "[$__range]", "[1h]"), metric
        # A number of the whole range is asked for once, what is drawn over time is not.
        assert ("$__range" in target["expr"]) <= bool(target.get("instant"))


def test_no_panel_lies_upon_another_and_each_has_a_title_and_an_id_of_its_own() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)


def test_a_link_leads_to_the_traces_of_the_time_that_is_shown() -> None:
    searches = [urlsplit(link["url"]) for link in links() if "/search?" in link["url"]]
    assert len(searches) >= 8
    for search in searches:
        query = {name: value for name, (value,) in parse_qs(search.query).items()}
        assert search.path == "${jaeger}/search"
        tags = json.loads(query.pop("tags", "{}"))
        assert query.pop("operation", f"{names.OP_TOOL} ").startswith(f"{names.OP_TOOL} ")
        # Grafana's variables are milliseconds, Jaeger's parameters microseconds.
        assert query == {
            "service": "${jaeger_service}",
            "lookback": "custom",
            "start": "${__from}000",
            "end": "${__to}000",
            "limit": "200",
        }
        assert set(tags) <= {value for value in vars(names).values() if isinstance(value, str)}


def test_what_a_link_looks_for_is_a_label_of_the_series_that_has_it() -> None:
    for panel in PANELS:
        for link in panel["fieldConfig"]["defaults"].get("links", []):
            for label in re.findall(r"\$\{__field\.labels\.(\w+)\}", link["url"]):
                grouped = re.findall(r"by \(([^)]*)\)", panel["targets"][0]["expr"])
                assert label in grouped[0].split(", "), panel["title"]


def test_a_link_leads_to_the_monitor_tab() -> None:
    monitors = {link["url"] for link in links() if "/monitor?" in link["url"]}
    assert monitors == {"${jaeger}/monitor?service=${jaeger_service}&spanKind=internal"}


def test_the_variables_choose_source_job_version_and_jaeger() -> None:
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert {name: one["type"] for name, one in variables.items()} == {
        "datasource": "datasource",
        "job": "query",
        "version": "query",
        "jaeger": "textbox",
        "jaeger_service": "textbox",
    }
    (source,) = yaml.safe_load((GRAFANA / "datasources.yml").read_text())["datasources"]
    assert variables["datasource"]["current"]["value"] == source["uid"]
    assert variables["datasource"]["query"] == source["type"]
    # What says no version is shown, too.
    assert variables["version"]["allValue"] == ".*"


def test_grafana_finds_the_files_where_they_are_mounted() -> None:
    grafana = SERVICES["grafana"]
    files = mounted(grafana)
    (provider,) = yaml.safe_load((GRAFANA / "dashboards.yml").read_text())["providers"]
    assert files == {
        "/etc/grafana/provisioning/datasources/nanoagent.yml": GRAFANA / "datasources.yml",
        "/etc/grafana/provisioning/dashboards/nanoagent.yml": GRAFANA / "dashboards.yml",
        f"{provider['options']['path']}/{FILE.name}": FILE,
    }
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in files
