"""JSON pages of the latest checks, for people and tools.

A process that does not check shows what the one that does has left for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .answers import NotThereError, QueriedPage
from .hysteresis import severest

if TYPE_CHECKING:
    from .answers import Page, Query
    from .checking import Checking
    from .effects import Effects
    from .hysteresis import State
    from .monitor import Monitor
    from .reference.profiles import Profile

NAMES_SHOWN: Final = 20
"""Features or segments that an error names; more would be no help."""

SEGMENT_COLUMNS: Final = ("features", "prediction", "label")
"""Parts of a segment that are only shown when it is asked for: those of twenty would fill a megabyte."""


def drift_answer(page: Mapping[str, Any], monitor: Monitor, feature: str, query: Query) -> Mapping[str, Any]:
    """What /drift, /drift/FEATURE and both with ?segment=VALUE answer, of the page that a check left.

    Raises
    ------
    NotThereError
        If there is no such feature or segment, or the query asks for something else.
    """
    profiles = monitor.profiles
    unknown = [name for name in query if name != "segment"]
    if unknown:
        raise NotThereError(f"query: found {unknown[0]!r}, need segment or none")
    segment = query.get("segment")
    if segment is not None:
        _require("segment", segment, monitor.by_segment, "none, since the checks compare no segments")
        page, profiles = segment_page(page, segment), monitor.by_segment[segment].features
    if feature:
        return feature_page(page, feature, profiles)
    return _overview(page)


def drift_page(monitor: Monitor) -> Mapping[str, Any]:
    """The latest reports of all features and of all segments, of which `drift_answer` shows a part."""
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
    _require("feature", feature, profiles, "none, since there is no reference")
    names = {name: page[name] for name in ("model_name", "model_version", "segment") if name in page}
    return {
        **names,
        "feature": feature,
        "state": page["states"].get(feature, "unknown"),
        "windows": {window: report["features"][feature] for window, report in page["windows"].items()},
        "trends": {
            window: [trend for trend in found if trend["column"] == feature]
            for window, found in page["trends"].items()
        },
        "reference": _bins(profiles[feature]),
        "segments": _states_within(page, feature),
    }


def segment_page(page: Mapping[str, Any], segment: str) -> Mapping[str, Any]:
    """The part of one segment, in the form of the whole page; scores of segments have no trends."""
    windows = {}
    for window, report in page["windows"].items():
        part = report.get("segments", {}).get(segment)
        if part is not None:
            where = {**report["window"], "rows": part["rows"]}
            windows[window] = {"checked_at": report["checked_at"], "window": where, **part}
    names = dict.fromkeys(name for part in windows.values() for name in part["features"])
    return {
        "model_name": page["model_name"],
        "model_version": page["model_version"],
        "segment": segment,
        "states": {
            name: severest(part["features"][name]["state"] for part in windows.values()) for name in names
        },
        "windows": windows,
        "trends": {},
    }


def _overview(page: Mapping[str, Any]) -> Mapping[str, Any]:
    """The page with no more of each segment than its summary."""

    def short(part: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in part.items() if name not in SEGMENT_COLUMNS}

    windows = {
        window: {**report, "segments": {name: short(part) for name, part in report["segments"].items()}}
        for window, report in page["windows"].items()
        if "segments" in report
    }
    return {**page, "windows": {**page["windows"], **windows}}


def _states_within(page: Mapping[str, Any], feature: str) -> dict[str, State]:
    """State of one feature in each segment, over all windows."""
    states: dict[str, list[State]] = {}
    for report in page["windows"].values():
        for segment, part in report.get("segments", {}).items():
            if feature in part["features"]:
                states.setdefault(segment, []).append(part["features"][feature]["state"])
    return {segment: severest(found) for segment, found in states.items()}


def _require(what: str, name: str, known: Mapping[str, Any], none: str) -> None:
    if name not in known:
        some = ", ".join(list(known)[:NAMES_SHOWN]) or none
        more = len(known) - NAMES_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        raise NotThereError(f"{what}: found {name!r}, need one of {some}{rest}")


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

    def found(name: str) -> Mapping[str, Any]:
        left = checking.page_left(name)
        return own[name]() if left is None else left

    def page(name: str, rest: str) -> Mapping[str, Any] | None:
        return None if rest else found(name)

    def drift(rest: str, query: Query) -> Mapping[str, Any]:
        return drift_answer(found("drift"), monitor, rest, query)

    return {**{name: partial(page, name) for name in own}, "drift": QueriedPage(drift)}
