from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alerting import reading
from alerting.testing import alert, webhook

if TYPE_CHECKING:
    from .conftest import Clock, State

LATER = "2026-01-01T00:10:00Z"
EARLIER = "2025-12-31T23:00:00Z"


def episodes(state: State) -> list[tuple[str, str | None]]:
    """Fingerprint and reason of closing of all episodes."""
    rows = state.rows("SELECT fingerprint, close_reason FROM episodes ORDER BY id")
    return [(row["fingerprint"], row["close_reason"]) for row in rows]


def told(state: State) -> list[str]:
    """What the audit log says, in order."""
    return [row["kind"] for row in state.rows("SELECT kind FROM audit ORDER BY id")]


def delivery(state: State) -> dict[str, Any]:
    """The one row of desired state."""
    (row,) = state.rows("SELECT * FROM deliveries")
    return row


def test_a_firing_group_opens_one_incident(state: State) -> None:
    """Its alerts are its episodes, and each destination is asked for one message."""
    assert state.record(webhook(alert("a"), alert("b"))).outcome == "news"
    (incident,) = state.incidents()
    assert incident["closed_at"] is None
    assert json.loads(incident["labels"])["model_name"] == "flight_delay"
    assert episodes(state) == [("a", None), ("b", None)]
    assert told(state) == ["opened"]
    assert (delivery(state)["want_version"], delivery(state)["sent_version"]) == (1, 0)


def test_the_same_snapshot_twice_changes_nothing(state: State, clock: Clock) -> None:
    """Alertmanager delivers at least once: a repeat asks nobody for anything."""
    state.record(webhook(alert("a")))
    clock.pass_(300)
    assert state.record(webhook(alert("a"))).outcome == "duplicate"
    assert told(state) == ["opened"]
    assert delivery(state)["want_version"] == 1


def test_new_words_are_an_update_and_no_news(state: State) -> None:
    """A value in an annotation that moved is shown, and nobody is told."""
    state.record(webhook(alert("a")))
    line = delivery(state)["want_line"]
    assert state.record(webhook(alert("a", annotations={"summary": "worse"}))).outcome == "update"
    assert delivery(state)["want_version"] == 2
    assert delivery(state)["want_line"] == line


def test_new_words_are_nothing_to_a_webhook(state: State) -> None:
    """Where nothing can be edited, other words would be another message."""
    state.rows("UPDATE destinations SET editable = 0")
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", annotations={"summary": "worse"})))
    assert delivery(state)["want_version"] == 1


def test_an_alert_that_joins_is_news(state: State) -> None:
    """A firing alert added to a group that is already told is never swallowed."""
    state.record(webhook(alert("a")))
    assert state.record(webhook(alert("a"), alert("b"))).outcome == "news"
    assert told(state) == ["opened", "fired"]
    assert len(state.incidents()) == 1


def test_one_resolves_and_the_rest_goes_on(state: State) -> None:
    """The incident stays open for what still fires; the resolved one is absent from then on."""
    state.record(webhook(alert("a"), alert("b")))
    state.record(webhook(alert("a", "resolved"), alert("b")))
    assert state.record(webhook(alert("b"))).outcome == "update"  # what all have in common is now of b alone
    assert episodes(state) == [("a", "resolved"), ("b", None)]
    assert told(state) == ["opened", "resolved"]
    assert state.incidents()[0]["closed_at"] is None


def test_the_last_to_resolve_closes_the_incident(state: State) -> None:
    """With the time at which Alertmanager says it ended."""
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", "resolved", ends_at="2026-01-01T00:05:00Z")))
    (incident,) = state.incidents()
    assert incident["close_reason"] == "resolved"
    assert incident["ended_at"] == 1_767_225_900.0
    assert told(state) == ["opened", "closed"]


def test_absent_is_not_resolved(state: State) -> None:
    """An alert that a snapshot does not list may be silenced: it stays open and is shown as not heard of."""
    state.record(webhook(alert("a"), alert("b")))
    state.clock.pass_(60)
    state.record(webhook(alert("a")))
    assert episodes(state) == [("a", None), ("b", None)]
    view = state.database.write(lambda connection: reading.group(connection, 1)).result()
    assert (view.firing, view.unheard, view.resolved) == (1, 1, 0)
    assert [entry.state for entry in view.alerts] == ["firing", "unheard"]


