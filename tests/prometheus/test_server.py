"""A real Prometheus, as the compose profile `monitoring` sets it up."""

from pathlib import Path

import pytest

from tests.prometheus.client import waited_for
from tests.prometheus.conftest import NOBODY, Asking
from tests.prometheus.server import running


def test_the_targets_are_asked_and_the_rules_worked_out(asking: Asking) -> None:
    client = asking.client
    counted = client.wait_for('plain_total{job="plain"}')
    limits = client.wait_for("nanoagent:limit")
    # A machine that is busy may not answer in time, now and then.
    waited_for(lambda: client.targets()[asking.plain]["health"] == "up", "the target is not up")
    common = {"__name__": "plain_total", "job": "plain", "instance": asking.plain, "service_version": "1"}
    assert [(series.labels, series.value) for series in counted] == [
        ({**common, "nanoagent_status": "completed"}, 3),
        ({**common, "nanoagent_status": "failed"}, 1),
    ]
    assert {series.labels["of"]: series.value for series in limits}["failed_runs"] == 0.1
    assert "plain_total" in client.names()
    # A number is an answer too, and a port where nobody has ever listened raises no alert.
    assert client.query("scalar(vector(4))")[0].value == 4
    assert client.query(f'ALERTS{{alertname="NanoagentTargetDown", instance="{NOBODY}"}}') == []
    now = client.query("time()")[0].value
    (series,) = client.query_range("vector(4)", start=now, end=now + 2, step_s=1)
    assert {value for _, value in series.points} == {4}


@pytest.mark.slow
def test_what_the_agent_is_told_is_with_the_prometheus_that_it_hands_on_to(asking: Asking) -> None:
    assert asking.client.wait_for('sum(plain_total{job="handed_on"})')[0].value == 4
    up = asking.client.wait_for('up{job="handed_on"} == 0')
    assert NOBODY in [series.labels["instance"] for series in up]


def test_no_rule_fails(asking: Asking) -> None:
    asking.client.wait_for("nanoagent:limit")
    rules = asking.client.rules()
    assert {name: rule.get("lastError") for name, rule in rules.items() if rule.get("lastError")} == {}
    assert {rule["health"] for rule in rules.values()} <= {"ok", "unknown"}


def test_an_expression_that_is_wrong_is_refused(asking: Asking) -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        asking.client.query("sum(up")


def test_what_never_comes_is_said(asking: Asking) -> None:
    with pytest.raises(TimeoutError, match=r"nobody has no value after 0\.1 s"):
        asking.client.wait_for("nobody", deadline_s=0.1)


def test_a_prometheus_that_does_not_start_says_why(prometheus_program: Path, tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text("global: { scrape: often }")
    with pytest.raises(RuntimeError, match="field scrape not found"), running(prometheus_program, config):
        pass
