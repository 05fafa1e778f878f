from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from alerting.errors import PortTakenError
from alerting.pacing import Pace
from alerting.testing import FakeSlack, Fault

SHOWN = {"Authorization": "Bearer xoxb-1"}


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A fake Slack on a free port."""
    with FakeSlack() as fake:
        yield fake


def call(slack: FakeSlack, method: str, **fields: Any) -> dict[str, Any]:
    """Call a method with a token."""
    answer = requests.post(slack.api_url + method, json=fields, headers=SHOWN, timeout=5)
    document: dict[str, Any] = answer.json()
    return {**document, "status": answer.status_code, "retry_after": answer.headers.get("Retry-After")}


def post(slack: FakeSlack, text: str = "hello", channel: str = "#alerts", **fields: Any) -> dict[str, Any]:
    """Post a message."""
    return call(slack, "chat.postMessage", channel=channel, text=text, **fields)


def metadata(identity: str) -> dict[str, Any]:
    return {"event_type": "x", "event_payload": {"id": identity}}


def test_channels_have_an_id_by_name_and_each_message_a_ts(slack: FakeSlack) -> None:
    """As with Slack: post by name, go on by id, and no ts comes twice."""
    first, second = post(slack), post(slack, channel="alerts")
    assert first["channel"] == second["channel"] == "C00000001"
    assert first["ts"] != second["ts"]
    assert post(slack, channel="C77")["channel"] == "C77"
    by_name = call(slack, "chat.update", channel="#alerts", ts=first["ts"], text="x")
    assert by_name["error"] == "channel_not_found"


def test_what_an_update_leaves_out_stays(slack: FakeSlack) -> None:
    """Blocks stay if none are sent, and go with an empty list."""
    blocks = [{"type": "divider"}]
    sent = post(slack, blocks=blocks)
    where = {"channel": sent["channel"], "ts": sent["ts"]}
    call(slack, "chat.update", **where, text="new")
    (message,) = slack.workspace.roots()
    assert (message.body["text"], message.body["blocks"]) == ("new", blocks)
    call(slack, "chat.update", **where, text="newer", blocks=[])
    assert message.body["blocks"] == []
    assert call(slack, "chat.update", **where, text="x" * 4_001)["error"] == "msg_too_long"
    assert (
        call(slack, "chat.update", channel=sent["channel"], ts="1.0", text="x")["error"]
        == "message_not_found"
    )


def test_history_and_replies_show_what_was_asked_for(slack: FakeSlack) -> None:
    """Newest first, in pages, replies apart, metadata only if asked, nothing older than asked."""
    roots = [post(slack, str(number), metadata=metadata(str(number))) for number in range(5)]
    reply = post(slack, "reply", thread_ts=roots[0]["ts"])

    def read(method: str, **query: str) -> dict[str, Any]:
        where = {"channel": roots[0]["channel"], **query}
        answer = requests.get(slack.api_url + method, params=where, headers=SHOWN, timeout=5)
        document: dict[str, Any] = answer.json()
        return document

    page = read("conversations.history", limit="2")
    assert [message["text"] for message in page["messages"]] == ["4", "3"]
    assert "metadata" not in page["messages"][0]
    rest = read("conversations.history", limit="9", cursor=page["response_metadata"]["next_cursor"])
    assert [message["text"] for message in rest["messages"]] == ["2", "1", "0"]
    assert rest["response_metadata"]["next_cursor"] == ""
    late = read("conversations.history", oldest=roots[3]["ts"], include_all_metadata="true")
    assert [message["metadata"]["event_payload"]["id"] for message in late["messages"]] == ["4", "3"]
    thread = read("conversations.replies", ts=roots[0]["ts"])
    assert [message["text"] for message in thread["messages"]] == ["0", "reply"]
    assert thread["messages"][1]["thread_ts"] == roots[0]["ts"]
    assert reply["ok"]


def test_it_refuses_what_slack_refuses(slack: FakeSlack) -> None:
    """No token, no content, no such thread, bad blocks, too much of it, an unknown method."""
    assert requests.post(f"{slack.api_url}auth.test", timeout=5).json()["error"] == "not_authed"
    assert call(slack, "auth.test")["ok"]
    assert call(slack, "chat.postMessage", channel="#a")["error"] == "no_text"
    assert post(slack, thread_ts="1.0")["error"] == "thread_not_found"
    refused = post(slack, blocks=[{"type": "marquee"}])
    assert refused["error"] == "invalid_blocks"
    assert refused["response_metadata"]["messages"]
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_000}}] * 5
    assert post(slack, blocks=long)["error"] == "msg_blocks_too_long"
    assert call(slack, "chat.delete")["error"] == "unknown_method"
    assert slack.workspace.roots() == []
    with FakeSlack(token="xoxb-other") as strict:
        assert post(strict)["error"] == "invalid_auth"


def test_the_webhook_speaks_in_plain_text(slack: FakeSlack) -> None:
    """`ok`, or the name of the error; no ts."""
    answer = requests.post(slack.webhook_url, json={"text": "hello"}, timeout=5)
    assert (answer.status_code, answer.text) == (200, "ok")
    answer = requests.post(slack.webhook_url, json={}, timeout=5)
    assert (answer.status_code, answer.text) == (400, "no_text")
    slack.faults.add(Fault(method="webhook", status=404, error="no_service"))
    assert requests.post(slack.webhook_url, json={"text": "x"}, timeout=5).status_code == 404


def test_a_pace_answers_429_with_the_time_to_wait() -> None:
    """For each channel by itself."""
    with FakeSlack(pace=Pace(per_second=0.1, burst=2), clock=lambda: 100.0) as slack:
        assert [post(slack)["status"] for _ in range(3)] == [200, 200, 429]
        assert post(slack)["retry_after"] == "10"
        assert post(slack, channel="#other")["ok"]
        assert slack.workspace.counters().rate_limited == 2


def test_a_fault_before_has_no_effect_and_a_fault_after_has(slack: FakeSlack) -> None:
    """The difference that a client cannot see."""
    for when, posted in (("before", 0), ("after", 1)):
        slack.faults.add(Fault(method="chat.postMessage", status=500, when=when))  # type: ignore[arg-type]
        assert post(slack)["status"] == 500
        assert len(slack.workspace.roots()) == posted
    slack.faults.add(Fault(drop=True, when="after"))
    with pytest.raises(requests.ConnectionError):
        post(slack)
    assert len(slack.workspace.roots()) == 2


def test_faults_have_a_method_a_number_and_a_chance(slack: FakeSlack) -> None:
    """They end by themselves, and the same seed draws the same ones."""
    slack.faults.add(Fault(method="chat.update", error="x"))
    assert post(slack)["ok"]
    slack.faults.clear()
    slack.faults.add(Fault(error="x", times=2))
    assert [post(slack)["ok"] for _ in range(3)] == [False, False, True]
    draws = []
    for _ in range(2):
        with FakeSlack(seed=5) as seeded:
            seeded.faults.add(Fault(error="x", times=None, probability=0.5))
            draws.append([post(seeded)["ok"] for _ in range(20)])
    assert draws[0] == draws[1]
    assert 3 < sum(draws[0]) < 17


def test_a_slow_answer_is_slow(slack: FakeSlack) -> None:
    """And takes effect."""
    slack.faults.add(Fault(delay_seconds=0.2))
    started = time.monotonic()
    assert post(slack)["ok"]
    assert time.monotonic() - started >= 0.2


def test_doubles_are_counted_by_id_or_else_by_text(slack: FakeSlack) -> None:
    """The same id in one place twice; the same words where there is no id. Losses are named."""
    post(slack, "a", metadata=metadata("1"))
    post(slack, "b", metadata=metadata("2"))
    assert slack.workspace.counters().doubled == 0
    sent = post(slack, "c", metadata=metadata("1"))
    assert slack.workspace.counters().doubled == 1
    slack.workspace.delete(sent["ts"])
    assert slack.workspace.counters().doubled == 0
    for _ in range(3):
        requests.post(slack.webhook_url, json={"text": "same"}, timeout=5)
    assert slack.workspace.counters().doubled == 2
    assert slack.workspace.lost(["a", "b", "c", "d"]) == ["c", "d"]


def test_it_does_not_grow_without_bound(slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    """An inbox may stay open for months."""
    from alerting.testing import workspace  # noqa: PLC0415 - its bound is made small here alone

    monkeypatch.setattr(workspace, "KEPT_MESSAGES", 10)
    for number in range(30):
        slack.workspace.post({"channel": "#a", "text": str(number)})
    assert len(slack.workspace.messages) == 10


def test_a_taken_port_is_an_error_of_ours(slack: FakeSlack) -> None:
    """With the address in it."""
    with pytest.raises(PortTakenError, match=f"127.0.0.1:{slack.port}"):
        FakeSlack(slack.port)


def test_an_unknown_path_and_a_body_too_large_are_refused(slack: FakeSlack) -> None:
    """It is a server like any other."""
    assert requests.get(f"{slack.url}/absent", timeout=5).status_code == 404
    assert requests.post(f"{slack.url}/absent", timeout=5).status_code == 404
    assert requests.post(slack.webhook_url, data=b"x" * (1 << 20) + b"x", timeout=5).status_code == 413
