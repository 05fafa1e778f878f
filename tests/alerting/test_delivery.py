from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from alerting import outbox
from alerting.calls import Letter, Outcome, Search
from alerting.delivery import DeliveryPolicy, Sender
from alerting.testing import Fault, alert, webhook

if TYPE_CHECKING:
    from alerting.testing import Posted

    from .conftest import Desk

LATER = "2026-01-01T00:10:00Z"
SLOW = DeliveryPolicy()
"""The pace of a real channel."""


def title(message: Posted) -> str:
    """The headline of a root message."""
    return str(message.body["blocks"][0]["text"]["text"])


def titles(desk: Desk) -> list[str]:
    """The headlines of all root messages, oldest first."""
    return [title(message) for message in desk.slack.workspace.roots()]


def thread(desk: Desk) -> list[str]:
    """The replies to the first root message."""
    root = desk.slack.workspace.roots()[0]
    return [str(message.body["text"]) for message in desk.slack.workspace.thread(root)]


def test_a_group_is_one_message_that_is_updated_and_answered(desk: Desk) -> None:
    """Firing, one more, one less, all over: one root message, and a thread of what happened."""
    desk.state.record(webhook(alert("a")))
    desk.settle()
    assert titles(desk) == ["🟠 Warning: ModelDriftDetected · flight_delay 1.2.0"]
    desk.state.record(webhook(alert("a"), alert("b", severity="critical")))
    desk.settle()
    desk.state.record(webhook(alert("a", "resolved"), alert("b", severity="critical")))
    desk.settle()
    desk.state.record(webhook(alert("b", "resolved", severity="critical")))
    desk.settle()
    assert titles(desk) == ["🟢 Resolved: ModelDriftDetected · flight_delay 1.2.0"]
    assert thread(desk) == [
        "🔴 firing now: `b`",
        "🟢 resolved: `a`; 1 still firing",
        "🟢 *all resolved*: `b`",
    ]
    versions = [body["blocks"][0]["text"]["text"][:2] for _, body in desk.slack.workspace.roots()[0].versions]
    assert versions == ["🟠 ", "🔴 ", "🔴 ", "🟢 "]
    counters = desk.slack.workspace.counters()
    assert (counters.posted, counters.updated, counters.replied, counters.doubled) == (1, 3, 3, 0)
    assert desk.metric("bridge_deliveries_total", outcome="delivered", reason="ok") == 7


def test_a_webhook_gets_a_second_message_for_the_end(desk_of: Callable[..., Desk]) -> None:
    """It can update nothing: firing, joined and resolved are messages of their own, repeats are not."""
    desk = desk_of(webhook=True)
    for body in (
        webhook(alert("a")),
        webhook(alert("a")),
        webhook(alert("a", annotations={"summary": "other words"})),
        webhook(alert("a"), alert("b")),
        webhook(alert("a", "resolved"), alert("b", "resolved")),
    ):
        desk.state.record(body)
        desk.settle()
    words = [headline.split(":")[0] for headline in titles(desk)]
    assert words == ["🟠 Warning", "🟠 Warning", "🟢 Resolved"]
    assert desk.slack.workspace.counters().replied == 0


def test_what_is_sent_is_the_newest_state(desk: Desk) -> None:
    """Five changes before the first call cost one call, and nothing old is told."""
    desk.state.record(webhook(alert("a")))
    desk.state.record(webhook(alert("a"), alert("b")))
    desk.state.record(webhook(alert("a", "resolved"), alert("b")))
    desk.state.record(webhook(alert("b", severity="warning"), alert("c")))
    assert desk.settle() == 1
    assert thread(desk) == []
    assert "2 alerts firing, 1 resolved" in str(desk.slack.workspace.roots()[0].body)


def test_what_opened_and_closed_untold_is_one_resolved_message(desk: Desk) -> None:
    """Nobody is woken by an alarm that is over; that there was one is still said."""
    desk.state.record(webhook(alert("a")))
    desk.state.record(webhook(alert("a", "resolved")))
    assert desk.settle() == 1
    assert titles(desk) == ["🟢 Resolved: ModelDriftDetected · flight_delay 1.2.0"]


def test_many_waiting_lines_become_one_reply(desk: Desk) -> None:
    """An hour of changes is one line in the thread's count, not one call each."""
    desk.state.record(webhook(alert("a")))
    desk.settle()
    for number in range(8):
        desk.state.record(webhook(alert("a"), alert(str(number))))
        desk.clock.pass_(60)
    assert desk.settle() == 2
    assert len(thread(desk)) == 1
    assert thread(desk)[0].count("firing now") == 8


