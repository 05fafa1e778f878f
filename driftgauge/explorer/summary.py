"""How the chosen feature and its version are, in a handful of facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .palette import severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What stands on top of the page. What is None is not known.

    Attributes
    ----------
    state : str
        ok, warning, drift, recovering or unknown.
    severity : str or None
        low to critical; None without drift.
    reason : str or None
        Why the state is unknown.
    ratio : float or None
        The largest score of the feature as a multiple of its threshold.
    test : str
        Which.
    drifted, features : int
        Features in drift, of how many.
    rows : float or None
        Rows of the window.
    checked_at : float or None
        Seconds since 1970.
    """

    state: str
    severity: str | None
    reason: str | None
    ratio: float | None
    test: str
    drifted: int
    features: int
    rows: float | None
    checked_at: float | None


def summary(
    state: str,
    ratios: Mapping[str, float],
    states: Mapping[str, float],
    rows: float | None,
    checked_at: float | None,
    column: Mapping[str, Any] | None,
) -> Summary:
    """The facts.

    Parameters
    ----------
    state : str
        Of the feature.
    ratios : mapping of str to float
        Score over threshold by test.
    states : mapping of str to float
        Code of the state by feature.
    rows, checked_at : float or None
    column : mapping or None
        What the exporter's page says about the window; its severity is that of the test which decided.
    """
    test = max(ratios, key=lambda name: ratios[name], default="")
    ratio = ratios.get(test)
    drifts = state in ("drift", "recovering", "warning")
    decided = None if column is None else column.get("severity")
    return Summary(
        state=state,
        severity=str(decided) if decided else (severity(ratio) if drifts else None),
        reason=_reason(state, column),
        ratio=ratio,
        test=test,
        drifted=sum(
            code in (2, 3) for code in states.values()
        ),  # begun and not over, as model_drift_detected
        features=len(states),
        rows=rows,
        checked_at=checked_at,
    )


def _reason(state: str, column: Mapping[str, Any] | None) -> str | None:
    if state != "unknown" or column is None:
        return None
    words = column.get("detail") or column.get("reason")
    return str(words) if words else None
