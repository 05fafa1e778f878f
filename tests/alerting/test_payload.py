from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import payload
from alerting.errors import PayloadError
from alerting.payload import parse, parse_time_ns
from alerting.testing import alert, webhook

CALM = settings(deadline=None, max_examples=50)
"""A busy machine is no reason to fail."""


def test_a_body_of_alertmanager_is_read_whole() -> None:
    """Every field that is used arrives, with times to the nanosecond."""
    notification = parse(webhook(alert("a"), alert("b", "resolved"), group_key="key", truncatedAlerts=7))
    assert notification.group_key == "key"
    assert notification.receiver == "bridge"
    assert notification.group_labels == {"alertname": "ModelDriftDetected"}
    assert notification.truncated_alerts == 7
    first, second = notification.alerts
    assert (first.status, first.fingerprint, first.ends_at_ns) == ("firing", "a", None)
    assert first.starts_at_ns == 1_767_225_540_123_456_789
    assert second.ends_at_ns == 1_767_227_400 * payload.NANOSECONDS
    assert first.annotations["score"] == "0.34"


def test_fields_of_later_versions_are_ignored() -> None:
    """Alertmanager 0.34 sends more, and a later one will again."""
    notification = parse(webhook(alert(), notification_reason="first notification", routeLabels={"a": "b"}))
    assert len(notification.alerts) == 1


def test_common_labels_are_worked_out_here() -> None:
    """What the alerts share does not depend on what the sender says they share."""
    notification = parse(webhook(alert("a"), alert("b"), commonLabels={"feature_name": "a lie"}))
    assert notification.common_labels() == {
        "alertname": "ModelDriftDetected",
        "severity": "warning",
        "model_name": "flight_delay",
        "model_version": "1.2.0",
    }
    assert notification.common_annotations() == {"score": "0.34", "threshold": "0.2"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"hello", "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 5_000, "too_deep"),
        (b"null", "not_alertmanager"),
        (b"[]", "not_alertmanager"),
        (b'"text"', "not_alertmanager"),
        (b"{}", "not_alertmanager"),
        (b'{"groupKey": "", "alerts": [{}]}', "not_alertmanager"),
        (b'{"groupKey": 5, "alerts": [{}]}', "not_alertmanager"),
        (b'{"groupKey": "k", "alerts": {}}', "not_alertmanager"),
        (b'{"groupKey": "k", "alerts": []}', "no_alerts"),
        (b'{"groupKey": "k", "alerts": [1, null, "x"]}', "unreadable_alerts"),
        (b'{"groupKey": "k", "version": "3", "alerts": [{}]}', "version"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    """Each refusal has a reason from the closed list, and says what was found and what is needed."""
    with pytest.raises(PayloadError, match=r"found|none of") as caught:
        parse(body)
    assert caught.value.reason == reason
    assert reason in payload.REFUSALS


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"status": "pending"}, "status"),
        ({"status": None}, "status"),
        ({"fingerprint": ""}, "fingerprint"),
        ({"fingerprint": 17}, "fingerprint"),
        ({"labels": None}, "labels"),
        ({"labels": ["a"]}, "labels"),
        ({"startsAt": "yesterday"}, "startsAt"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, "startsAt"),
        ({"startsAt": "2026-02-30T00:00:00Z"}, "startsAt"),
        ({"startsAt": "2300-01-01T00:00:00Z"}, "startsAt"),
    ],
)
def test_one_alert_that_cannot_be_read_does_not_cost_the_others(broken: dict[str, Any], named: str) -> None:
    """One bad label must not blind a whole group."""
    notification = parse(webhook(alert("good"), {**alert("bad"), **broken}))
    assert [entry.fingerprint for entry in notification.alerts] == ["good"]
    (unreadable,) = notification.unreadable
    assert f"alert: {named}: found" in unreadable.reason
    assert named != "startsAt" or "from 1970 to 2262" in unreadable.reason
    assert "need" in unreadable.reason


def test_numbers_that_json_should_not_have_become_nothing() -> None:
    """NaN, Infinity and a number of 5,000 digits stand in fields nobody needs; the alert is kept."""
    raw = webhook(alert(labels={"x": "@@"}), truncatedAlerts="@@").replace(b'"@@"', b"NaN")
    assert parse(raw).alerts[0].labels["x"] == "null"
    raw = webhook(alert(), truncatedAlerts="@@").replace(b'"@@"', b"9" * 5_000)
    assert parse(raw).truncated_alerts == 0


def test_lone_surrogates_cannot_reach_the_database() -> None:
    """JSON lets half a character through, and the first encoding after it would fail."""
    raw = webhook(alert(labels={"x": "\ud800"}, fingerprint="f\ud800"), group_key="k\udc00")
    notification = parse(raw)
    for text in (
        notification.group_key,
        notification.alerts[0].fingerprint,
        *notification.alerts[0].labels.values(),
    ):
        text.encode("utf-8")