def test_an_outage_loses_nothing_and_tells_only_the_newest(desk: Desk) -> None:
    """An hour of 503 for three groups that flap: afterwards one message each, as they are now."""
    desk.slack.faults.add(Fault(status=503, error="service_unavailable", times=None))
    for minute in range(60):
        for group in ("x", "y", "z"):
            firing = alert(group, starts_at=f"2026-01-01T00:{minute:02}:00Z")
            desk.state.record(webhook(firing, group_key=group))
            if minute < 59 or group == "z":
                ended = {**firing, "status": "resolved", "endsAt": f"2026-01-01T00:{minute:02}:30Z"}
                desk.state.record(webhook(ended, group_key=group))
        desk.settle(patience=60.0, limit=500)
    calls = sum(desk.slack.workspace.calls.values())
    assert calls < 130, "back-off keeps the calls of an hour near two a minute"
    desk.slack.faults.clear()
    desk.settle(patience=400.0)
    assert sorted(headline.split(":")[0] for headline in titles(desk)) == [
        "🟠 Warning",
        "🟠 Warning",
        "🟢 Resolved",
    ]
    assert desk.slack.workspace.counters().doubled == 0
    assert desk.metric("bridge_deliveries_total", outcome="retry", reason="unavailable") == calls


def test_critical_comes_first(desk_of: Callable[..., Desk]) -> None:
    """However long the queue, what is most urgent is told next."""
    desk = desk_of(policy=SLOW)
    for number in range(10):
        desk.state.record(webhook(alert(str(number)), group_key=str(number)))
    desk.state.record(webhook(alert("worst", severity="critical"), group_key="worst"))
    desk.sender.step()
    assert "🔴 Critical" in titles(desk)[0]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="chat.postMessage", drop=True, when="after"),
        Fault(method="chat.postMessage", status=500, when="after"),
        Fault(method="chat.postMessage", error="internal_error", when="after"),
        Fault(method="chat.postMessage", error="fatal_error", when="before"),
        Fault(method="chat.postMessage", status=502, when="before"),
        Fault(method="chat.postMessage", drop=True, when="before"),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_post_of_unknown_fate_is_looked_for_before_it_is_repeated(
    desk: Desk, fault: Fault, times: int
) -> None:
    """Whether it arrived or not: afterwards it stands there once."""
    desk.state.record(webhook(alert("seed"), group_key="seed"))
    desk.settle()
    for _ in range(times):
        desk.slack.faults.add(fault)
    desk.state.record(webhook(alert("a")))
    desk.settle(patience=120.0)
    assert len(titles(desk)) == 2
    assert desk.slack.workspace.counters().doubled == 0
    outcome = "found" if fault.when == "after" else "absent"
    assert desk.metric("bridge_messages_reconciled_total", outcome=outcome) >= 1
    assert desk.metric("bridge_doubles_suspected_total") == 0


def test_a_reply_of_unknown_fate_is_looked_for_in_its_thread(desk: Desk) -> None:
    """The history of a channel does not show replies; the thread does."""
    desk.state.record(webhook(alert("a")))
    desk.settle()
    desk.slack.faults.add(Fault(method="chat.postMessage", drop=True, when="after"))
    desk.state.record(webhook(alert("a"), alert("b")))
    desk.settle(patience=60.0)
    assert thread(desk) == ["🔴 firing now: `b`"]
    assert desk.slack.workspace.calls["conversations.replies"] == 1


def test_an_update_of_unknown_fate_is_simply_repeated(desk: Desk) -> None:
    """Twice is the same as once, so there is nothing to look for."""
    desk.state.record(webhook(alert("a")))
    desk.settle()
    desk.slack.faults.add(Fault(method="chat.update", status=500, when="after"))
    desk.state.record(webhook(alert("a", "resolved")))
    desk.settle(patience=30.0)
    assert titles(desk) == ["🟢 Resolved: ModelDriftDetected · flight_delay 1.2.0"]
    assert desk.slack.workspace.calls["conversations.history"] == 0


def test_where_nothing_can_be_looked_for_a_repeat_is_counted(desk_of: Callable[..., Desk]) -> None:
    """A webhook may double a message after trouble; it never loses one, and it says so."""
    desk = desk_of(webhook=True)
    desk.slack.faults.add(Fault(method="webhook", drop=True, when="after"))
    desk.state.record(webhook(alert("a")))
    desk.settle(patience=30.0)
    assert desk.slack.workspace.counters().doubled == 1
    assert desk.metric("bridge_doubles_suspected_total") == 1
    assert desk.metric("bridge_messages_reconciled_total", outcome="unknown") == 1


def test_a_bot_that_may_not_read_behaves_like_a_webhook_then(desk: Desk) -> None:
    """Without the history scope the promise is smaller, and counted."""
    desk.slack.faults.add(Fault(method="conversations.history", error="missing_scope", times=None))
    desk.slack.faults.add(Fault(method="chat.postMessage", drop=True, when="after"))
    desk.state.record(webhook(alert("a")))
    desk.settle(patience=60.0)
    assert len(titles(desk)) == 2
    assert desk.metric("bridge_doubles_suspected_total") == 1


