"""A page: its variables, links and annotations, and the place and number of every panel.

Numbers and places are set here, not by the SDK: its automatic layout runs past the right edge, and it leaves
panels without the ids that links to a single panel need.
"""

# ruff: noqa: FBT003 - the SDK's setters take one boolean, by position

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.models import dashboard as models

from .queries import DATASOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

REFRESH = "30s"
"""Twice the scrape interval: a faster refresh would mostly draw the same points again."""

GRID_COLUMNS = 24
"""Width of Grafana's grid."""

IDS_PER_SECTION = 100
"""A panel's id is its section's number times this, plus its place, so a new panel moves no id elsewhere."""

PAGES = (
    ("driftgauge-overview", "All models"),
    ("driftgauge-model", "One model"),
    ("driftgauge-drift", "Drift"),
    ("driftgauge-performance", "Performance"),
    ("driftgauge-importance", "Feature importance"),
    ("driftgauge-quality", "Data quality"),
    ("driftgauge-effects", "Business, fairness, feedback"),
    ("driftgauge-alerts", "Alerts and escalations"),
    ("driftgauge-rollout", "Rollout and retraining"),
    ("driftgauge-itself", "driftgauge itself"),
    ("driftgauge-runbooks", "Runbooks"),
)
"""Uid and title of every page; the uids are in the links of alerts, so they never change."""


@dataclass(frozen=True, slots=True)
class Band:
    """Panels of one height side by side, each with its width in columns."""

    height: int
    panels: Sequence[tuple[int, models.Panel]]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a page."""

    title: str
    bands: Sequence[Band]


def page(
    uid: str,
    description: str,
    sections: Sequence[Section],
    *,
    variables: Sequence[dashboard.QueryVariable] = (),
    annotations: Sequence[dashboard.AnnotationQuery] = (),
    since: str = "now-6h",
) -> models.Dashboard:
    """A dashboard with everything in its place.

    Parameters
    ----------
    uid : str
        One of `PAGES`.
    description : str
    sections : sequence of Section
    variables : sequence of QueryVariable
        Beyond the data source.
    annotations : sequence of AnnotationQuery
    since : str
        Start of the time range that is shown at first.
    """
    model = (
        dashboard.Dashboard(dict(PAGES)[uid])
        .uid(uid)
        .description(description)
        .tags(["driftgauge"])
        .readonly()
        .refresh(REFRESH)
        .time(since, "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables([_datasource(), *variables])
        .annotations(list(annotations))
        .links([_to(other, title) for other, title in PAGES if other != uid])
        .build()
    )
    model.panels = _placed(sections)
    return model


def query_variable(
    name: str,
    label: str,
    query: str,
    *,
    with_all: bool = False,
    all_value: str = ".+",
    chosen: str = "",
    description: str = "",
) -> dashboard.QueryVariable:
    """A variable whose values are those of a label, looked up again whenever the time range changes.

    Parameters
    ----------
    name, label, query, description : str
    with_all : bool
        Several values may be chosen at once, and all are at first.
    all_value : str
        Regular expression that stands for all.
    chosen : str
        Value that is chosen at first; by default the first one.
    """
    variable = (
        dashboard.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": f"variable-{name}"})
        .definition(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(with_all)
        .include_all(with_all)
    )
    if with_all:
        variable.all_value(all_value).current(
            models.VariableOption(selected=True, text=["All"], value=["$__all"])
        )
    elif chosen:
        variable.current(models.VariableOption(selected=True, text=chosen, value=chosen))
    return variable


MODEL_NAME = "model_name"
MODEL_VERSION = "model_version"


def model_variables(*, all_versions: bool) -> list[dashboard.QueryVariable]:
    """Model and version, as the links in alerts set them."""
    return [
        query_variable(MODEL_NAME, "Model", "label_values(model_info, model_name)"),
        query_variable(
            MODEL_VERSION,
            "Version",
            'label_values(model_info{model_name="$model_name"}, model_version)',
            with_all=all_versions,
        ),
    ]


def events(selector: str, *, retraining: bool = False) -> list[dashboard.AnnotationQuery]:
    """Marks for new model versions, ended rollouts and firing alerts of a selector, which may be empty.

    Parameters
    ----------
    selector : str
        Label matchers.
    retraining : bool
        Mark also where people asked for retraining; such a request does not say of which model.
    """
    new_version = (
        f"group by (model_name, model_version) (model_info{{{selector}}}) unless "
        f"group by (model_name, model_version) (model_info{{{selector}}} offset 5m)"
    )
    alerts = f'ALERTS{{alertstate="firing", alertname!="Watchdog"{", " if selector else ""}{selector}}}'
    version = "by (model_name, model_version)"
    marks = [
        _annotation("New versions", new_version, "blue", "{{model_name}} {{model_version}}"),
        _annotation(
            "Promotions",
            f"sum {version} (increase(model_promotions_total{{{selector}}}[2m])) > 0",
            "green",
            "promoted: {{model_name}} {{model_version}}",
        ),
        _annotation(
            "Rollbacks",
            "sum by (model_name, model_version, reason) "
            f"(increase(model_rollbacks_total{{{selector}}}[2m])) > 0",
            "orange",
            "rolled back ({{reason}}): {{model_name}} {{model_version}}",
        ),
        _annotation("Alerts", alerts, "red", "{{alertname}} {{feature_name}}"),
    ]
    if retraining:
        asked = 'sum(increase(bridge_actions_total{action="retrain", outcome="done"}[2m])) > 0'
        marks.append(_annotation("Retraining", asked, "purple", "retraining was asked for"))
    return marks


def _annotation(name: str, expr: str, color: str, title: str) -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(color)
        .expr(expr)
        .title_format(title)
        .step("60s")
        .target(prometheus.Dataquery().ref_id("Anno").expr(expr).range())
    )


def _datasource() -> dashboard.DatasourceVariable:
    return (
        dashboard.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
        .current(models.VariableOption(selected=True, text="driftgauge", value="driftgauge-prometheus"))
    )


def _to(uid: str, title: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .icon("dashboard")
        .tooltip("")
        .url(f"/d/{uid}")
        .include_vars(True)
        .keep_time(True)
    )


def _placed(sections: Sequence[Section]) -> list[models.Panel | models.RowPanel]:
    placed: list[models.Panel | models.RowPanel] = []
    y = 0
    for number, section in enumerate(sections, start=1):
        row = dashboard.Row(section.title).build()
        row.id_val = number * IDS_PER_SECTION
        row.grid_pos = models.GridPos(h=1, w=GRID_COLUMNS, x=0, y=y)
        placed.append(row)
        y += 1
        place = 0
        for band in section.bands:
            x = 0
            for width, panel in band.panels:
                place += 1
                panel.id_val = row.id_val + place
                panel.grid_pos = models.GridPos(h=band.height, w=width, x=x, y=y)
                placed.append(panel)
                x += width
            y += band.height
    return placed
