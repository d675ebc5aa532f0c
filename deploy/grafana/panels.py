"""Panels of the dashboard, and its links into Jaeger: each panel says what it shows, and in which unit."""

from typing import Final

from grafana_foundation_sdk.builders import common as looks
from grafana_foundation_sdk.builders import heatmap, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardLinkType
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.queries import Query

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT: Final = 8
"""Of a panel, in Grafana's units; a row is 24 of them wide."""

Panel = timeseries.Panel | stat.Panel | heatmap.Panel


def lines(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    stacked: bool = False,
    maximum: float | None = None,
    links: tuple[DashboardLink, ...] = (),
) -> timeseries.Panel:
    """Values over time: lines, or bars on top of each other where they add up."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .min(0)
        .span(8)
        .height(HEIGHT)
        .legend(_legend())
        .tooltip(looks.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .show_points(VisibilityMode.AUTO)
        .line_width(1)
        .data_links([*links])
    )
    if stacked:
        # Bars that are no narrower than what each of them counts.
        panel.interval("1m").draw_style(GraphDrawStyle.BARS).fill_opacity(70).stacking(
            looks.StackingConfig().mode(StackingMode.NORMAL).group("A")
        )
    if maximum is not None:
        panel.max(maximum)
    for ref, query in zip("ABCDEFGH", queries, strict=False):
        panel.with_target(_query(ref, query).range())
    return panel


def figure(title: str, unit: str, description: str, expression: str) -> stat.Panel:
    """One number of the whole time range."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .span(4)
        .height(HEIGHT // 2)
        .color_mode(BigValueColorMode.NONE)
        .graph_mode(BigValueGraphMode.NONE)
        .no_value("none")
        .with_target(_query("A", (expression, "")).instant())
    )


def shades(title: str, unit: str, description: str, buckets: str) -> heatmap.Panel:
    """How often which value occurs over time, from the buckets of a histogram."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit("short")
        .span(8)
        .height(HEIGHT)
        .calculate(calculate=False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .y_axis(heatmap.YAxisConfig().unit(unit).decimals(0))
        .with_target(_query("A", (buckets, "{{le}}")).format(PromQueryFormat.HEATMAP).range())
    )


def jaeger_search(title: str, *, operation: str = "", **attributes: str) -> DashboardLink:
    """A link to the traces of the panel's time range, of those whose one span has the name and all the attributes.

    jaeger_search("Its runs", **{"nanoagent.status": "${__field.labels.nanoagent_status}"})
    """
    named = f"&operation={operation.replace(' ', '%20')}" if operation else ""
    pairs = "%2C".join(f"%22{key}%22%3A%22{value}%22" for key, value in attributes.items())
    tags = f"&tags=%7B{pairs}%7D" if attributes else ""
    # Grafana has milliseconds, Jaeger wants microseconds.
    window = "&lookback=custom&start=${__from}000&end=${__to}000"
    return _link(title, "${jaeger}/search?service=${jaeger_service}" + named + window + "&limit=200" + tags)


def jaeger_monitor(title: str) -> DashboardLink:
    """A link to Jaeger's own view of the spans' rates and durations."""
    return _link(title, "${jaeger}/monitor?service=${jaeger_service}&spanKind=internal")


def _link(title: str, url: str) -> DashboardLink:
    return (
        DashboardLink(title).type(DashboardLinkType.LINK).icon("external link").url(url).target_blank(target_blank=True)
    )


def _query(ref: str, query: Query) -> Dataquery:
    expression, name = query
    return Dataquery().ref_id(ref).datasource(PROMETHEUS).expr(expression).legend_format(name)


def _legend() -> looks.VizLegendOptions:
    return (
        looks.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
    )
