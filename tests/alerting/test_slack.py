from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alerting import slack as slack_module
from alerting.calls import (
    REASONS,
    Delivered,
    Letter,
    NotFound,
    Outcome,
    Rejected,
    RetryLater,
    Uncertain,
    Unneeded,
)
from alerting.secret import Secret
from alerting.slack import BotClient, SlackPolicy, WebhookClient, judge
from alerting.testing import FakeSlack, Fault, letters
from alerting.views import ThreadLine
from alerting.web import Answer

if TYPE_CHECKING:
    from .conftest import Clock

LINES = [ThreadLine(kind="resolved", at=letters.NOW, count=1, names=["dep_hour"])]


@pytest.fixture
def bot(slack: FakeSlack, clock: Clock) -> BotClient:
    """A bot on the fake Slack."""
    return BotClient(SlackPolicy(api_url=slack.api_url, read_timeout_seconds=0.5), Secret("xoxb-test"), clock)


def letter(clock: Clock, **fields: Any) -> Letter:
    """A post into a channel."""
    return letters.letter(**{"since": clock(), "at": clock(), **fields})


def posted(outcome: object) -> Delivered:
    """The outcome, if it is a delivery."""
    assert isinstance(outcome, Delivered), outcome
    return outcome


def test_a_post_is_answered_updated_and_found(slack: FakeSlack, bot: BotClient, clock: Clock) -> None:
    """The whole life of a message: post, reply, update, and both found again by our id."""
    root = posted(bot.send(letter(clock)))
    assert root.channel is not None
    known = {"channel": root.channel, "ts": root.ts}
    reply = posted(bot.send(letter(clock, kind="reply", message_id="id-2", lines=LINES, **known)))
    posted(bot.send(letter(clock, kind="update", group=letters.resolved_view(), **known)))
    (message,) = slack.workspace.roots()
    assert "Resolved" in message.body["text"]
    assert [entry.ts for entry in slack.workspace.thread(message)] == [reply.ts]
    assert posted(bot.find(letter(clock, channel=root.channel))).ts == root.ts
    assert posted(bot.find(letter(clock, kind="reply", message_id="id-2", **known))).ts == reply.ts


def test_an_update_keeps_the_id_of_its_post(slack: FakeSlack, bot: BotClient, clock: Clock) -> None:
    """A message that was edited is still found."""
    root = posted(bot.send(letter(clock)))
    bot.send(letter(clock, kind="update", message_id="other", channel=root.channel, ts=root.ts))
    assert posted(bot.find(letter(clock, channel=root.channel))).ts == root.ts


def test_what_is_not_there_is_not_found(slack: FakeSlack, bot: BotClient, clock: Clock) -> None:
    """Neither a message of another id, nor one of long before the first try."""
    root = posted(bot.send(letter(clock)))
    assert root.channel is not None
    assert bot.find(letter(clock, channel=root.channel, message_id="id-9")) == NotFound()
    assert bot.find(letter(clock, channel=root.channel, since=clock() + 3_600)) == NotFound()


def test_a_message_is_found_pages_back(slack: FakeSlack, bot: BotClient, clock: Clock) -> None:
    """A busy channel hides nothing within ten pages of two hundred."""
    root = posted(bot.send(letter(clock)))
    assert root.channel is not None
    for number in range(450):
        slack.workspace.post({"channel": root.channel, "text": str(number)})
    assert posted(bot.find(letter(clock, channel=root.channel))).ts == root.ts
    assert slack.workspace.calls["conversations.history"] == 3


