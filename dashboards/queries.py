"""What panels of every kind share: queries, their data source, thresholds, legends and links.

The SDK's builders leave out what Grafana then fills in differently in each version (reference ids, legends,
the data source of a query); these functions set all of it once.
"""

# ruff: noqa: FBT003 - the SDK's setters take one boolean, by position

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.cog import builder as cog
    from grafana_foundation_sdk.cog import variants

DATASOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")

RED, ORANGE, YELLOW, GREEN, BLUE, GREY = "red", "orange", "yellow", "green", "blue", "text"


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


class _Panel(Protocol):
    """What the SDK's panel builders share; it has no base class for them."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: common_models.DataSourceRef) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def targets(self, targets: list[cog.Builder[variants.Dataquery]]) -> Self: ...


P = TypeVar("P", bound=_Panel)


def described(
    panel: P,
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    instant: bool = False,
    as_table: bool = False,
) -> P:
    """A panel with what every panel has."""
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


def steps(first: str, *later: tuple[float, str]) -> dashboard.ThresholdsConfig:
    """Colours: the first below all values, each other one from its value on."""
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


def renamed(labels: Mapping[str, str], values: Sequence[str]) -> models.DataTransformerConfig:
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


def link_to(title: str, url: str) -> dashboard.DashboardLink:
    """A link in the corner of a panel."""
    return dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).url(url)


LEGEND = (
    common.VizLegendOptions()
    .show_legend(True)
    .display_mode(common_models.LegendDisplayMode.LIST)
    .placement(common_models.LegendPlacement.BOTTOM)
)
