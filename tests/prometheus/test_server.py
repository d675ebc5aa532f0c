"""A real Prometheus, as the compose profile `monitoring` sets it up."""

from pathlib import Path

import pytest

from tests.prometheus.client import PrometheusClient
from tests.prometheus.exporter import exporting
from tests.prometheus.plugin import INTERVAL_S, StartPrometheus
from tests.prometheus.server import agent_option, configured, running

METRICS = """
# TYPE nanoagent_runs_total counter
nanoagent_runs_total{nanoagent_status="completed",service_version="1"} 3
nanoagent_runs_total{nanoagent_status="failed",service_version="1"} 1
"""


def answering(client: PrometheusClient) -> dict[str, str]:
    """Which of the targets was up when it was asked last."""
    return {instance: target["health"] for instance, target in client.targets().items()}


def test_the_targets_are_asked_and_the_rules_worked_out(prometheus: StartPrometheus) -> None:
    with exporting(lambda: METRICS) as address:
        client = prometheus({"nanoagent": [address, "127.0.0.1:1"]}).client
        runs = client.wait_for("nanoagent_runs_total")
        limits = client.wait_for("nanoagent:limit")
        assert answering(client)[address] == "up"
    common = {"__name__": "nanoagent_runs_total", "job": "nanoagent", "instance": address, "service_version": "1"}
    assert [(series.labels, series.value) for series in runs] == [
        ({**common, "nanoagent_status": "completed"}, 3),
        ({**common, "nanoagent_status": "failed"}, 1),
    ]
    assert {series.labels["of"]: series.value for series in limits}["failed_runs"] == 0.1
    assert "nanoagent_runs_total" in client.names()
    # A number is an answer too, and a port where nobody has ever listened raises no alert.
    assert client.query("scalar(sum(nanoagent_runs_total))")[0].value == 4
    assert client.query('ALERTS{alertname="NanoagentTargetDown"}') == []
    now = client.query("time()")[0].value
    (series,) = client.query_range("sum(nanoagent_runs_total)", start=now, end=now + 2, step_s=1)
    assert {value for _, value in series.points} == {4}


def test_no_rule_fails(prometheus: StartPrometheus) -> None:
    client = prometheus({}).client
    client.wait_for("nanoagent:limit")
    rules = client.rules()
    assert {name: rule.get("lastError") for name, rule in rules.items() if rule.get("lastError")} == {}
    assert {rule["health"] for rule in rules.values()} <= {"ok", "unknown"}


@pytest.mark.slow
def test_what_the_agent_is_told_is_with_the_prometheus_that_it_hands_on_to(
    prometheus_program: Path, tmp_path: Path
) -> None:
    server_config = configured(tmp_path / "server", {}, interval_s=INTERVAL_S)
    with (
        exporting(lambda: METRICS) as address,
        running(prometheus_program, server_config, options=["--web.enable-remote-write-receiver"]) as server,
    ):
        agent_config = configured(
            tmp_path / "agent",
            {"nanoagent": [address, "127.0.0.1:1"]},
            interval_s=INTERVAL_S,
            file="agent.yml",
            remote_write=f"{server.url}/api/v1/write",
        )
        with running(prometheus_program, agent_config, options=[agent_option(prometheus_program)]):
            assert server.client.wait_for("sum(nanoagent_runs_total)")[0].value == 4
            up = server.client.wait_for('up{job="nanoagent"} == 0')
            assert [series.labels["instance"] for series in up] == ["127.0.0.1:1"]


def test_an_expression_that_is_wrong_is_refused(prometheus: StartPrometheus) -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        prometheus({}).client.query("sum(up")


def test_what_never_comes_is_said(prometheus: StartPrometheus) -> None:
    with pytest.raises(TimeoutError, match=r"nobody has no value after 0\.1 s"):
        prometheus({}).client.wait_for("nobody", deadline_s=0.1)


def test_a_prometheus_that_does_not_start_says_why(prometheus_program: Path, tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text("global: { scrape: often }")
    with pytest.raises(RuntimeError, match="field scrape not found"), running(prometheus_program, config):
        pass