def test_a_channel_too_busy_to_read_cannot_be_told(
    slack: FakeSlack, bot: BotClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the message may be doubled, and the caller counts it."""
    monkeypatch.setattr(slack_module, "MAX_PAGES", 1)
    root = posted(bot.send(letter(clock)))
    assert root.channel is not None
    for number in range(250):
        slack.workspace.post({"channel": root.channel, "text": str(number)})
    found = bot.find(letter(clock, channel=root.channel))
    assert isinstance(found, Rejected)
    assert found.scope == "message"


def test_foreign_names_are_not_linked(slack: FakeSlack, bot: BotClient, clock: Clock) -> None:
    """No previews, no mentions by name, nothing parsed: asked for in every call."""
    bot.send(letter(clock))
    body = json.dumps(slack.workspace.messages[0].metadata)
    assert body == '{"event_type": "driftgauge_message", "event_payload": {"id": "id-1"}}'


def later(reason: str, detail: str, scope: Any = "destination", after: float | None = None) -> RetryLater:
    return RetryLater(reason=reason, detail=detail, scope=scope, after_seconds=after)


def no(reason: str, scope: Any, detail: str) -> Rejected:
    return Rejected(reason=reason, scope=scope, detail=detail)


def perhaps(reason: str, detail: str = "") -> Uncertain:
    return Uncertain(reason=reason, detail=detail)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            Fault(status=429, error="ratelimited", retry_after="30"),
            later("rate_limited", "ratelimited", "channel", 30),
        ),
        (Fault(status=429, error="x1", retry_after="1.5"), later("rate_limited", "x1", "channel", 1.5)),
        (Fault(error="rate_limited"), later("rate_limited", "rate_limited", "channel")),
        (Fault(error="invalid_auth"), no("auth", "destination", "invalid_auth")),
        (Fault(error="channel_not_found"), no("channel", "destination", "channel_not_found")),
        (Fault(error="restricted_action_x"), no("channel", "destination", "restricted_action_x")),
        (Fault(error="message_not_found"), no("message_gone", "message", "message_not_found")),
        (Fault(error="invalid_blocks_format"), no("content", "content", "invalid_blocks_format")),
        (Fault(error="internal_error"), perhaps("server_error", "internal_error")),
        (Fault(status=500, error="x"), perhaps("server_error", "HTTP 500")),
        (Fault(status=502, error="bad_gateway"), perhaps("server_error", "bad_gateway")),
        (Fault(status=503, error="service_unavailable"), later("unavailable", "service_unavailable")),
        (Fault(error="something_new"), later("other", "something_new", "message")),
        (Fault(status=404, error="nope"), later("other", "nope", "message")),
        (Fault(drop=True), perhaps("dropped", "ConnectionError")),
        (Fault(drop=True, when="after"), perhaps("dropped", "ConnectionError")),
        (Fault(delay_seconds=0.8), perhaps("timeout")),
    ],
)
def test_every_way_to_fail_has_its_outcome(
    slack: FakeSlack, bot: BotClient, clock: Clock, fault: Fault, expected: Outcome
) -> None:
    """What may be repeated, what may not, and what nobody knows are three different things."""
    slack.faults.add(fault)
    outcome = bot.send(letter(clock))
    assert outcome == expected
    assert not isinstance(outcome, Delivered | Unneeded)
    assert outcome.reason in REASONS
    assert sum(slack.workspace.calls.values()) == 1


@pytest.mark.parametrize(
    ("text", "status", "expected"),
    [
        ("", 200, perhaps("unreadable")),
        ("<html>sign in</html>", 200, perhaps("unreadable")),
        ("[1]", 200, perhaps("unreadable")),
        ('{"ok": "true"}', 200, perhaps("unreadable")),
        ("<html>moved</html>", 302, later("other", "HTTP 302", "message")),
        ('{"ok": true}', 500, perhaps("server_error", "HTTP 500")),
        ('{"ok": false, "error": "<b>planted</b>"}', 200, later("other", "HTTP 200", "message")),
        ("no_service", 404, no("channel", "destination", "no_service")),
        ("invalid_payload", 400, no("content", "content", "invalid_payload")),
        ("channel_is_archived", 410, no("channel", "destination", "channel_is_archived")),
        ("rollup_error", 500, perhaps("server_error", "rollup_error")),
    ],
)
def test_answers_that_are_not_slacks_usual_ones(text: str, status: int, expected: Outcome) -> None:
    """A captive portal is not a delivery, and nothing that is not a plain name of an error is repeated."""
    assert judge(Answer(status=status, headers={}, text=text), 0.0) == expected


def test_a_search_that_fails_is_asked_again_or_given_up(
    slack: FakeSlack, bot: BotClient, clock: Clock
) -> None:
    """Trouble is no answer; a missing scope is one: it cannot be told. A wrong token needs somebody."""
    cases: list[tuple[Fault, type[object], str]] = [
        (Fault(status=500), RetryLater, "destination"),
        (Fault(drop=True), RetryLater, "destination"),
        (Fault(status=429, retry_after="3"), RetryLater, "channel"),
        (Fault(error="missing_scope"), Rejected, "message"),
        (Fault(error="not_in_channel"), Rejected, "message"),
        (Fault(error="token_revoked"), Rejected, "destination"),
    ]
    slack.workspace.channel_id("#alerts")
    for fault, kind, scope in cases:
        slack.faults.add(fault)
        found = bot.find(letter(clock, channel="C00000001"))
        assert isinstance(found, kind), fault
        assert isinstance(found, RetryLater | Rejected)
        assert found.scope == scope, fault


def test_a_webhook_posts_and_can_do_no_more(slack: FakeSlack, clock: Clock) -> None:
    """It tells neither channel nor ts, and cannot look."""
    client = WebhookClient(SlackPolicy(), Secret(slack.webhook_url), clock)
    assert client.send(letter(clock)) == Delivered()
    assert slack.workspace.roots()[0].body["text"].startswith("🟠 Warning: ModelDriftDetected")
    assert isinstance(client.find(letter(clock)), Rejected)
    slack.faults.add(Fault(method="webhook", status=429, retry_after="2"))
    outcome = client.send(letter(clock))
    assert isinstance(outcome, RetryLater)
    assert outcome.after_seconds == 2


def test_the_token_is_shown_to_slack_alone(
    slack: FakeSlack, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a repr, not in a log at the lowest level; of a wrong one only the error's name is told."""
    with FakeSlack(token="xoxb-right", clock=clock) as strict:
        policy = SlackPolicy(api_url=strict.api_url)
        assert isinstance(BotClient(policy, Secret("xoxb-right"), clock).send(letter(clock)), Delivered)
        wrong = BotClient(policy, Secret("xoxb-planted"), clock)
        with caplog.at_level("DEBUG"):
            outcome = wrong.send(letter(clock))
    assert outcome == Rejected(reason="auth", scope="destination", detail="invalid_auth")
    assert "planted" not in caplog.text + repr(outcome) + repr(vars(wrong))
