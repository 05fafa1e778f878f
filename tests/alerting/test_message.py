from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import buttons, markup, message
from alerting.audit import THREAD_KINDS
from alerting.look import LinkPolicy, Look
from alerting.testing import blockkit
from alerting.views import AlertView, GroupView, ThreadLine, describe, severity_rank

CALM = settings(deadline=None, max_examples=100)
"""A busy machine is no reason to fail."""


NOW = 1_767_225_600.0


def alert_view(feature: str = "dep_hour", **fields: Any) -> AlertView:
    """A firing alert."""
    values: dict[str, Any] = {
        "state": "firing",
        "labels": {"feature_name": feature, "severity": "warning", "test_type": "psi", "window": "1h"},
        "annotations": {"description": f"{feature} moved", "score": "0.34", "threshold": "0.2"},
        "started_at": NOW - 600,
        "ended_at": None,
    }
    return AlertView(**{**values, **fields})


def group_view(**fields: Any) -> GroupView:
    """An open incident of one alert."""
    values: dict[str, Any] = {
        "incident_id": 7,
        "source": "default",
        "severity": "warning",
        "labels": {
            "alertname": "ModelDriftDetected",
            "model_name": "flight_delay",
            "model_version": "1.2.0",
            "feature_name": "dep_hour",
            "test_type": "psi",
            "window": "1h",
        },
        "annotations": {
            "summary": "dep_hour of flight_delay 1.2.0 has drifted",
            "runbook_url": "https://docs.example/runbooks#modeldriftdetected",
            "dashboard_url": "https://grafana.example/d/drift?a=1&b=2",
        },
        "features": ["dep_hour"],
        "alerts": [alert_view()],
        "firing": 1,
        "unheard": 0,
        "resolved": 0,
        "truncated": 0,
        "unreadable": 0,
        "opened_at": NOW - 600,
        "changed_at": NOW - 1,
        "closed_at": None,
        "close_reason": None,
        "external_url": "http://alertmanager:9093",
    }
    return GroupView(**{**values, **fields})


def said(sent: message.Message) -> str:
    """All texts of a message."""
    return str(sent.body())


def test_a_firing_message_says_what_a_person_needs() -> None:
    """Severity as colour and word, model, version, feature, score and threshold, since when, what to do."""
    sent = message.root(group_view(), NOW)
    assert sent.blocks[0]["text"]["text"] == "🟠 Warning: ModelDriftDetected · flight_delay 1.2.0"
    assert sent.attachments[0]["color"] == "#F2A33A"
    text = said(sent)
    for words in (
        "dep_hour of flight_delay 1.2.0 has drifted",
        "*Model*\\n`flight_delay`",
        "*Version*\\n`1.2.0`",
        "*Feature*\\n`dep_hour`",
        "*Score*\\n0.34, threshold 0.2 (1.7 times)",
        "*Test*\\n`psi`",
        "*Window*\\n`1h`",
        "1 alert firing, since <!date^1767225000^",
        "(10 min)",
        "<https://docs.example/runbooks#modeldriftdetected|Runbook>",
        "<https://grafana.example/d/drift?a=1&amp;b=2&amp;from=1767221400000&amp;to=now|Dashboard>",
        "<http://alertmanager:9093|Alertmanager>",
        "dep_hour moved",
        "Incident 7",
    ):
        assert words in text, words
    assert sent.text == (
        "🟠 Warning: ModelDriftDetected · flight_delay 1.2.0. dep_hour of flight_delay 1.2.0 has drifted."
        " 1 alert firing, since 2025-12-31 23:50 UTC"
    )


@pytest.mark.parametrize(
    ("severity", "title", "colour"),
    [
        ("critical", "🔴 Critical:", "#D7263D"),
        ("warning", "🟠 Warning:", "#F2A33A"),
        ("info", "🔵 Info:", "#3A7BD5"),
        ("page", "⚪ Page:", "#7D8590"),
        ("", "⚪ Alert:", "#7D8590"),
    ],
)
def test_severity_is_a_word_and_a_colour(severity: str, title: str, colour: str) -> None:
    """Nobody needs to see colours to know how bad it is; a word we do not know is shown as it is."""
    sent = message.root(group_view(severity=severity), NOW)
    assert sent.blocks[0]["text"]["text"].startswith(title)
    assert sent.attachments[0]["color"] == colour