def test_closed_stays_closed(state: State, clock: Clock) -> None:
    """An old snapshot that comes again opens nothing; it is counted and written down."""
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", "resolved")))
    clock.pass_(300)
    recorded = state.record(webhook(alert("a")))
    assert (recorded.outcome, recorded.stale) == ("duplicate", 1)
    assert len(state.incidents()) == 1
    assert told(state)[-1] == "stale"


def test_an_alert_that_fires_on_with_its_old_start_is_told_again(state: State, clock: Clock) -> None:
    """Alertmanager that lost Prometheus for a while resolves, and then truly fires with the same startsAt."""
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", "resolved")))
    told_all(state)
    clock.pass_(state.policy.reopen_after_seconds + 1)
    assert state.record(webhook(alert("a"))).outcome == "news"
    assert [incident["closed_at"] is None for incident in state.incidents()] == [False, True]


def test_a_resolved_snapshot_that_comes_again_changes_nothing(state: State) -> None:
    """Neither at once nor after the alert has fired anew."""
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", "resolved", ends_at="2026-01-01T00:05:00Z")))
    assert (
        state.record(webhook(alert("a", "resolved", ends_at="2026-01-01T00:05:00Z"))).outcome == "duplicate"
    )
    state.record(webhook(alert("a", starts_at=LATER)))
    assert (
        state.record(webhook(alert("a", "resolved", ends_at="2026-01-01T00:05:00Z"))).outcome == "duplicate"
    )
    assert episodes(state)[-1] == ("a", None)


def test_an_end_without_a_beginning_is_remembered_and_not_told(state: State) -> None:
    """Nobody heard of it; and an old snapshot of its firing must not open it afterwards."""
    assert state.record(webhook(alert("a", "resolved"))).outcome == "duplicate"
    assert state.incidents() == []
    assert state.record(webhook(alert("a"))).stale == 1
    assert state.incidents() == []


def test_an_alert_that_began_anew_between_two_snapshots_goes_on(state: State) -> None:
    """Resolved and fired again within one group_interval: nothing was sent, and the message stays one."""
    state.record(webhook(alert("a")))
    assert state.record(webhook(alert("a", starts_at=LATER))).outcome == "update"
    assert episodes(state) == [("a", "superseded"), ("a", None)]
    assert len(state.incidents()) == 1
    state.record(webhook(alert("a", "resolved", starts_at=LATER)))
    assert state.incidents()[0]["close_reason"] == "resolved"


def test_an_earlier_start_is_the_same_alert(state: State) -> None:
    """Of two Prometheus the earlier start wins in Alertmanager: one alert, one episode, one end."""
    state.record(webhook(alert("a")))
    assert state.record(webhook(alert("a", starts_at=EARLIER))).outcome == "duplicate"
    state.record(webhook(alert("a", "resolved", starts_at=EARLIER)))
    assert state.incidents()[0]["close_reason"] == "resolved"
    assert state.record(webhook(alert("a", starts_at=EARLIER))).stale == 1
    assert state.record(webhook(alert("a"))).stale == 1


def told_all(state: State) -> None:
    """Mark everything as delivered."""
    state.rows("UPDATE deliveries SET sent_version = want_version, told_line = want_line, ts = '1'")


def test_a_group_that_fires_again_is_a_new_incident(state: State) -> None:
    """What was told as resolved gets a message of its own the next time."""
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", "resolved")))
    told_all(state)
    state.record(webhook(alert("a", starts_at=LATER)))
    assert [incident["closed_at"] is None for incident in state.incidents()] == [False, True]


def test_a_group_that_flaps_while_nobody_was_told_stays_one_incident(state: State) -> None:
    """An hour without Slack must not end in sixty messages."""
    state.record(webhook(alert("a")))
    for minute in range(10, 40):
        state.record(webhook(alert("a", "resolved", ends_at=f"2026-01-01T00:{minute}:00Z")))
        state.record(webhook(alert("a", starts_at=f"2026-01-01T00:{minute}:30Z")))
    (incident,) = state.incidents()
    assert incident["closed_at"] is None
    assert told(state).count("reopened") == 30


