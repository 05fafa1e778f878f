"""Panels of every kind that the pages use, each with a title, a description, a unit and its queries.

The SDK's builders leave out what Grafana then fills in differently in each version (reference ids, legends,
the data source of a query); these functions set all of it once.
"""

# ruff: noqa: FBT003 - the SDK's setters take one boolean, by position

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models
from grafana_foundation_sdk.models import text as text_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.cog import builder as cog
    from grafana_foundation_sdk.cog import variants

DATASOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")

RED, ORANGE, YELLOW, GREEN, BLUE, GREY = "red", "orange", "yellow", "green", "blue", "text"

STATES = {
    "0": models.ValueMappingResult(text="ok", color=GREEN, index=0),
    "1": models.ValueMappingResult(text="warning", color=YELLOW, index=1),
    "2": models.ValueMappingResult(text="drift", color=RED, index=2),
    "3": models.ValueMappingResult(text="recovering", color=ORANGE, index=3),
    "-1": models.ValueMappingResult(text="unknown", color=GREY, index=4),
}
"""The coding of `model_drift_state`, as the exporter publishes it."""


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression of a panel.

    Attributes
    ----------
    expr : str
    legend : str
        Grafana's legend format; empty shows all labels.
    threshold : bool
        Draw as a dashed red line: what an alert compares with.
    """

    expr: str
    legend: str = ""
    threshold: bool = False


def timeseries_panel(
    title: str, description: str, unit: str, *queries: Query, logarithmic: bool = False, stacked: bool = False
) -> models.Panel:
    """Lines over time; a threshold query is drawn dashed and in red."""
    panel = (
        _described(timeseries.Panel(), title, description, unit, queries)
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(_LEGEND)
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    if logarithmic:
        panel.scale_distribution(
            common.ScaleDistributionConfig().type(common_models.ScaleDistribution.LOG).log(10)
        )
    for ref_id, query in zip(string.ascii_uppercase, queries, strict=False):
        if query.threshold:
            panel.override_by_query(ref_id, _DASHED)
    return panel.build()


def stat_panel(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    bad_from: float | None = None,
    bad_color: str = RED,
    link: str = "",
) -> models.Panel:
    """One large number; from `bad_from` on in the bad colour, below in green, without it in blue."""
    panel = (
        _described(stat.Panel(), title, description, unit, (query,), instant=True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(common_models.BigValueColorMode.BACKGROUND)
        .text_mode(common_models.BigValueTextMode.VALUE)
        .no_value("no data")
        .thresholds(_steps(BLUE) if bad_from is None else _steps(GREEN, (bad_from, bad_color)))
    )
    if link:
        panel.links([_link("Open", link)])
    return panel.build()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One value column of a table.

    Attributes
    ----------
    title : str
    unit : str
    expr : str
        Instant query; its labels join the rows.
    bad_from : float, optional
        From this value on the cell is red.
    states : bool
        The value is a drift state and is shown by its name.
    decimals : int, optional
    """

    title: str
    unit: str
    expr: str
    bad_from: float | None = None
    states: bool = False
    decimals: int | None = None


def table_panel(
    title: str,
    description: str,
    labels: Mapping[str, str],
    columns: Sequence[Column],
    *,
    links: Mapping[str, str] | None = None,
    sort_by: str | None = None,
) -> models.Panel:
    """One row for each set of labels, one column for each query.

    Parameters
    ----------
    title, description : str
    labels : mapping of str to str
        Labels that identify a row to their column titles, in order.
    columns : sequence of Column
    links : mapping of str to str, optional
        Column title to the address that its cells open.
    sort_by : str, optional
        Column title; the largest value comes first.
    """
    queries = [Query(column.expr) for column in columns]
    panel = (
        _described(table.Panel(), title, description, columns[0].unit, queries, instant=True, as_table=True)
        .show_header(True)
        .filterable(True)
        .no_value("no data")
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    )
    panel.with_transformation(_renamed(labels, [column.title for column in columns]))
    for column in columns:
        panel.override_by_name(column.title, _cell(column))
    for name, url in (links or {}).items():
        link = {"title": "Open", "url": url, "targetBlank": False}
        panel.override_by_name(name, [models.DynamicConfigValue(id_val="links", value=[link])])
    if sort_by:
        panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(True)])
    return panel.build()


