"""What a run of continuous learning remembers in its folder, so that the same run never hands over twice.

Tasks may be cleared and run again, days later and on other workers. Once a run has handed over a candidate,
its tasks answer what they answered then: the model may serve, and nothing may replace its files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

MARKER: Final = "handed-over.json"
"""Name of the file, written before the candidate's own."""


class Champion(TypedDict):
    """The version that serves, the challenger that is being tried now, and all versions that were."""

    model_name: str
    model_version: str
    model_path: str
    reference_path: str
    challenger: str | None
    known: list[str]


class Training(TypedDict):
    """What a training has made, and the rows that it has not seen."""

    model_path: str
    reference_path: str
    metrics: dict[str, float]
    holdout: str


class Validated(TypedDict):
    """A candidate that may be tried, and how it did on the hold-out rows."""

    model_version: str
    verdict: str
    difference: float | None
    low: float | None
    high: float | None
    rows: int


class Handed(TypedDict):
    """A candidate that was handed over, where, and when by our clock."""

    model_name: str
    model_version: str
    candidate_file: str
    at: float


class Marker(TypedDict):
    """Everything that a run says again once it has handed over.

    `before` is the checksum of the candidate file that was there: while it still is, nobody has seen ours.
    """

    champion: Champion
    training: Training
    validated: Validated
    handed: Handed
    before: str | None


def handed_over(folder: str) -> Marker | None:
    """What this run has handed over; None if it has not."""
    try:
        found: Marker = json.loads((Path(folder) / MARKER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def plain(values: Mapping[str, Any]) -> str:
    """JSON as our files have it."""
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
