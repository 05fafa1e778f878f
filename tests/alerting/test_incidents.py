from __future__ import annotations

from typing import TYPE_CHECKING

from alerting import incidents
from alerting.testing import alert, webhook

if TYPE_CHECKING:
    from .conftest import State

DAY = 86_400.0


def maintain(state: State) -> None:
    """Do the hourly work."""
    state.database.write(
        lambda connection: incidents.maintain(connection, now=state.clock(), policy=state.policy)
    ).result()


def test_what_is_not_heard_of_for_days_is_closed_and_told(state: State) -> None:
    """It is not called resolved, since nobody said so."""
    state.record(webhook(alert("a"), alert("b")))
    state.clock.pass_(5 * DAY)
    maintain(state)
    assert state.incidents()[0]["closed_at"] is None
    state.clock.pass_(2 * DAY)
    maintain(state)
    (incident,) = state.incidents()
    assert incident["close_reason"] == "unheard"
    (row,) = state.rows("SELECT * FROM deliveries")
    assert row["want_version"] == 2
    assert [entry["kind"] for entry in state.rows("SELECT kind FROM audit ORDER BY id")] == [
        "opened",
        "unheard",
    ]


def test_what_is_still_heard_of_stays(state: State) -> None:
    """A duplicate is a sign of life; only the silent alert of a group is closed."""
    state.record(webhook(alert("a"), alert("b")))
    for _ in range(7):
        state.clock.pass_(DAY)
        state.record(webhook(alert("a")))
    maintain(state)
    rows = state.rows("SELECT fingerprint, close_reason FROM episodes ORDER BY id")
    assert [(row["fingerprint"], row["close_reason"]) for row in rows] == [("a", None), ("b", "unheard")]
    assert state.incidents()[0]["closed_at"] is None


def test_an_incident_kept_open_for_unlisted_alerts_ends_too(state: State) -> None:
    """With max_alerts the last word may never come."""
    state.record(webhook(alert("a"), truncatedAlerts=3))
    state.record(webhook(alert("a", "resolved"), truncatedAlerts=3))
    state.clock.pass_(7 * DAY)
    maintain(state)
    assert state.incidents()[0]["close_reason"] == "unheard"


def test_old_incidents_are_forgotten_with_all_that_belongs_to_them(state: State) -> None:
    """After the retention, and only once everything about them has been told."""
    state.record(webhook(alert("a"), group_key="told"))
    state.record(webhook(alert("a", "resolved"), group_key="told"))
    state.rows("UPDATE deliveries SET sent_version = want_version, told_line = want_line")
    state.record(webhook(alert("b"), group_key="untold"))
    state.record(webhook(alert("b", "resolved"), group_key="untold"))
    state.record(webhook(alert("c", "resolved"), group_key="never heard of"))
    state.clock.pass_(89 * DAY)
    maintain(state)
    assert len(state.incidents()) == 2
    state.clock.pass_(2 * DAY)
    maintain(state)
    assert [incident["group_key"] for incident in state.incidents()] == ["untold"]
    assert [row["fingerprint"] for row in state.rows("SELECT fingerprint FROM episodes")] == ["b"]
    assert {row["incident_id"] for row in state.rows("SELECT incident_id FROM audit")} == {2}
