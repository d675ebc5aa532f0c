"""Everything that is asked of Prometheus: by the dashboard, by the rules, and by the alerts.

for asked in expressions():
    assert client.query(asked.text), asked.where
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.prometheus.server import DEPLOY

DASHBOARD = DEPLOY.parent / "grafana" / "nanoagent.json"
RULES = DEPLOY / "rules.yml"
OF_PROMETHEUS = frozenset({"ALERTS", "up"})
"""Series that it makes itself."""
_NO_NAMES = frozenset(
    {"and", "bool", "by", "group_left", "group_right", "ignoring", "offset", "on", "or", "unless", "without"}
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An expression as Prometheus gets it."""

    where: str
    """Who asks: `panel 'Runs'`, `record job:...`, `alert ...`."""
    text: str
    """With values in place of Grafana's variables."""


def expressions() -> list[Asked]:
    """Every expression of the dashboard and the rules."""
    return [*panel_expressions(), *rule_expressions()]


def panel_expressions(*, interval_s: int = 60, rate_interval_s: int = 60, range_s: int = 3600) -> list[Asked]:
    """Every expression of the dashboard's panels, with all jobs and versions chosen.

    Args:
        interval_s: In place of `$__interval`: from one point of a graph to the next.
        rate_interval_s: In place of `$__rate_interval`: at least two samples long.
        range_s: In place of `$__range`.
    """
    values = {
        "__interval": f"{interval_s}s",
        "__interval_ms": f"{interval_s * 1000}",
        "__rate_interval": f"{rate_interval_s}s",
        "__range": f"{range_s}s",
        "job": ".+",
        "version": ".*",
    }
    return [
        Asked(where=f"panel {panel['title']!r}", text=_substituted(target["expr"], values))
        for panel in panels()
        for target in panel["targets"]
    ]


def rule_expressions() -> list[Asked]:
    """What every rule works out; that of an alert has a value only where something is wrong."""
    return [
        Asked(where=f"{kind} {rule[kind]}", text=rule["expr"])
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        for kind in ("record", "alert")
        if kind in rule
    ]


def panels(path: Path = DASHBOARD) -> list[dict[str, Any]]:
    """The dashboard's panels, those inside collapsed rows too, without the rows."""

    def below(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for panel in found:
            if panel["type"] != "row":
                yield panel
            yield from below(panel.get("panels", []))

    return [*below(json.loads(path.read_text())["panels"])]


def recorded_names() -> set[str]:
    """The series that the rules record."""
    return {asked.where.removeprefix("record ") for asked in rule_expressions() if asked.where.startswith("record ")}


def exported_names() -> set[str]:
    """The names that services have to export for the dashboard and the rules to have data, each with its suffix."""
    used = {name for asked in expressions() for name in metric_names(asked.text)} | _names_of_variables()
    return used - recorded_names() - OF_PROMETHEUS


def metric_names(expression: str) -> set[str]:
    """The names of the metrics that an expression asks for."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", text)
    text = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    # What stands before a bracket is a function.
    return set(re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*\b(?!\s*\()", text)) - _NO_NAMES


def _names_of_variables() -> set[str]:
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    asked = [one["query"]["query"] for one in variables if one["type"] == "query"]
    return {name for text in asked for name in re.findall(r"label_values\(([\w:]+)[{,]", text)}


def _substituted(expression: str, values: dict[str, str]) -> str:
    text = re.sub(r"\$\{?(\w+)\}?", lambda found: values[found[1]], expression)
    assert "$" not in text, text
    return text