def test_a_wrong_token_parks_the_destination_until_it_is_mended(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost, nothing hammered, one line in the log, and it recovers by itself."""
    desk.slack.faults.add(Fault(error="token_revoked", times=None))
    for number in range(5):
        desk.state.record(webhook(alert(str(number)), group_key=str(number)))
    with caplog.at_level(logging.INFO, logger="alerting.delivery"):
        desk.settle(patience=1_000.0)
        assert desk.slack.workspace.calls["chat.postMessage"] == 4
        waiting = desk.state.database.write(lambda connection: outbox.backlog(connection, ["slack"])).result()
        assert (waiting["slack"].pending, waiting["slack"].parked) == (5, True)
        desk.slack.faults.clear()
        desk.settle(patience=301.0)
    assert len(titles(desk)) == 5
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["slack: auth token_revoked", "slack: delivered again after: auth token_revoked"]
    kinds = [row["kind"] for row in desk.state.rows("SELECT kind FROM audit ORDER BY id")]
    assert (kinds.count("parked"), kinds.count("recovered")) == (1, 1)


def test_a_message_in_a_channel_that_was_left_is_replaced(desk: Desk) -> None:
    """Its channel is gone and another one configured: that one gets a new message, and nothing is parked."""
    desk.state.record(webhook(alert("a")))
    desk.settle()
    desk.sender.destination = replace(desk.sender.destination, channel="#new")
    desk.sender.database.write(desk.sender.enroll).result()
    desk.slack.faults.add(Fault(method="chat.update", error="channel_not_found", times=None))
    desk.state.record(webhook(alert("a"), alert("b")))
    desk.settle(patience=60.0)
    first, second = desk.slack.workspace.roots()
    assert first.channel != second.channel
    assert "2 alerts firing" in str(second.body)
    kinds = [row["kind"] for row in desk.state.rows("SELECT kind FROM audit ORDER BY id")]
    assert (kinds.count("gone"), kinds.count("parked")) == (1, 0)


def test_a_reply_in_a_channel_that_was_left_is_told_in_a_new_message(desk: Desk) -> None:
    """The thread's channel is gone; what would have stood in the thread is in the message."""
    desk.state.record(webhook(alert("a")))
    desk.settle()
    desk.sender.destination = replace(desk.sender.destination, channel="#new")
    desk.sender.database.write(desk.sender.enroll).result()
    thread_alone = "UPDATE deliveries SET want_line = want_line + 1"
    desk.state.rows(
        "INSERT INTO audit (at, kind, source, destination, incident_id, detail)"
        " VALUES (0, 'fired', '', '', 1, '{}')"
    )
    desk.state.rows(thread_alone)
    desk.slack.faults.add(Fault(method="chat.postMessage", error="is_archived", times=1))
    desk.settle(patience=60.0)
    assert len(desk.slack.workspace.roots()) == 2
    assert desk.state.rows("SELECT * FROM waiting") == []


def test_a_present_channel_that_is_gone_parks_the_destination(desk: Desk) -> None:
    """There a new message would fare no better than an update."""
    desk.state.record(webhook(alert("a")))
    desk.settle()
    desk.slack.faults.add(Fault(method="chat.update", error="channel_not_found", times=None))
    desk.state.record(webhook(alert("a"), alert("b")))
    desk.settle(patience=60.0)
    waiting = desk.state.database.write(lambda connection: outbox.backlog(connection, ["slack"])).result()
    assert (waiting["slack"].pending, waiting["slack"].parked) == (1, True)


def test_a_revoked_token_does_not_make_a_message_double(desk: Desk) -> None:
    """What cannot be looked for now is looked for when the token works again."""
    desk.state.record(webhook(alert("seed"), group_key="seed"))
    desk.settle()
    desk.slack.faults.add(Fault(method="chat.postMessage", drop=True, when="after"))
    desk.slack.faults.add(Fault(method="conversations.history", error="token_revoked", times=2))
    desk.state.record(webhook(alert("a")))
    desk.settle(patience=1_000.0)
    assert len(titles(desk)) == 2
    assert desk.slack.workspace.counters().doubled == 0


def test_a_deleted_message_is_written_anew(desk: Desk) -> None:
    """Somebody tidied up; the group's state must still be seen."""
    desk.state.record(webhook(alert("a")))
    desk.settle()
    desk.slack.workspace.delete(desk.slack.workspace.roots()[0].ts)
    desk.state.record(webhook(alert("a"), alert("b")))
    desk.settle(patience=30.0)
    assert len(titles(desk)) == 1
    assert "2 alerts firing" in str(desk.slack.workspace.roots()[0].body)
    assert desk.metric("bridge_deliveries_total", outcome="rejected", reason="message_gone") == 1


def test_refused_blocks_are_sent_as_text_and_refused_text_is_given_up(desk: Desk) -> None:
    """A mistake of ours costs the looks of a message, not the message; it never loops."""
    desk.slack.faults.add(Fault(method="chat.postMessage", error="invalid_blocks"))
    desk.state.record(webhook(alert("a")))
    assert desk.settle() == 2
    (root,) = desk.slack.workspace.roots()
    assert root.body["blocks"] == []
    assert "Warning: ModelDriftDetected" in root.body["text"]
    desk.slack.faults.add(Fault(method="chat.update", error="msg_too_long", times=2))
    desk.state.record(webhook(alert("a"), alert("b")))
    desk.settle()
    assert desk.slack.workspace.calls["chat.update"] == 2
    desk.state.record(webhook(alert("a", "resolved"), alert("b", "resolved")))
    desk.settle()
    assert titles(desk) == ["🟢 Resolved: ModelDriftDetected · flight_delay 1.2.0"]


def test_one_message_that_always_fails_does_not_hold_up_the_others(desk: Desk) -> None:
    """An error nobody has heard of makes its own message wait, ever longer."""
    desk.state.record(webhook(alert("poison"), group_key="poison"))
    desk.slack.faults.add(Fault(method="chat.postMessage", error="something_new", times=3))
    desk.sender.step()
    desk.state.record(webhook(alert("a"), group_key="fine"))
    desk.slack.faults.clear()
    desk.settle()
    assert len(titles(desk)) == 1
    assert "fine" not in str(desk.state.rows("SELECT * FROM waiting"))
    desk.settle(patience=5.0)
    assert len(titles(desk)) == 2


@pytest.mark.parametrize("moment", ["before the call", "after the call"])
def test_a_kill_around_the_call_neither_loses_nor_doubles(
    desk: Desk, desk_of: Callable[..., Desk], moment: str
) -> None:
    """The row says begun; a new process finds the message, or does not and sends it."""
    desk.state.record(webhook(alert("seed"), group_key="seed"))
    desk.settle()
    desk.state.record(webhook(alert("a")))
    receiver = desk.sender.destination.receiver

    class Killed(BaseException):
        """Stands for kill -9: nothing after it runs."""

    class Dying:
        editable = True
        repeatable = False

        def send(self, letter: Letter) -> Outcome:
            if moment == "after the call":
                receiver.send(letter)
            raise Killed

        def find(self, letter: Letter) -> Search:
            raise Killed

    place = desk.sender.destination
    object.__setattr__(place, "receiver", Dying())
    with pytest.raises(Killed):
        desk.sender.step()
    again = desk_of()
    again.settle()
    assert again.slack.workspace.calls["conversations.history"] == 0, "the call might still be under way"
    again.settle(patience=60.0)
    assert len(titles(again)) == 2
    assert again.slack.workspace.counters().doubled == 0


def test_the_loop_survives_what_nobody_expected(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A defect is counted and logged, and the next step is made."""
    steps: list[int] = []

    class Defective(Sender):
        def step(self) -> float:
            steps.append(1)
            if len(steps) == 2:
                self.stop()
            else:
                self.wake.set()
            message = "a defect"
            raise ZeroDivisionError(message)

    broken = Defective(
        destination=desk.sender.destination, database=desk.state.database, metrics=desk.metrics
    )
    with caplog.at_level(logging.CRITICAL, logger="alerting.delivery"):
        broken.run()
    assert len(steps) == 2
    assert desk.metric("bridge_delivery_loop_errors_total") == 2


def test_new_work_wakes_the_loop(desk: Desk) -> None:
    """A message does not wait for the idle time to pass."""
    thread = threading.Thread(target=desk.sender.run)
    thread.start()
    desk.state.record(webhook(alert("a")))
    desk.sender.wake.set()
    for _ in range(500):
        if desk.slack.workspace.roots():
            break
        thread.join(0.01)
    desk.sender.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert len(titles(desk)) == 1


def test_choosing_what_to_send_costs_the_same_however_much_waits(desk_of: Callable[..., Desk]) -> None:
    """No step reads all that waits: the plan of the query is a seek, with no scan and no sort."""
    desk = desk_of()
    desk.state.record(webhook(alert("a")))
    plan = desk.state.rows(f"EXPLAIN QUERY PLAN {outbox._CHOOSE}", "slack", 2, 1.0)
    assert [row["detail"] for row in plan] == [
        "SEARCH deliveries USING INDEX deliveries_queue (destination=? AND queue=?)"
    ]
