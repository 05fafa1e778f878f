"""One alert for each change of state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.hysteresis import State
from exporter.policy import Severity
from exporter.report import CheckState, ColumnReport, Report
from exporter.streams.alerts import Key, Said, changes, memory_of, parsed


def reports(state: State, severity: Severity | None = None) -> dict[str, Report]:
    column = ColumnReport(
        name="a", kind="numeric", state=state, severity=severity, reason=None, detail=None,
        findings={}, quality={},
    )  # fmt: skip
    report = Report(
        checked_at=0.0, model_name="m", model_version="1", reference_rows=10, window="1h", rows=7,
        start=None, end=None, features={"a": column}, prediction={}, label=None, quality={},
        next_state=CheckState(),
    )  # fmt: skip
    return {"1h": report}


def told(*checks: tuple[State, Severity | None]) -> list[tuple[str, str]]:
    """State and severity of the alerts of checks that follow each other."""
    said: dict[Key, Said] = {}
    found: list[tuple[str, str]] = []
    for state, severity in checks:
        for alert in changes(reports(state, severity), said):
            said[alert.key] = alert.said
            assert alert.value["sequence"] == len(found) + 1
            found.append((alert.value["state"], alert.value["severity"]))
    return found


def test_only_changes_are_told() -> None:
    """The same state again says nothing new; ok is where a column begins."""
    checks: list[tuple[State, Severity | None]] = [
        ("ok", None), ("warning", None), ("warning", None), ("drift", "low"), ("drift", "low"),
        ("recovering", None), ("ok", None), ("ok", None),
    ]  # fmt: skip
    assert told(*checks) == [("warning", "warning"), ("drift", "low"), ("recovering", "info"), ("ok", "info")]


def test_a_column_that_cannot_be_decided_changes_nothing() -> None:
    """A night without rows neither ends a drift nor begins one."""
    assert told(("unknown", None), ("drift", "high"), ("unknown", None), ("drift", "high")) == [
        ("drift", "high")
    ]


def test_a_drift_that_grows_is_told_again_and_one_that_wavers_is_not() -> None:
    """Each severity above the one that was said, once."""
    grows: list[tuple[State, Severity | None]] = [
        ("drift", "low"), ("drift", "high"), ("drift", "medium"), ("drift", None), ("drift", "high"),
        ("drift", "critical"), ("drift", "low"),
    ]  # fmt: skip
    assert told(*grows) == [("drift", "low"), ("drift", "high"), ("drift", "critical")]


def test_what_is_told_can_be_read_back() -> None:
    """For the next process, which goes on from those states."""
    (alert,) = changes(reports("drift", "high"), {})
    value = json.dumps(alert.value).encode()
    assert json.loads(value)["at"] == "1970-01-01T00:00:00Z"
    found = parsed(value, ("m", "1"))
    assert found == (("1h", "a"), Said(sequence=1, state="drift", severity="high"))
    assert memory_of(dict([found]))["1h"].columns["a"].state == "drift"


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"3", b"{}", b'{"model_name": "m", "model_version": "1"}']
)
def test_messages_of_others_are_passed_over(value: bytes | None) -> None:
    """A topic may be shared."""
    assert parsed(value, ("m", "1")) is None


def test_messages_of_another_model_are_passed_over() -> None:
    """Each model version has states of its own."""
    values: dict[str, Any] = dict(changes(reports("drift", "high"), {})[0].value)
    assert parsed(json.dumps(values).encode(), ("m", "2")) is None