def test_values_that_are_not_texts_become_texts() -> None:
    """A label of 5 or null is odd, not fatal."""
    labels = parse(webhook(alert(labels={"n": 5, "b": True, "z": None, "l": [1, 2]}))).alerts[0].labels
    assert (labels["n"], labels["b"], labels["z"], labels["l"]) == ("5", "true", "null", "[1, 2]")


def test_long_texts_are_cut_and_long_identities_digested() -> None:
    """A value may lose its end; an identity must not be confused with another of the same beginning."""
    long = "k" * 5_000
    first = parse(
        webhook(alert(labels={"x": "v" * 10_000}, annotations={"d": "d" * 20_000}), group_key=long + "1")
    )
    second = parse(webhook(alert(), group_key=long + "2"))
    assert len(first.alerts[0].labels["x"]) == payload.MAX_VALUE_LENGTH
    assert first.alerts[0].labels["x"].endswith("…")
    assert len(first.alerts[0].annotations["d"]) == payload.MAX_ANNOTATION_LENGTH
    assert first.group_key.startswith("sha256:")
    assert first.group_key != second.group_key


def test_too_many_labels_keep_the_ones_that_matter() -> None:
    """Of 64,000 labels the name, the severity and the model survive."""
    labels = {f"l{number}": "x" for number in range(64_000)}
    found = parse(
        webhook({**alert(), "labels": {**labels, "alertname": "A", "severity": "critical"}})
    ).alerts[0]
    assert len(found.labels) == payload.MAX_LABELS
    assert (found.labels["alertname"], found.labels["severity"]) == ("A", "critical")


def test_alerts_beyond_the_limit_count_as_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not read is at least counted, so that nothing closes in silence."""
    monkeypatch.setattr(payload, "MAX_ALERTS", 3)
    notification = parse(webhook(*(alert(str(number)) for number in range(5)), truncatedAlerts=4))
    assert (len(notification.alerts), notification.truncated_alerts) == (3, 6)


def test_of_one_alert_sent_twice_the_last_state_counts() -> None:
    """Two entries with one identity are one alert."""
    notification = parse(webhook(alert("a"), alert("a", "resolved")))
    assert [entry.status for entry in notification.alerts] == ["resolved"]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-01T02:00:00+02:00", 1_767_225_600_000_000_000),
        ("2025-12-31T22:30:00.5-01:30", 1_767_225_600_500_000_000),
        ("2026-01-01T00:00:00.1234567891234Z", 1_767_225_600_123_456_789),
        ("1969-12-31T23:59:59Z", None),
        ("2300-01-01T00:00:00Z", None),
        ("2026-01-01T25:00:00Z", None),
        ("2026-01-01", None),
        (None, None),
        (5, None),
        ("٢026-01-01T00:00:00Z", None),
    ],
)
def test_times_are_read_to_the_nanosecond_in_any_zone(text: object, nanoseconds: int | None) -> None:
    """Two ways to write one moment are one identity; what is not a time is None."""
    assert parse_time_ns(text) == nanoseconds


def refusal(raw: bytes) -> str | None:
    """Why a body is refused, or None."""
    try:
        parse(raw)
    except PayloadError as error:
        return error.reason
    return None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@CALM
@given(JSON | st.fixed_dictionaries({"groupKey": JSON, "alerts": JSON}))
def test_any_json_is_read_or_refused(document: object) -> None:
    """No JSON document makes the parser fail in another way."""
    assert refusal(json.dumps(document).encode()) in {None, *payload.REFUSALS}


@CALM
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "status": st.sampled_from(["firing", "resolved", "x"]) | JSON,
                "labels": st.dictionaries(st.text(), JSON, max_size=5) | JSON,
                "annotations": JSON,
                "startsAt": st.just("2026-01-01T00:00:00Z") | st.text(),
                "endsAt": JSON,
                "fingerprint": st.text(max_size=20) | JSON,
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_alert_is_read_or_set_aside(alerts: list[dict[str, object]]) -> None:
    """What is read holds only texts that can be stored, and nothing is lost without a trace."""
    raw = json.dumps({"groupKey": "k", "alerts": alerts}).encode()
    if refusal(raw) == "unreadable_alerts":
        return
    notification = parse(raw)
    kept = {(entry.fingerprint, entry.starts_at_ns) for entry in notification.alerts}
    assert len(kept) + len(notification.unreadable) <= len(alerts)
    for entry in notification.alerts:
        for text in (*entry.labels, *entry.labels.values(), *entry.annotations.values()):
            text.encode("utf-8")


@CALM
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No byte sequence makes the parser fail in another way."""
    with pytest.raises(PayloadError):
        parse(raw)