@pytest.mark.parametrize(
    ("labels", "firing", "title"),
    [
        ({}, 1, "🟠 Warning: Unnamed alert"),
        ({"alertname": " "}, 1, "🟠 Warning: Unnamed alert"),
        ({"model_name": "delay"}, 2, "🟠 Warning: Several alerts · delay"),
        ({"alertname": ""}, 2, "🟠 Warning: Several alerts"),
    ],
)
def test_a_group_without_a_name_has_a_headline(labels: dict[str, str], firing: int, title: str) -> None:
    """One alert is not several, and an empty name is none."""
    sent = message.root(group_view(labels=labels, firing=firing), NOW)
    assert sent.blocks[0]["text"]["text"] == title
    assert sent.text.startswith(f"{title}. ")


def test_a_resolved_message_is_green_and_says_how_long_it_lasted() -> None:
    """The end is told with its times, and no longer with the numbers of when it fired."""
    over = alert_view(state="resolved", ended_at=NOW - 60)
    view = group_view(alerts=[over], firing=0, resolved=1, closed_at=NOW - 60, close_reason="resolved")
    sent = message.root(view, NOW)
    assert sent.blocks[0]["text"]["text"].startswith("🟢 Resolved: ModelDriftDetected")
    assert sent.attachments[0]["color"] == "#2EB67D"
    assert "Lasted 9 min" in said(sent)
    assert "dep_hour moved" not in said(sent)
    assert sent.text.endswith("lasted 9 min")


def test_an_incident_closed_without_word_is_not_called_resolved() -> None:
    """Absent is not resolved: the message says what is known and what is not."""
    sent = message.root(group_view(closed_at=NOW, close_reason="unheard"), NOW)
    assert sent.blocks[0]["text"]["text"].startswith("🟢 Closed:")
    assert "without saying that it ended" in said(sent)


def test_what_is_not_known_is_said() -> None:
    """Alerts that were not listed, not heard of or not readable are counted in the message."""
    view = group_view(firing=1, unheard=2, resolved=3, truncated=4, unreadable=5)
    text = said(message.root(view, NOW))
    assert "3 alerts firing, 3 resolved, 2 not in the latest notification," in text
    assert "left out 4 more" in text
    assert "5 of the last notification" in text
    unheard = message.root(group_view(alerts=[alert_view(state="unheard")]), NOW)
    assert "not in the latest notification (silenced or inhibited?)" in said(unheard)


def test_a_late_message_says_how_late_it_is() -> None:
    """After an outage a reader must not take an old message for a new one."""
    assert "late" not in said(message.root(group_view(changed_at=NOW - 300), NOW))
    assert "told 1 h 1 min late" in said(message.root(group_view(changed_at=NOW - 3_660), NOW))


def test_many_alerts_are_listed_up_to_ten_and_counted() -> None:
    """A group of ten thousand is one message of readable length."""
    alerts = [alert_view(f"feature_{number}") for number in range(message.ALERTS_SHOWN)]
    view = group_view(alerts=alerts, firing=10_000, features=[f"feature_{number}" for number in range(200)])
    sent = message.root(view, NOW)
    assert "10000 alerts firing" in said(sent)
    assert "… and 9990 more in this group" in said(sent)
    assert "and 195 more" in said(sent)
    assert blockkit.violations(sent.body()) == []


def test_a_runbook_without_a_web_address_is_named_and_a_script_is_not() -> None:
    """A place in the repository helps; a link with another scheme is nothing anybody should follow."""
    named = group_view(
        annotations={"runbook_url": "docs/runbooks.md#x", "dashboard_url": "javascript:alert(1)"}
    )
    text = said(message.root(named, NOW))
    assert "Runbook: `docs/runbooks.md#x`" in text
    assert "javascript" not in text


