"""Lines, numbers, bars and text, each with a title, a description, a unit and its queries."""

# ruff: noqa: FBT003 - the SDK's setters take one boolean, by position

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import barchart, bargauge, common, stat, text, timeseries
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import text as text_models

from .queries import BLUE, GREEN, LEGEND, RED, Query, described, link_to, renamed, steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .codes import Codes


def timeseries_panel(
    title: str, description: str, unit: str, *queries: Query, logarithmic: bool = False, stacked: bool = False
) -> models.Panel:
    """Lines over time; a threshold query is drawn dashed and in red."""
    panel = (
        described(timeseries.Panel(), title, description, unit, queries)
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(LEGEND)
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
    codes: Codes | None = None,
    link: str = "",
) -> models.Panel:
    """One large number; from `bad_from` on in the bad colour, below in green, without it in blue.

    A number that is a code is shown by its name and in its colour.
    """
    panel = (
        described(stat.Panel(), title, description, unit, (query,), instant=True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(common_models.BigValueColorMode.BACKGROUND)
        .text_mode(common_models.BigValueTextMode.VALUE)
        .no_value("no data")
        .thresholds(steps(BLUE) if bad_from is None else steps(GREEN, (bad_from, bad_color)))
    )
    if codes is not None:
        panel.mappings([models.ValueMap(options=dict(codes))])
    if link:
        panel.links([link_to("Open", link)])
    return panel.build()


def bars_panel(
    title: str, description: str, unit: str, query: Query, *, bad_from: float | None = None
) -> models.Panel:
    """One horizontal bar for each series, red from `bad_from` on; without it in blue."""
    return (
        described(bargauge.Panel(), title, description, unit, (query,), instant=True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .no_value("no data")
        .min(0)
        .thresholds(steps(BLUE) if bad_from is None else steps(GREEN, (bad_from, RED)))
        .build()
    )


def categories_panel(
    title: str, description: str, unit: str, label: str, label_title: str, queries: Sequence[Query]
) -> models.Panel:
    """Vertical bars for each value of a label, one for each query, side by side."""
    panel = (
        described(barchart.Panel(), title, description, unit, queries, instant=True, as_table=True)
        .orientation(common_models.VizOrientation.VERTICAL)
        .x_field(label_title)
        .no_value("no data")
        .legend(LEGEND)
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(renamed({label: label_title}, [query.legend for query in queries]))
        .with_transformation(
            models.DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": label_title}]})
        )
    )
    return panel.build()


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


_DASHED = [
    models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": RED}),
    models.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [10, 10]}),
    models.DynamicConfigValue(id_val="custom.fillOpacity", value=0),
]
