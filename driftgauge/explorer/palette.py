"""Colours of states and lines, and words for them. Pure.

The hues are those of the dashboards and of the bridge's messages (green, amber, red, blue, grey). On white
and on the dark card each has a contrast of at least 3 (WCAG 2.2, 1.4.11), so that one figure serves both;
texts have colours of their own in `assets/explorer.css`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BLUE: Final = "#3a7bd5"
GREY: Final = "#7d8590"
RED: Final = "#d93a4c"
AMBER: Final = "#bf7d10"

CURRENT, REFERENCE, THRESHOLD, NOISE, ESTIMATED = BLUE, GREY, RED, GREY, AMBER

STATES: Final[Mapping[float, str]] = {0: "ok", 1: "warning", 2: "drift", 3: "recovering", -1: "unknown"}
"""As the exporter codes `model_drift_state`."""

PERFORMANCE_STATES: Final[Mapping[float, str]] = {0: "ok", 1: "warning", 2: "declined", -1: "unknown"}
QUALITY_STATES: Final[Mapping[float, str]] = {0: "ok", 2: "broken", -1: "unknown"}

TONES: Final[Mapping[str, str]] = {
    "ok": "good", "warning": "fair", "recovering": "fair", "drift": "bad", "declined": "bad", "broken": "bad",
    "low": "fair", "medium": "fair", "high": "bad", "critical": "bad", "info": "plain", "firing": "bad",
    "acknowledged": "plain", "silenced": "plain", "suppressed": "plain", "open": "fair",
    "ended": "good",
}  # fmt: skip
"""Word to the class of its colour in the style sheet; any other word is grey."""

SEVERITY_STEPS: Final = ((5.0, "critical"), (3.0, "high"), (1.5, "medium"), (1.0, "low"))
"""Score over threshold from which on a drift is so severe (exporter/policy.py)."""


def tone(word: str) -> str:
    """Class of a word's colour."""
    return TONES.get(word, "neutral")


def severity(ratio: float | None) -> str | None:
    """Severity of a score that is so many times its threshold; None below it.

    Examples
    --------
    >>> severity(2.0), severity(0.9), severity(None)
    ('medium', None, None)
    """
    if ratio is None:
        return None
    return next((name for step, name in SEVERITY_STEPS if ratio >= step), None)