def test_links_lead_only_to_allowed_hosts_where_hosts_are_given() -> None:
    """An alert's author cannot put a foreign site into the channel."""
    text = said(message.root(group_view(), NOW, Look(links=LinkPolicy(hosts=("grafana.example",)))))
    assert "|Dashboard>" in text
    assert "docs.example" not in text
    assert LinkPolicy(hosts=("Grafana.Example",)).allows("https://GRAFANA.example:3000/d/x")


def test_a_reply_tells_what_happened_and_when_if_that_was_earlier() -> None:
    """One fresh line needs no time of its own; Slack shows when it was posted."""
    line = ThreadLine(kind="fired", at=NOW, count=2, names=["a", "b"], left=3)
    assert message.reply([line], NOW).text == "🔴 firing now: `a`, `b`"
    late = message.reply([line], NOW + 400).text
    assert late.startswith("<!date^1767225600^")
    many = [
        line,
        dataclasses.replace(line, kind="resolved", at=NOW + 1),
        dataclasses.replace(line, kind="closed"),
    ]
    text = message.reply(many, NOW + 2).text
    assert text.count("\n") == 2
    assert "resolved: `a`, `b`; 3 still firing" in text
    assert "*all resolved*: `a`, `b`" in text


def test_a_reply_of_a_hundred_lines_keeps_its_ends() -> None:
    """What happened first and last says most; the history has the rest."""
    lines = [
        ThreadLine(kind="fired", at=NOW + number, count=1, names=[f"f{number}"], left=1)
        for number in range(100)
    ]
    sent = message.reply(lines, NOW)
    assert "`f0`" in sent.text
    assert "`f99`" in sent.text
    assert "80 more changes" in sent.text
    assert blockkit.violations(sent.body()) == []


def test_every_kind_of_thread_line_has_a_sentence() -> None:
    """The audit log cannot grow a kind that the thread does not know."""
    for kind in THREAD_KINDS:
        assert message.reply([ThreadLine(kind=kind, at=NOW, count=9, names=["a"], left=0)], NOW).text


OFFERED = frozenset({"acknowledge", "silence", "retrain"})
SOURCES = frozenset({"default"})