def bars_panel(title: str, description: str, unit: str, query: Query, *, bad_from: float) -> models.Panel:
    """One horizontal bar for each series, red from `bad_from` on."""
    return (
        _described(bargauge.Panel(), title, description, unit, (query,), instant=True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .no_value("no data")
        .min(0)
        .thresholds(_steps(GREEN, (bad_from, RED)))
        .build()
    )


def categories_panel(
    title: str, description: str, unit: str, label: str, label_title: str, queries: Sequence[Query]
) -> models.Panel:
    """Vertical bars for each value of a label, one for each query, side by side."""
    panel = (
        _described(barchart.Panel(), title, description, unit, queries, instant=True, as_table=True)
        .orientation(common_models.VizOrientation.VERTICAL)
        .x_field(label_title)
        .no_value("no data")
        .legend(_LEGEND)
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(_renamed({label: label_title}, [query.legend for query in queries]))
        .with_transformation(
            models.DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": label_title}]})
        )
    )
    return panel.build()


def states_panel(title: str, description: str, query: Query) -> models.Panel:
    """Drift states over time, one line for each series, in the colours of `STATES`."""
    return (
        _described(statetimeline.Panel(), title, description, "none", (query,))
        .mappings([models.ValueMap(options=STATES)])
        .thresholds(_steps(GREY))
        .show_value(common_models.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .legend(_LEGEND)
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.SINGLE))
        .build()
    )


def heatmap_panel(title: str, description: str, unit: str, query: Query) -> models.Panel:
    """Buckets of a histogram over time; the query sums by `le`."""
    panel = (
        _described(heatmap.Panel(), title, description, unit, (query,))
        .calculate(False)
        .cell_gap(1)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Blues")
            .steps(64)
        )
        .y_axis(heatmap.YAxisConfig().unit(unit))
    )
    model = panel.build()
    for target in model.targets or []:
        assert isinstance(target, prometheus_models.Dataquery)
        target.format_val = prometheus_models.PromQueryFormat.HEATMAP
    return model


def text_panel(title: str, description: str, content: str) -> models.Panel:
    """Markdown."""
    return (
        text.Panel()
        .title(title)
        .description(description)
        .mode(text_models.TextMode.MARKDOWN)
        .content(content)
        .build()
    )


class _Panel(Protocol):
    """What the SDK's panel builders share; it has no base class for them."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: common_models.DataSourceRef) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def targets(self, targets: list[cog.Builder[variants.Dataquery]]) -> Self: ...


P = TypeVar("P", bound=_Panel)


def _described(
    panel: P,
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    instant: bool = False,
    as_table: bool = False,
) -> P:
    return (
        panel.title(title)
        .description(description)
        .unit(unit)
        .datasource(DATASOURCE)
        .targets(
            [
                _target(query, ref_id, instant=instant, as_table=as_table)
                for ref_id, query in zip(string.ascii_uppercase, queries, strict=False)
            ]
        )
    )


def _target(query: Query, ref_id: str, *, instant: bool, as_table: bool) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery()
        .ref_id(ref_id)
        .datasource(DATASOURCE)
        .editor_mode(prometheus_models.QueryEditorMode.CODE)
        .expr(query.expr)
        .legend_format(query.legend or "__auto")
        .format(
            prometheus_models.PromQueryFormat.TABLE
            if as_table
            else prometheus_models.PromQueryFormat.TIME_SERIES
        )
    )
    return target.instant() if instant else target.range()


def _steps(first: str, *later: tuple[float, str]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps(
            [
                models.Threshold(value=None, color=first),
                *(models.Threshold(value=value, color=color) for value, color in later),
            ]
        )
    )


def _cell(column: Column) -> list[models.DynamicConfigValue]:
    properties: list[tuple[str, object]] = [("unit", column.unit)]
    if column.decimals is not None:
        properties.append(("decimals", column.decimals))
    if column.states:
        properties.append(("mappings", [models.ValueMap(options=STATES)]))
    if column.bad_from is not None:
        properties.append(("thresholds", _steps("transparent", (column.bad_from, RED)).build()))
    if column.states or column.bad_from is not None:
        properties.append(("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties]


def _renamed(labels: Mapping[str, str], values: Sequence[str]) -> models.DataTransformerConfig:
    """Columns in order, under their titles, without the time. Grafana calls a lone value `Value`."""
    found = (
        ["Value"] if len(values) == 1 else [f"Value #{ref}" for ref in string.ascii_uppercase[: len(values)]]
    )
    titles = {**labels, **dict(zip(found, values, strict=True))}
    return models.DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {"Time": True},
            "indexByName": {name: place for place, name in enumerate(titles)},
            "renameByName": titles,
        },
    )


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).url(url)


_LEGEND = (
    common.VizLegendOptions()
    .show_legend(True)
    .display_mode(common_models.LegendDisplayMode.LIST)
    .placement(common_models.LegendPlacement.BOTTOM)
)

_DASHED = [
    models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": RED}),
    models.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [10, 10]}),
    models.DynamicConfigValue(id_val="custom.fillOpacity", value=0),
]
