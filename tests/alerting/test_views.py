from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting import markup, message
from alerting.testing import blockkit
from alerting.testing.letters import NOW, group_view
from alerting.views import (
    DETAILS,
    IDENTITY,
    NAME_LENGTH,
    PLACES,
    SUBJECTS,
    AlertView,
    describe,
    describe_all,
)

RULES = Path(__file__).parents[2] / "alerting" / "rules"
DECLINED = {"alertname": "ModelPerformanceDeclined", "model_name": "delay", "model_version": "1"}


def view(labels: Mapping[str, str], **annotations: str) -> AlertView:
    """A firing alert with labels."""
    return AlertView(
        state="firing", labels=labels, annotations=annotations, started_at=NOW - 600, ended_at=None
    )


def heads(alerts: list[AlertView], labels: Mapping[str, str]) -> list[str]:
    """What the section of each alert of a group begins with."""
    fields: dict[str, Any] = {"labels": labels, "alerts": alerts, "firing": len(alerts), "features": []}
    sent = message.root(group_view(**fields), NOW)
    assert blockkit.violations(sent.body()) == []
    assert blockkit.unescaped(sent.body()) == []
    sections = [block for block in sent.attachments[0]["blocks"] if block["type"] == "section"]
    return [block["text"]["text"].split("`")[1] for block in sections]


def rules() -> list[dict[str, Any]]:
    """Every alert of the tree."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yaml"))]
    found = [rule for document in documents for group in document["groups"] for rule in group["rules"]]
    return [rule for rule in found if "alert" in rule]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"feature_name": "dep_hour", "test_type": "psi", "window": "1h"}, "dep_hour"),
        ({"instance": "a:1", "job": "model", "severity": "warning"}, "a:1"),
        ({"endpoint": "/predict"}, "/predict"),
        ({}, "ModelPerformanceDeclined"),
        ({"measure": "accuracy"}, "measure accuracy"),
        ({"attribute": "carrier", "measure": "recall"}, "attribute carrier, measure recall"),
        ({"measure": "revenue", "with": "drift"}, "measure revenue, with drift"),
        ({"guard": "errors"}, "guard errors"),
        ({"instance": "b:9109", "receiver": "slack"}, "b:9109, receiver slack"),
        ({"topic": "flights"}, "topic flights"),
        ({"reason": "commit"}, "reason commit"),
        ({"segment": "carrier=AA"}, "segment carrier=AA"),
        ({"queue": "q1"}, "queue q1"),
        ({"measure": " \u202e"}, "ModelPerformanceDeclined"),
    ],
)
def test_an_alert_is_named_by_what_tells_it_apart(labels: dict[str, str], words: str) -> None:
    """Its feature or place, then what else it is about, and its own name where there is nothing."""
    assert describe({**DECLINED, "severity": "warning", **labels}) == words


def test_every_label_that_a_rule_tells_alerts_apart_by_is_known() -> None:
    """A new label in a summary that a name would leave out is found here."""
    known = {*PLACES, *SUBJECTS, *DETAILS, *IDENTITY}
    for rule in rules():
        said = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert said <= known, (rule["alert"], said - known)


def test_two_alerts_of_one_rule_are_two_names() -> None:
    """Whatever label of its summary differs, a message and a thread tell them apart."""
    for rule in rules():
        texts = " ".join(rule["annotations"].get(name, "") for name in ("summary", "description"))
        for label in {*PLACES, *SUBJECTS, *DETAILS} & set(re.findall(r"\$labels\.(\w+)", texts)):
            one, other = ({"alertname": rule["alert"], label: value} for value in ("a", "b"))
            assert describe(one) != describe(other), (rule["alert"], label)


def test_a_message_says_which_measure_each_alert_is_about() -> None:
    """The group has all else in common, and its description says only how much worse."""
    alerts = [
        view({**DECLINED, "measure": measure}, description="it is 8% worse")
        for measure in ("accuracy", "f1", "auc")
    ]
    assert heads(alerts, DECLINED) == ["measure accuracy", "measure f1", "measure auc"]
    assert heads(alerts[:1], {**DECLINED, "measure": "accuracy"}) == ["measure accuracy"]


def test_alerts_that_would_read_the_same_are_named_by_what_differs() -> None:
    """Also labels that a name usually leaves out; those of another name keep their few words."""
    labels = {"alertname": "ModelDriftDetected"}
    alerts = [
        view({**labels, "model_name": "a", "feature_name": "hour", "severity": "warning"}),
        view({**labels, "model_name": "b", "feature_name": "hour", "severity": "warning"}),
        view({**labels, "model_name": "b", "feature_name": "day", "job": "model"}),
    ]
    assert heads(alerts, labels) == ["a, hour", "b, hour", "day"]
    names = ("ModelMissingValues", "ModelDriftDetected")
    mixed = [view({"alertname": name, "feature_name": "hour"}) for name in names]
    assert describe_all(mixed, {}) == ["ModelMissingValues, hour", "ModelDriftDetected, hour"]


def test_a_detail_in_the_name_is_not_said_twice() -> None:
    """A segment is the name where there is nothing else, and stands beside it where there is."""
    alone = [view({"alertname": "SegmentDriftDetected", "segment": name}) for name in ("AA", "BB")]
    text = str(message.root(group_view(labels={}, alerts=alone), NOW).attachments)
    assert text.count("AA") == text.count("BB") == 1
    beside = view({"alertname": "ModelDriftDetected", "feature_name": "hour", "segment": "AA"})
    assert "`hour` · `AA`" in str(message.root(group_view(labels={}, alerts=[beside]), NOW).attachments)


def test_a_long_name_keeps_the_ends_of_its_parts() -> None:
    """Two long values that begin alike stay two names, and a message shows them whole."""
    names = [
        describe({"attribute": "a" * 200 + end, "measure": "m" * 100, "with": "drift"}) for end in ("x", "y")
    ]
    assert names[0] != names[1]
    for name in names:
        assert len(name) <= NAME_LENGTH
        assert name.endswith("with drift")
        assert markup.code(name, NAME_LENGTH) == f"`{name}`"
    assert describe({"feature_name": "f" * 200}) == "f" * NAME_LENGTH


def test_a_name_of_foreign_text_is_no_markup() -> None:
    """The name of a label can be as hostile as its value."""
    assert heads([view({"`<!channel>`": "<@U1> `x`"})], {}) == ["'&lt;!channel&gt;' &lt;@U1&gt; 'x'"]
