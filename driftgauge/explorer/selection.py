"""What a reader has chosen, and how it stands in the page's address: every view can be linked to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

RANGES: Final[Mapping[str, int]] = {
    "5m": 300, "15m": 900, "1h": 3_600, "6h": 21_600, "1d": 86_400, "7d": 604_800, "30d": 2_592_000,
}  # fmt: skip
"""Name to seconds. What a longer range costs Prometheus is not worth a page that refreshes itself."""

CHARTS: Final[Mapping[str, str]] = {
    "shares": "Shares", "histogram": "Histogram", "difference": "Difference", "qq": "Q\N{EN DASH}Q",
}  # fmt: skip
"""Ways to show a distribution, and their names."""

ALL: Final = "all"
"""Segment of all rows, as the exporter calls it."""

MAX_LENGTH: Final = 512
"""Characters of a value in the address; a category of a reference has 200 at most."""

MAX_ADDRESS: Final = 8_192
"""Characters of the whole; browsers and proxies cut longer ones."""

UNTIL_FORMS: Final = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d")

POINTS: Final = 240
"""Of a line over the range: more are narrower than a pixel on a phone, and a wide screen loses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One view of the page.

    Attributes
    ----------
    model, version, feature : str
        Empty where the first, or the one that drifts most, is meant.
    segment : str
    window : str
        Of the checks.
    test : str
        Test of drift whose score is drawn.
    measure : str
        Measure of performance that is drawn.
    chart : str
        One of `CHARTS`.
    span : str
        One of `RANGES`.
    until : str
        End of the range in UTC, in one of `UNTIL_FORMS`; empty for now.
    """

    model: str = ""
    version: str = ""
    feature: str = ""
    segment: str = ALL
    window: str = ""
    test: str = ""
    measure: str = ""
    chart: str = "shares"
    span: str = "1h"
    until: str = ""

    @property
    def seconds(self) -> int:
        """Length of the range."""
        return RANGES[self.span]

    @property
    def step(self) -> int:
        """Seconds between two points of a line, whole ones."""
        return max(1, -(-self.seconds // POINTS))

    def end(self, now: float) -> float:
        """End of the range in seconds since 1970: `until`, but never after now."""
        until = parse_until(self.until)
        return now if until is None else min(until, now)

    def labels(self) -> dict[str, str]:
        """What every series of the chosen version has."""
        return {"model_name": self.model, "model_version": self.version}

    def feature_labels(self) -> dict[str, str]:
        """What every series of the chosen feature has."""
        return {**self.labels(), "feature_name": self.feature}


_DEFAULT: Final = Selection()
_NAMES: Final = tuple(field.name for field in fields(Selection))


def parse_until(text: str) -> float | None:
    """Seconds since 1970 of a time in UTC; None for what is none.

    Examples
    --------
    >>> parse_until("1970-01-02"), parse_until("tomorrow")
    (86400.0, None)
    """
    for form in UNTIL_FORMS:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None


def from_address(search: str | None) -> Selection:
    """The view in an address's query; what is unknown, too long or not readable is left at its default."""
    if not search or len(search) > MAX_ADDRESS:
        return _DEFAULT
    try:
        found = parse_qs(search.removeprefix("?"), max_num_fields=4 * len(_NAMES))
    except ValueError:
        return _DEFAULT
    return changed(_DEFAULT, {name: values[-1] for name, values in found.items()})


def to_address(selection: Selection) -> str:
    """The query that leads to a view, with what differs from the default."""
    chosen = {name: getattr(selection, name) for name in _NAMES}
    return "?" + urlencode(
        {name: value for name, value in chosen.items() if value != getattr(_DEFAULT, name)}
    )


def changed(selection: Selection, values: Mapping[str, Any]) -> Selection:
    """The selection with those of the values that are usable."""
    return replace(selection, **{name: value for name, value in values.items() if _usable(name, value)})


def _usable(name: str, value: object) -> bool:
    if name not in _NAMES or not isinstance(value, str) or len(value) > MAX_LENGTH:
        return False
    if name == "span":
        return value in RANGES
    if name == "chart":
        return value in CHARTS
    return True