def shown(view: GroupView, offered: frozenset[str] = OFFERED) -> list[str]:
    """The buttons of a message, by action_id."""
    blocks = message.root(view, NOW, Look(actions=offered, silenceable=SOURCES)).blocks
    return [
        element["action_id"]
        for block in blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def test_there_are_buttons_only_for_what_would_change_something() -> None:
    """Nothing to acknowledge twice, to silence twice, or to do about what is over."""
    silences = ["silence_1h", "silence_4h", "silence_1d"]
    assert shown(group_view()) == ["acknowledge", *silences, "retrain"]
    taken = group_view(acknowledged_at=NOW - 9, acknowledged_by="ana")
    assert shown(taken) == [*silences, "retrain"]
    assert shown(group_view(silenced_until=NOW + 1)) == ["acknowledge", "unsilence", "retrain"]
    assert shown(group_view(silenced_until=NOW - 1)) == ["acknowledge", *silences, "retrain"]
    assert shown(group_view(closed_at=NOW, close_reason="resolved")) == []
    assert shown(group_view(), frozenset({"acknowledge"})) == ["acknowledge"]
    assert shown(group_view(), frozenset()) == []
    assert shown(group_view(source="bridge", labels={})) == ["acknowledge"]


def test_a_button_carries_the_number_of_the_incident_and_nothing_else() -> None:
    """What may be done is looked up when it is pressed."""
    for block in message.root(group_view(), NOW, Look(actions=OFFERED, silenceable=SOURCES)).blocks:
        for element in block.get("elements", ()):
            assert element["value"] == "7"
            assert element["action_id"] in buttons.BUTTONS


def test_who_has_taken_it_on_is_said_in_the_message() -> None:
    """In the blocks and in the plain text; a name calls nobody."""
    view = group_view(acknowledged_at=NOW - 60, acknowledged_by="@ana <@U1>", silenced_until=NOW + 3_600)
    sent = message.root(view, NOW)
    assert "Acknowledged by @ana &lt;@U1&gt; at <!date^1767225540^{time}|23:59 UTC>" in said(sent)
    assert "Silenced until <!date^1767229200^" in said(sent)
    assert sent.text.endswith("acknowledged by @ana &lt;@U1&gt;")


def test_only_the_configuration_calls_people_and_only_until_somebody_came() -> None:
    """By severity; a person, a user group, the channel."""
    look = Look(mentions={"warning": ("U0ANA", "S0OPS", "here")})
    sent = message.root(group_view(), NOW, look)
    for text in (said(sent), sent.text):
        assert "<@U0ANA> <!subteam^S0OPS> <!here>" in text
    for view in (
        group_view(severity="critical"),
        group_view(acknowledged_at=NOW, acknowledged_by="ana"),
        group_view(silenced_until=NOW + 1),
        group_view(closed_at=NOW, close_reason="resolved"),
    ):
        assert "U0ANA" not in said(message.root(view, NOW, look))


def test_the_first_commands_are_those_of_the_runbook_filled_in() -> None:
    """Ready to be copied; a label cannot leave its quotation marks."""
    labels = {**group_view().labels, "feature_name": 'a"} or vector(1) #`'}
    text = said(message.root(group_view(labels=labels), NOW))
    assert "*First commands*" in text
    assert "How far, by test: `model_feature_test:drift_score_per_threshold:max{" in text
    assert 'model_name="flight_delay"' in text
    block = next(
        block for block in message.root(group_view(labels=labels), NOW).blocks if "First" in str(block)
    )
    assert """feature_name="a\\"} or vector(1) #'\"""" in block["text"]["text"]
    over = message.root(group_view(closed_at=NOW, close_reason="resolved"), NOW)
    assert "First commands" not in said(over)


def test_an_alert_can_bring_commands_of_its_own() -> None:
    """An annotation with one a line takes the place of ours."""
    view = group_view(annotations={"first_commands": "kubectl get pods\n\nkubectl logs `x` <y>\n"})
    text = said(message.root(view, NOW))
    assert "`kubectl get pods`" in text
    assert "&lt;y&gt;`" in text
    assert "How far" not in text


def test_rows_and_top_contributors_are_shown_where_an_alert_says_them() -> None:
    """The numbers that tell a small sample from a large one, and where to look."""
    annotations = {"rows": "12345.6", "top_contributors": "dep_hour (61 %), <carrier>"}
    text = said(message.root(group_view(alerts=[], annotations=annotations), NOW))
    assert "*Rows*\\n12300" in text
    assert "*Top contributors*\\ndep_hour (61 %), &lt;carrier&gt;" in text


def test_a_dashboard_opens_at_the_time_of_the_incident() -> None:
    """From an hour before it began to now, or to half an hour after its end; unless its link says another."""
    over = group_view(closed_at=NOW, close_reason="resolved")
    assert "from=1767221400000&amp;to=1767227400000|Dashboard>" in said(message.root(over, NOW))
    for url in ("https://grafana.example/d/x?from=now-2h", "https://wiki.example/page"):
        text = said(message.root(group_view(annotations={"dashboard_url": url}), NOW))
        assert f"<{url}|Dashboard>" in text


def test_what_alertmanager_says_when_asked_is_counted_and_shown() -> None:
    """Silenced, inhibited and gone are not the same as firing."""
    view = group_view(alerts=[alert_view(state="gone")], standings={"silenced": 2, "inhibited": 1, "gone": 3})
    text = said(message.root(view, NOW))
    assert "2 silenced in Alertmanager, 1 inhibited by another alert, 3 no longer in Alertmanager," in text
    assert "· no longer in Alertmanager" in text


HOSTILE = st.text(
    alphabet=st.characters() | st.sampled_from(list("<>&`*_~!@#|^\u202e\u2066\u0000\u200b\n\"'")), max_size=40
) | st.sampled_from(["<!channel>", "<@U1>", "&" * 5_000, "<" * 3_000, "x" * 20_000, "🔴" * 4_000])
LABELS = st.dictionaries(
    st.sampled_from(
        [
            "alertname",
            "model_name",
            "model_version",
            "feature_name",
            "test_type",
            "window",
            "segment",
            "severity",
        ]
    )
    | HOSTILE,
    HOSTILE,
    max_size=10,
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(
        [
            "summary",
            "description",
            "score",
            "threshold",
            "runbook_url",
            "dashboard_url",
            "first_commands",
            "top_contributors",
            "rows",
        ]
    ),
    HOSTILE
    | st.sampled_from(
        [
            "1e999",
            "nan",
            "0",
            "-3",
            "https://h/" + "x" * 1_900,
            "https://h/d/x?from",
            "https://h/d/" + "x" * 1_950,
            "javascript:alert(1)",
            "a\nb\n`c`\n<!here>\n" * 9,
        ]
    ),
    max_size=9,
)
ALERTS = st.builds(
    AlertView,
    state=st.sampled_from(["firing", "unheard", "resolved", "silenced", "inhibited", "gone"]),
    labels=LABELS,
    annotations=ANNOTATIONS,
    started_at=st.floats(min_value=0, max_value=4e9),
    ended_at=st.none() | st.floats(min_value=0, max_value=4e9),
)
COUNTS = st.integers(min_value=0, max_value=10**9)


@CALM
@given(
    st.builds(
        GroupView,
        incident_id=COUNTS,
        source=HOSTILE,
        severity=HOSTILE | st.sampled_from(["critical", "warning", "info"]),
        labels=LABELS,
        annotations=ANNOTATIONS,
        features=st.lists(HOSTILE, max_size=12),
        alerts=st.lists(ALERTS, max_size=12),
        firing=COUNTS,
        unheard=COUNTS,
        resolved=COUNTS,
        truncated=COUNTS,
        unreadable=COUNTS,
        opened_at=st.floats(min_value=0, max_value=4e9),
        changed_at=st.floats(min_value=0, max_value=4e9),
        closed_at=st.none() | st.floats(min_value=0, max_value=4e9),
        close_reason=st.sampled_from([None, "resolved", "unheard"]),
        external_url=HOSTILE,
        acknowledged_at=st.none() | st.floats(min_value=0, max_value=4e9),
        acknowledged_by=st.none() | HOSTILE,
        silenced_until=st.none() | st.floats(min_value=0, max_value=4e9),
        standings=st.dictionaries(st.sampled_from(["silenced", "inhibited", "gone"]), COUNTS),
    ),
    st.frozensets(st.sampled_from(["acknowledge", "silence", "retrain"])),
)
def test_every_message_fits_slack_and_hides_nothing_in_it(view: GroupView, offered: frozenset[str]) -> None:
    """Whatever the labels say, Slack takes the message, and no foreign text has become markup."""
    sent = message.root(view, NOW, Look(actions=offered))
    for shown in (sent, sent.plain()):
        assert blockkit.violations(shown.body()) == []
        assert not blockkit.too_long(shown.body())
        assert blockkit.unescaped(shown.body()) == []
        assert 1 <= markup.length(shown.text) <= markup.MAX_TEXT


@CALM
@given(
    st.lists(
        st.builds(
            ThreadLine,
            kind=st.sampled_from(THREAD_KINDS),
            by=HOSTILE,
            until=st.none() | st.floats(min_value=0, max_value=4e9),
            reason=HOSTILE,
            at=st.floats(min_value=0, max_value=4e9),
            count=COUNTS,
            names=st.lists(HOSTILE.map(lambda text: describe({"alertname": text})), max_size=10),
            left=COUNTS,
        ),
        min_size=1,
        max_size=60,
    )
)
def test_every_reply_fits_slack_and_hides_nothing_in_it(lines: list[ThreadLine]) -> None:
    """The same holds for what is written into a thread."""
    sent = message.reply(lines, NOW)
    assert blockkit.violations(sent.body()) == []
    assert blockkit.unescaped(sent.body()) == []
    assert markup.length(sent.text) <= markup.MAX_TEXT


def test_the_words_of_severity_have_an_order() -> None:
    """Critical comes first, and a word nobody knows comes last."""
    words = ["other", "info", "critical", "warning", ""]
    assert sorted(words, key=severity_rank) == ["critical", "warning", "info", "other", ""]
