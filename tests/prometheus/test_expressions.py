"""What the dashboard and the rules ask for is what services export."""

import math
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.prometheus.client import waited_for
from tests.prometheus.conftest import Asking
from tests.prometheus.expressions import exported_names, expressions, metric_names


def test_every_name_that_is_asked_for_is_exported_once(exposition: Callable[[], str]) -> None:
    declared = re.findall(r"^# TYPE (\S+) (\S+)$", exposition(), re.MULTILINE)
    assert [name for name, times in Counter(name for name, _ in declared).items() if times > 1] == []
    exported = {
        f"{name}{suffix}"
        for name, kind in declared
        for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    }
    assert exported_names() - exported == set()
    doubled = re.compile(r"_total_total|_seconds_seconds|_usd_usd|_ratio(_|$)")
    assert [name for name in exported if doubled.search(name)] == []


def test_every_metric_is_looked_at(exposition: Callable[[], str]) -> None:
    declared = re.findall(r"^# TYPE (\S+) ", exposition(), re.MULTILINE)
    looked_at = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported_names()}
    assert set(declared) - looked_at == {"target_info"}


def test_every_panel_and_every_recorded_series_has_a_value(asking: Asking) -> None:
    # An alert has one where something is wrong only.
    asked_of_all = [asked for asked in expressions() if not asked.where.startswith("alert")]
    without_value: list[list[str]] = []

    def all_have_one() -> bool:
        values = {asked: asking.client.query(asked.text) for asked in asked_of_all}
        without_value.append(
            [asked.where for asked, found in values.items() if all(math.isnan(one.value) for one in found)]
        )
        return not without_value[-1]

    with suppress(TimeoutError):
        waited_for(all_have_one, "something has no value")
    assert without_value[-1] == []


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le, job) (rate(a_bucket{x="b{c}"}[5m])) > 0', {"a_bucket"}),
        ("a:b / on (c) group_left (d) e_total offset 5m", {"a:b", "e_total"}),
        ("histogram_quantile(0.95, sum without (x) (f))", {"f"}),
        ("g unless h == bool 1", {"g", "h"}),
        ('absent(up{job="x"}) or vector(1e3)', {"up"}),
    ],
)
def test_the_names_of_an_expression(expression: str, names: set[str]) -> None:
    assert metric_names(expression) == names
