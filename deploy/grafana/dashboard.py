"""Makes the dashboard: `uv run python -m deploy.grafana.dashboard` writes nanoagent.json, which Grafana reads.

The file is generated, so that every panel has a description, a unit, the data source of the variable and the filters,
and a query can be changed in one place; it is in git, so that Grafana needs nothing but the file.
"""

import json
from itertools import count
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import TimeZoneBrowser
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana.calls import calls_row, spending_row, telemetry_row
from deploy.grafana.panels import PROMETHEUS, jaeger_monitor, jaeger_search
from deploy.grafana.runs import now_row, runs_row, time_row

FILE: Final = Path(__file__).with_name("nanoagent.json")


def dashboard() -> Dashboard:
    """All of it."""
    made = (
        Dashboard("nanoagent: all runs")
        .uid("nanoagent")
        .description("Runs, cost, time and failures of nanoagent over time and by version.")
        .tags(["nanoagent", "agents", "opentelemetry"])
        .timezone(TimeZoneBrowser)
        .time("now-6h", "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    ids = count(1)
    for variable in (*_choices(), *_addresses()):
        made.with_variable(variable)
    for link in _links():
        made.link(link)
    for title, panels in (
        ("In the time range", now_row()),
        ("Runs", runs_row()),
        ("Time", time_row()),
        ("Cost and tokens", spending_row()),
        ("Model and tool calls", calls_row()),
        ("Can the numbers be trusted", telemetry_row()),
    ):
        made.with_row(Row(title).id(next(ids)))
        for panel in panels:
            made.with_panel(panel.id(next(ids)))
    return made


def _choices() -> tuple[DatasourceVariable | QueryVariable, ...]:
    def labels(name: str, label: str, of: str, description: str, every: str) -> QueryVariable:
        return (
            QueryVariable(name)
            .label(label)
            .description(description)
            .datasource(PROMETHEUS)
            .query({"qryType": 1, "query": of, "refId": name})
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .multi(multi=True)
            .include_all(include_all=True)
            .all_value(every)
            .current(VariableOption(selected=True, text="All", value="$__all"))
        )

    return (
        DatasourceVariable("datasource")
        .label("Data source")
        .description("The Prometheus that has the metrics.")
        .type("prometheus")
        .current(VariableOption(selected=True, text="Prometheus", value="nanoagent-prometheus")),
        labels("job", "Job", "label_values(nanoagent_runs_total, job)", "As it is in targets.yml.", ".+"),
        labels(
            "version",
            "Version",
            'label_values(nanoagent_runs_total{job=~"$job"}, service_version)',
            "The service's release: `service.version` of its resource.",
            ".*",  # also what says no version
        ),
    )


def _addresses() -> tuple[TextBoxVariable, ...]:
    return (
        _text_box("jaeger", "Jaeger", "Base URL of the Jaeger that links lead to.", "http://localhost:16686"),
        _text_box(
            "jaeger_service", "Service in Jaeger", "The `service.name` whose traces links look for.", "nanoagent"
        ),
    )


def _text_box(name: str, label: str, description: str, value: str) -> TextBoxVariable:
    return (
        TextBoxVariable(name)
        .label(label)
        .description(description)
        .default_value(value)
        .current(VariableOption(selected=True, text=value, value=value))
        .hide(VariableHide.DONT_HIDE)
    )


def _links() -> tuple[DashboardLink, ...]:
    return (
        jaeger_search("Runs of this time in Jaeger"),
        jaeger_search("Failed ones", **{"nanoagent.status": "failed"}),
        jaeger_monitor("Jaeger's Monitor tab"),
    )


def text() -> str:
    """The dashboard as Grafana reads it."""
    return json.dumps(dashboard().build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
