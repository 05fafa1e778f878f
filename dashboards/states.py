"""Panels whose colour is the value: states and scores over time, and histograms."""

# ruff: noqa: FBT003 - the SDK's setters take one boolean, by position

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common, heatmap, statetimeline, statushistory
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from .codes import STATES
from .queries import GREEN, GREY, LEGEND, ORANGE, RED, YELLOW, Query, described, steps

if TYPE_CHECKING:
    from .codes import Codes

GRID_CELLS = 80
"""Cells of a row: more are narrower than they are worth on a common screen."""

SEVERITY_STEPS = ((1.0, YELLOW), (1.5, ORANGE), (3.0, RED), (5.0, "dark-red"))
"""Score over threshold from which on a drift is low, medium, high and critical (exporter/policy.py)."""


def states_panel(title: str, description: str, query: Query, codes: Codes = STATES) -> models.Panel:
    """States over time, one line for each series, in the colours of their codes."""
    return (
        described(statetimeline.Panel(), title, description, "none", (query,))
        .mappings([models.ValueMap(options=dict(codes))])
        .thresholds(steps(GREY))
        .show_value(common_models.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .legend(LEGEND)
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.SINGLE))
        .build()
    )


def grid_panel(title: str, description: str, query: Query) -> models.Panel:
    """Scores over time as multiples of their thresholds, one row of cells for each series.

    Cells are coloured by the exporter's own severities: what is below 1 is no drift.
    """
    return (
        described(statushistory.Panel(), title, description, "none", (query,))
        .decimals(2)
        .max_data_points(GRID_CELLS)
        .thresholds(steps(GREEN, *SEVERITY_STEPS))
        .show_value(common_models.VisibilityMode.NEVER)
        .row_height(0.9)
        .legend(LEGEND)
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.SINGLE))
        .build()
    )


def heatmap_panel(title: str, description: str, unit: str, query: Query) -> models.Panel:
    """Buckets of a histogram over time; the query sums by `le`."""
    panel = (
        described(heatmap.Panel(), title, description, unit, (query,))
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
