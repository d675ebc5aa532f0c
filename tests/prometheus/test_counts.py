"""What a panel counts is what was counted, however rare it is and however far the graph is zoomed out."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.prometheus.client import PrometheusClient
from tests.prometheus.expressions import panel_expressions
from tests.prometheus.programs import checked
from tests.prometheus.server import configured, running

SCRAPE_S, MINUTE_S, HOUR_S = 15, 60, 3600
BEGINNING_S = int(time.time()) // HOUR_S * HOUR_S - 4 * HOUR_S
FIRST_S, LAST_S = BEGINNING_S + 10 * MINUTE_S, BEGINNING_S + 40 * MINUTE_S
WORKERS = {"a": 3, "b": 7}
"""How many seconds after the full scrape each is asked."""

Value = Callable[[float], float | None]
"""By minutes since the beginning."""


def series(name: str, worker: str, labels: str, value: Value) -> Iterator[str]:
    """Lines of OpenMetrics: what the worker says each time it is asked."""
    for at_s in range(WORKERS[worker], HOUR_S, SCRAPE_S):
        number = value(at_s / MINUTE_S)
        if number is not None:
            yield f'{name}{{job="nanoagent",instance="{worker}"{labels}}} {number} {BEGINNING_S + at_s}'


def runs(worker: str, status: str, value: Value) -> Iterator[str]:
    return series("nanoagent_runs_total", worker, f',nanoagent_status="{status}",service_version="1"', value)


@pytest.fixture(scope="module")
def past(
    prometheus_program: Path, promtool: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusClient]:
    """Of an hour some time ago: a run every two minutes, and three that failed, two of them within a scrape."""
    directory = tmp_path_factory.mktemp("past")
    config = configured(directory, {})
    lines = [
        "# TYPE up gauge",
        *(line for worker in WORKERS for line in series("up", worker, "", lambda _minute: 1)),
        "# TYPE nanoagent_runs counter",
        *runs("a", "completed", lambda minute: 100 + (minute - 1) // 2),
        *runs("a", "failed", lambda minute: 1 if minute > 20 else None),
        *runs("b", "failed", lambda minute: 2 + int(minute > 30) if minute > 22 else None),
        "# EOF\n",
    ]
    (directory / "metrics").write_text("\n".join(lines))
    checked(promtool, "tsdb", "create-blocks-from", "openmetrics", "metrics", "prometheus.data", directory=directory)
    with running(prometheus_program, config) as server:
        yield server.client


@pytest.mark.parametrize("interval_s", [15, 60, 300])
def test_the_points_of_a_graph_add_up(past: PrometheusClient, interval_s: int) -> None:
    rate_interval_s = max(interval_s + SCRAPE_S, 4 * SCRAPE_S)
    (asked,) = [
        one
        for one in panel_expressions(interval_s=interval_s, rate_interval_s=rate_interval_s)
        if one.where == "panel 'Runs by status and stop reason'"
    ]
    found = past.query_range(asked.text, start=FIRST_S + interval_s, end=LAST_S, step_s=interval_s)
    counted = {one.labels["nanoagent_status"]: sum(value for _, value in one.points) for one in found}
    assert counted == pytest.approx({"completed": 15, "failed": 4})


@pytest.mark.parametrize(("range_s", "completed"), [(LAST_S - FIRST_S, 15), (2 * HOUR_S, 20)])
def test_the_figures_of_a_time_range_are_those_of_all_of_it(
    past: PrometheusClient, range_s: int, completed: int
) -> None:
    """Of a longer one than there is anything of, too."""
    figures = {one.where: one.text for one in panel_expressions(range_s=range_s)}
    runs, failed = (past.query(figures[f"panel {title!r}"], at=LAST_S) for title in ("Runs", "Failed runs"))
    assert runs[0].value == completed + 4
    assert failed[0].value == pytest.approx(4 / (completed + 4), abs=0.01)
