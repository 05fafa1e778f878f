"""Expressions that several pages share: selectors, thresholds as lines, a measure beside its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.performance import GREATER_IS_BETTER
from exporter.performance.verdict import NOT_JUDGED

from .panels import timeseries_panel
from .queries import Query

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as models

MODEL = 'model_name="$model_name", model_version=~"$model_version"'
"""All chosen versions of the chosen model."""

ONE_VERSION = 'model_name="$model_name", model_version="$model_version"'
FEATURE = f'{ONE_VERSION}, feature_name="$feature_name"'
SEGMENT = 'segment="$segment"'
WINDOW = 'window="$window"'
OF_WINDOW = f"{ONE_VERSION}, {WINDOW}"

BY_VERSION = "by (model_version)"
BY_FEATURE = "by (feature_name)"
BY_MEASURE = "by (measure)"

ESTIMATED = ("accuracy", "f1", "auc", "mae", "rmse")
"""Measures that the exporter also estimates without outcomes."""


def judged_drop(matchers: str) -> str:
    """Drops from the training time in windows of enough rows: those of three rows can be any number."""
    same = "on (model_name, model_version, measure, window, job, instance)"
    return (
        f"(model_performance_drop_ratio{{{matchers}}} and {same} model_performance_state{{{matchers}}} >= 0)"
    )


def alert_line(name: str, severity: str = "", *, of_model: bool = True) -> Query:
    """What an alert compares with, as a line."""
    matchers = [f'threshold="{name}"']
    if of_model:
        matchers.insert(0, 'model_name="$model_name"')
    if severity:
        matchers.append(f'severity="{severity}"')
    legend = f"{severity} from" if severity else "alert from"
    pick = "max" if of_model else "min"
    return Query(f"{pick}(driftgauge:alert_threshold{{{', '.join(matchers)}}})", legend, threshold=True)


def own_threshold() -> Query:
    """The line of scores that are shown as multiples of their own thresholds."""
    return Query("vector(1)", "threshold", threshold=True)


def measure_panel(measure: str, title: str, unit: str, description: str) -> models.Panel:
    """A measure over time: real with its interval, estimated, at training time, and the drop that counts.

    Interval and estimate are of all rows, so that they are shown for the segment `all` only.
    """
    reference = f"max(model_{measure}_reference{{{ONE_VERSION}, {SEGMENT}}})"
    # Two matchers on one label: there is a series only while the chosen segment is all rows.
    of_all = f'on (model_name) model_{measure}_reference{{{ONE_VERSION}, segment="all", {SEGMENT}}}'
    interval = f'{{{ONE_VERSION}, measure="{measure}", {WINDOW}}} and {of_all}'
    queries = [
        Query(f"max(model_{measure}{{{ONE_VERSION}, {SEGMENT}, {WINDOW}}})", "real"),
        Query(f"min(model_performance_low{interval})", "95 % from"),
        Query(f"max(model_performance_high{interval})", "95 % to"),
        Query(reference, "at training time"),
    ]
    if measure in ESTIMATED:
        estimate = f"model_estimated_{measure}{{{ONE_VERSION}, {WINDOW}}}"
        queries.append(Query(f"max({estimate} and {of_all})", "estimated without outcomes"))
    if measure not in NOT_JUDGED:
        drop = f'max(model_performance_drop_threshold{{{ONE_VERSION}, measure="{measure}"}})'
        sign = "-" if GREATER_IS_BETTER[measure] else "+"
        queries.append(Query(f"{reference} * (1 {sign} {drop})", "a decline from", threshold=True))
    return timeseries_panel(title, description, unit, *queries)