def test_an_end_that_is_just_being_told_is_not_reopened(state: State) -> None:
    """The call may have arrived: what fires now is another incident."""
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", "resolved")))
    state.rows("UPDATE deliveries SET call_kind = 'post', call_version = want_version")
    state.record(webhook(alert("a", starts_at=LATER)))
    assert len(state.incidents()) == 2


def test_two_groups_are_two_incidents(state: State) -> None:
    """And each resolves by itself."""
    state.record(webhook(alert("a"), group_key="one"))
    state.record(webhook(alert("b"), group_key="two"))
    state.record(webhook(alert("a", "resolved"), group_key="one"))
    assert [incident["closed_at"] is None for incident in state.incidents()] == [False, True]


def test_two_sources_never_meet(state: State) -> None:
    """The same alert of two Alertmanagers is two alerts."""
    state.record(webhook(alert("a")), source="east")
    state.record(webhook(alert("a")), source="west")
    state.record(webhook(alert("a", "resolved")), source="east")
    assert [incident["closed_at"] is None for incident in state.incidents()] == [False, True]


def test_an_edited_route_moves_the_incident_with_its_alerts(state: State) -> None:
    """The same alerts under a new group key are the same message, also at their end."""
    state.record(webhook(alert("a"), alert("b"), group_key="old"))
    assert state.record(webhook(alert("a"), alert("b"), group_key="new")).outcome == "duplicate"
    (incident,) = state.incidents()
    assert incident["group_key"] == "new"
    state.record(webhook(alert("a", "resolved"), alert("b", "resolved"), group_key="new"))
    assert state.incidents()[0]["close_reason"] == "resolved"


def test_an_alert_in_two_groups_is_told_once(state: State) -> None:
    """Two routes to one bridge that overlap do not tear an incident back and forth."""
    state.record(webhook(alert("a"), alert("b"), group_key="by name"))
    state.record(webhook(alert("a"), alert("c"), group_key="by model"))
    for _ in range(3):
        state.record(webhook(alert("a"), alert("b"), group_key="by name"))
        state.record(webhook(alert("a"), alert("c"), group_key="by model"))
    assert told(state) == ["opened", "opened"]
    assert len(state.incidents()) == 2
    state.record(webhook(alert("a", "resolved"), alert("c", "resolved"), group_key="by model"))
    assert [incident["closed_at"] is None for incident in state.incidents()] == [True, False]


def test_the_status_of_a_truncated_group_is_not_believed(state: State) -> None:
    """Five resolved of twelve, with max_alerts 5, is sent as "resolved": seven may still fire."""
    state.record(webhook(alert("a"), alert("b"), truncatedAlerts=7))
    state.record(webhook(alert("a", "resolved"), alert("b", "resolved"), truncatedAlerts=7))
    assert state.incidents()[0]["closed_at"] is None
    state.record(webhook(alert("c", "resolved"), truncatedAlerts=0))
    assert state.incidents()[0]["close_reason"] == "resolved"


def test_severity_follows_the_worst_alert_that_fires(state: State) -> None:
    """A critical alert that joins makes the incident critical, its end makes it what is left."""

    def severity() -> tuple[int, str]:
        view = state.database.write(lambda connection: reading.group(connection, 1)).result()
        return state.incidents()[0]["rank"], view.severity

    state.record(webhook(alert("a")))
    assert severity() == (1, "warning")
    state.record(webhook(alert("a"), alert("b", severity="critical")))
    assert severity() == (0, "critical")
    state.record(webhook(alert("a"), alert("b", "resolved", severity="critical")))
    assert severity() == (1, "warning")


def test_an_incident_without_destinations_is_kept_all_the_same(state: State) -> None:
    """The history holds what nobody is told of."""
    state.destinations = ()
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", "resolved")))
    state.record(webhook(alert("a", starts_at=LATER)))
    assert len(state.incidents()) == 2
    assert state.rows("SELECT * FROM deliveries") == []


@pytest.mark.parametrize("count", [3_000])
def test_a_large_group_is_one_incident_and_stays_cheap_to_read(state: State, count: int) -> None:
    """All of its alerts are counted, few are read."""
    state.record(webhook(*(alert(str(number)) for number in range(count))))
    view = state.database.write(lambda connection: reading.group(connection, 1)).result()
    assert view.firing == count
    assert len(view.alerts) == 10
    assert len(view.features) == 200
