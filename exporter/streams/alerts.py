"""What a check changed, as messages for a topic: one for each change of state, and none for each check.

JSON, one object a message; its key is the model, the window and the column, so that a compacted topic holds
the present state of each::

    {"sequence": 3, "model_name": "flight_delay", "model_version": "1.2.0", "window": "1h", "column": "temp",
     "state": "drift", "previous": "warning", "severity": "high", "at": "2026-01-02T03:04:05Z", "rows": 52000,
     "statistics": {"psi": {"value": 0.41, "p_value": 1e-09, "threshold": 0.2}, ...}}

`state` is ok, warning, drift or recovering. While a column is unknown nothing is said: what was said holds.
`severity` is low, medium, high or critical in drift, `warning` in a warning, else `info`. A drift that
becomes more severe than was said is told again, at most three times. `sequence` grows by one with each
message of a key: a reader that has seen a number needs it no second time.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..hysteresis import Memory
from ..report import CheckState, ColumnReport, Report

Severity = Literal["info", "warning", "low", "medium", "high", "critical"]

_RANKS: Final[Mapping[str, int]] = {"low": 1, "medium": 2, "high": 3, "critical": 4}

Key = tuple[str, str]
"""A window and a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the topic says of a column: its last message."""

    sequence: int = 0
    state: str = "ok"
    severity: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A change to tell."""

    key: Key
    said: Said
    value: Mapping[str, Any]


def changes(reports: Mapping[str, Report], said: Mapping[Key, Said]) -> list[Alert]:
    """What the reports of a check change in what was said."""
    found = []
    for window, report in reports.items():
        for name, column in report.columns.items():
            before = said.get((window, name), Said())
            severity = _severity(column, before)
            changed = column.state not in ("unknown", before.state)
            worse = column.state == "drift" and _RANKS[severity] > _RANKS.get(before.severity, 0)
            if changed or worse:
                now = Said(sequence=before.sequence + 1, state=column.state, severity=severity)
                value = _value(report, window, name, column, before, now)
                found.append(Alert(key=(window, name), said=now, value=value))
    return found


def memory_of(said: Mapping[Key, Said]) -> dict[str, CheckState]:
    """What checks of each window go on from, where another process has said it."""
    memory: dict[str, dict[str, Memory]] = {}
    for (window, column), last in said.items():
        found = Memory.from_dict({"state": last.state, "streak": 0})
        memory.setdefault(window, {})[column] = found
    return {window: CheckState(columns=columns) for window, columns in memory.items()}


def parsed(value: bytes | None, model: tuple[str, str]) -> tuple[Key, Said] | None:
    """What a message of the topic says; None for one of another model, or of another program."""
    try:
        found = json.loads(value or b"null")
        if (found["model_name"], found["model_version"]) != model:
            return None
        said = Said(
            sequence=int(found["sequence"]), state=str(found["state"]), severity=str(found["severity"])
        )
        Memory.from_dict({"state": said.state, "streak": 0})
        return (str(found["window"]), str(found["column"])), said
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _severity(column: ColumnReport, before: Said) -> Severity:
    if column.state == "drift":
        # A drift that lingers is shown by its state alone; then the severity that was said holds.
        known: Severity = column.severity or "low"
        if column.severity is None and before.severity in _RANKS:
            return before.severity  # type: ignore[return-value]  # one of _RANKS
        return known
    return "warning" if column.state == "warning" else "info"


def _value(
    report: Report, window: str, name: str, column: ColumnReport, before: Said, now: Said
) -> Mapping[str, Any]:
    at = dt.datetime.fromtimestamp(report.checked_at, dt.UTC)
    return {
        "sequence": now.sequence,
        "model_name": report.model_name,
        "model_version": report.model_version,
        "window": window,
        "column": name,
        "state": now.state,
        "previous": before.state,
        "severity": now.severity,
        "at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "rows": report.rows,
        "statistics": {
            test: {
                "value": _finite(finding.effect),
                "p_value": _finite(finding.p_value),
                "threshold": _finite(finding.threshold),
            }
            for test, finding in column.findings.items()
        },
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
