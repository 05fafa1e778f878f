"""Tables: one row for each set of labels, or a matrix of two labels."""

# ruff: noqa: FBT003 - the SDK's setters take one boolean, by position

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common, dashboard, table
from grafana_foundation_sdk.models import dashboard as models

from .queries import RED, Query, described, renamed, steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .codes import Codes


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
    codes : mapping, optional
        The value is a code and is shown by its name.
    decimals : int, optional
    """

    title: str
    unit: str
    expr: str
    bad_from: float | None = None
    codes: Codes | None = None
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
        described(table.Panel(), title, description, columns[0].unit, queries, instant=True, as_table=True)
        .show_header(True)
        .filterable(True)
        .no_value("no data")
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    )
    panel.with_transformation(renamed(labels, [column.title for column in columns]))
    for column in columns:
        panel.override_by_name(column.title, _cell(column))
    for name, url in (links or {}).items():
        link = {"title": "Open", "url": url, "targetBlank": False}
        panel.override_by_name(name, [models.DynamicConfigValue(id_val="links", value=[link])])
    if sort_by:
        panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(True)])
    return panel.build()


def matrix_panel(
    title: str, description: str, unit: str, expr: str, *, row: str, column: str
) -> models.Panel:
    """One row for each value of a label, one column for each value of another; the larger, the darker.

    Parameters
    ----------
    title, description, unit : str
    expr : str
        Instant query that yields exactly the two labels.
    row, column : str
        Labels.
    """
    return (
        described(table.Panel(), title, description, unit, (Query(expr),), instant=True, as_table=True)
        .show_header(True)
        .no_value("no data")
        .with_transformation(
            models.DataTransformerConfig(
                id_val="groupingToMatrix",
                options={"rowField": row, "columnField": column, "valueField": "Value"},
            )
        )
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BL_PU))
        .override_by_field_type(
            "number",
            [
                models.DynamicConfigValue(
                    id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"}
                )
            ],
        )
        .build()
    )


def _cell(column: Column) -> list[models.DynamicConfigValue]:
    properties: list[tuple[str, object]] = [("unit", column.unit)]
    if column.decimals is not None:
        properties.append(("decimals", column.decimals))
    if column.codes is not None:
        properties.append(("mappings", [models.ValueMap(options=dict(column.codes))]))
    if column.bad_from is not None:
        properties.append(("thresholds", steps("transparent", (column.bad_from, RED)).build()))
    if column.codes is not None or column.bad_from is not None:
        properties.append(("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties]
