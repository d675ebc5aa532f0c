"""The rules and configurations of Prometheus, checked by its own promtool."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.prometheus.expressions import panels
from tests.prometheus.programs import checked
from tests.prometheus.server import DEPLOY

PRODUCTION = DEPLOY.parents[1] / "docs" / "production.md"
GROUPS = yaml.safe_load((DEPLOY / "rules.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
TRIALS: list[dict[str, Any]] = [
    yaml.safe_load((DEPLOY / name).read_text()) for name in ("rules_test.yml", "rules_day_test.yml")
]
CASES: list[dict[str, Any]] = [case for trial in TRIALS for case in trial["tests"]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"],
        ["check", "config", "--agent", "agent.yml"],
        ["check", "rules", "--lint=all", "--lint-fatal", "rules.yml"],
        ["test", "rules", "rules_test.yml"],
        ["test", "rules", "rules_day_test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(promtool: Path, arguments: list[str]) -> None:
    assert "SUCCESS" in checked(promtool, *arguments, directory=DEPLOY)


WRONG, WELL, RARE = "a job where everything goes wrong", "a job where all is well", "a run an hour, and from"
EACH, IDLE, AWAY = "each of four workers", "a job in which no run has failed", "what a worker has counted before"


@pytest.mark.parametrize(
    ("right", "wrong", "case"),
    [
        ("vector(0.1)", "vector(0.5)", WRONG),
        ('le="0.9"', 'le="0.8"', WRONG),
        ("for: 10m", "for: 1m", "what is over soon"),
        ('{nanoagent_outcome="dropped"} > 0', '{nanoagent_outcome="exported"} > 0', WELL),
        ("or 0 * sum by (job) (job_status:", "or sum by (job) (job_status:", IDLE),
        (' and max_over_time(up{job="nanoagent"}[2h]) == 1', "", WRONG),
        ("quantile_over_time(0.5,", "quantile_over_time(1,", "all workers are started again"),
        ("[2h:1m]", "[10m:1m]", "one of two workers ends"),
        ('"part", "first", "", ""', '"part", "later", "", ""', EACH),
        (" unless last_over_time(nanoagent_cost_usd_total[1h] offset 1h)", "", AWAY),
        ("and on (job, instance) last_over_time(up[1h] offset 1h)", "", AWAY),
        ("nanoagent_runs_failed:ratio_rate6h == 1", "nanoagent_runs_failed:ratio_rate6h > 0", RARE),
        ("of: least_cases }, expr: vector(3)", "of: least_cases }, expr: vector(1)", "two of few fail"),
        ("unless on (gen_ai_request_model) nanoagent:free_model", "", EACH),
    ],
)
def test_a_rule_that_says_something_else_is_noticed(
    promtool: Path, tmp_path: Path, right: str, wrong: str, case: str
) -> None:
    [(trial, tried)] = [(trial, one) for trial in TRIALS for one in trial["tests"] if one["name"].startswith(case)]
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(trial | {"tests": [tried]}))
    rules = (DEPLOY / "rules.yml").read_text()
    assert right in rules
    (tmp_path / "rules.yml").write_text(rules.replace(right, wrong))
    with pytest.raises(ValueError, match="FAILED"):
        checked(promtool, "test", "rules", "rules_test.yml", directory=tmp_path)


def test_every_alert_is_tried_where_it_fires_and_where_it_does_not() -> None:
    tried = [one for case in CASES for one in case.get("alert_rule_test", [])]
    assert {one["alertname"] for one in tried if one.get("exp_alerts")} == ALERTS.keys()
    assert {one["alertname"] for one in tried if not one.get("exp_alerts")} == ALERTS.keys()


def test_every_recorded_series_is_tried() -> None:
    tried = " ".join(one["expr"] for case in CASES for one in case.get("promql_expr_test", []))
    assert {rule["record"] for rule in RULES if "record" in rule and rule["record"] not in tried} == set()


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS.keys())
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    assert re.fullmatch(r"docs/production\.md#[a-z-]+", alert["annotations"]["runbook"])
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert re.fullmatch(r"\d+m", alert["for"])


def test_what_an_alert_points_to_is_there() -> None:
    headings = re.findall(r"^#+ (.+)$", PRODUCTION.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    pointed_to = {alert["annotations"]["runbook"].partition("#")[2] for alert in ALERTS.values()}
    assert pointed_to - anchors == set()


def test_the_document_has_every_alert_as_the_rules_have_it() -> None:
    rows = re.findall(r"^\| (Nanoagent[\w, ]+) \| .+ \| (\d+) min \| (\w+) \|$", PRODUCTION.read_text(), re.MULTILINE)
    told = {name: (f"{minutes}m", severity) for names, minutes, severity in rows for name in names.split(", ")}
    assert told == {name: (alert["for"], alert["labels"]["severity"]) for name, alert in ALERTS.items()}


def test_a_panel_that_somebody_is_sent_to_is_there() -> None:
    what_to_do = PRODUCTION.read_text().partition("## When an alert fires")[2].partition("\n## ")[0]
    texts = [what_to_do, *(alert["annotations"]["description"] for alert in ALERTS.values())]
    named = {name.replace("\n", " ") for text in texts for name in re.findall(r'"([^"]+)"', text)}
    titles = [panel["title"] for panel in panels()]
    assert {name for name in named if not any(title.endswith(name) for title in titles)} == set()
    assert len(named) > 8


def test_the_limits_stand_in_one_place() -> None:
    limits = {rule["labels"]["of"] for rule in RULES if rule.get("record") == "nanoagent:limit"}
    used = {found for alert in ALERTS.values() for found in re.findall(r'nanoagent:limit\{of="(\w+)"\}', alert["expr"])}
    assert used == limits
    compared = {found for alert in ALERTS.values() for found in re.findall(r"[<>=]=? ([\d.]+)", alert["expr"])}
    assert compared <= {"0", "1"}
