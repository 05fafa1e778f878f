"""JSON pages of the latest checks, for people and tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .server import NotThereError

if TYPE_CHECKING:
    from .monitor import Monitor

NAMES_SHOWN: Final = 20
"""Features that an error names; more would be no help."""


def drift_page(monitor: Monitor, feature: str = "") -> Mapping[str, Any]:
    """What /drift answers: the latest reports of all features, or of one.

    Raises
    ------
    NotThereError
        If there is no such feature.
    """
    reports, states = monitor.reports, monitor.states
    trends = {window: [trend.to_dict() for trend in found] for window, found in monitor.drift_trends.items()}
    if feature:
        if feature not in monitor.features:
            some = ", ".join(monitor.features[:NAMES_SHOWN]) or "none, since there is no reference"
            more = len(monitor.features) - NAMES_SHOWN
            rest = f" and {more} more" if more > 0 else ""
            raise NotThereError(f"feature: found {feature!r}, need one of {some}{rest}")
        return {
            **monitor.model,
            "feature": feature,
            "state": states.get(feature, "unknown"),
            "windows": {window: report.features[feature].to_dict() for window, report in reports.items()},
            "trends": {
                window: [trend for trend in found if trend["column"] == feature]
                for window, found in trends.items()
            },
        }
    return {
        **monitor.model,
        "states": dict(states),
        "windows": {window: report.to_dict() for window, report in reports.items()},
        "trends": trends,
    }


def performance_page(monitor: Monitor, rest: str = "") -> Mapping[str, Any] | None:
    """What /performance answers: the latest assessments by window, with their segments."""
    if rest:
        return None
    return {
        **monitor.model,
        "quality_state": monitor.quality_state,
        "windows": {window: found.to_dict() for window, found in monitor.assessments.items()},
        "trends": {
            window: {measure: trend.to_dict() for measure, trend in trends.items()}
            for window, trends in monitor.trends.items()
        },
        "concept_drift": {name: found.to_dict() for name, found in monitor.concepts.items()},
    }
