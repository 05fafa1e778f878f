"""JSON pages of the latest checks, for people and tools.

A process that does not check shows what the one that does has left for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .answers import NotThereError

if TYPE_CHECKING:
    from .answers import Page
    from .checking import Checking
    from .effects import Effects
    from .monitor import Monitor
    from .reference.profiles import Profile

NAMES_SHOWN: Final = 20
"""Features that an error names; more would be no help."""


def drift_page(monitor: Monitor) -> Mapping[str, Any]:
    """What /drift answers: the latest reports of all features."""
    return {
        **monitor.model,
        "states": dict(monitor.states),
        "windows": {window: report.to_dict() for window, report in monitor.reports.items()},
        "trends": {
            window: [trend.to_dict() for trend in found] for window, found in monitor.drift_trends.items()
        },
    }


def feature_page(page: Mapping[str, Any], feature: str, profiles: Mapping[str, Profile]) -> Mapping[str, Any]:
    """What /drift/FEATURE answers: of the whole page the part of one feature, and its reference's bins.

    Raises
    ------
    NotThereError
        If there is no such feature.
    """
    if feature not in profiles:
        some = ", ".join(list(profiles)[:NAMES_SHOWN]) or "none, since there is no reference"
        more = len(profiles) - NAMES_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        raise NotThereError(f"feature: found {feature!r}, need one of {some}{rest}")
    return {
        "model_name": page["model_name"],
        "model_version": page["model_version"],
        "feature": feature,
        "state": page["states"].get(feature, "unknown"),
        "windows": {window: report["features"][feature] for window, report in page["windows"].items()},
        "trends": {
            window: [trend for trend in found if trend["column"] == feature]
            for window, found in page["trends"].items()
        },
        "reference": _bins(profiles[feature]),
    }


def _bins(profile: Profile) -> dict[str, Any]:
    """The bins that a column is counted on; of numbers with what metrics cannot say: where they lie.

    A label on each bin's counter could name its edge too, but would be another series after every refresh of
    the reference.
    """
    bins: dict[str, Any] = {
        "kind": profile.kind,
        "count": profile.count,
        "bins": list(profile.bins),
        "ratios": profile.ratios.tolist(),
    }
    if profile.kind == "numeric":
        bins |= {"edges": profile.edges.tolist(), "minimum": profile.minimum, "maximum": profile.maximum}
    return bins


def performance_page(monitor: Monitor) -> Mapping[str, Any]:
    """What /performance answers: the latest assessments by window, with their segments."""
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


def own_pages(monitor: Monitor, effects: Effects) -> dict[str, Callable[[], Mapping[str, Any]]]:
    """Pages of this process's own checks."""
    return {
        "drift": partial(drift_page, monitor),
        "performance": partial(performance_page, monitor),
        "effects": effects.page,
    }


def pages_of(monitor: Monitor, effects: Effects, checking: Checking) -> dict[str, Page]:
    """What answers a GET of each page."""
    own = own_pages(monitor, effects)

    def page(name: str, rest: str) -> Mapping[str, Any] | None:
        if rest and name != "drift":
            return None
        left = checking.page_left(name)
        found = own[name]() if left is None else left
        return feature_page(found, rest, monitor.profiles) if rest else found

    return {name: partial(page, name) for name in own}
