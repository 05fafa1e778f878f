from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from alerting import clicks, signature
from alerting.actions import ActionPolicy, Means
from alerting.desk import Desk
from alerting.errors import PayloadError
from alerting.interactivity import MAX_ANSWERS, MAX_BODY_BYTES, Interactivity
from alerting.secret import Secret
from alerting.slack import SlackPolicy
from alerting.testing import FakeSlack, alert, webhook
from alerting.testing.clicks import form, headers
from alerting.usergroups import BELIEVED_SECONDS, Usergroups

if TYPE_CHECKING:
    from .conftest import Clock, State

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
ACKNOWLEDGE = {"action_id": "acknowledge", "value": "1"}


class Door:
    """The handler with everything it needs, called in process."""

    def __init__(self, state: State, slack: FakeSlack, policy: ActionPolicy | None = None) -> None:
        self.state, self.slack = state, slack
        self.counted: list[tuple[str, str, str]] = []
        self.told = 0
        self.groups = Usergroups(["S0OPS"], lambda _: frozenset({"U0OPS"}), state.clock)
        desk = Desk(
            database=state.database,
            means=Means(silenceable=frozenset({"default"})),
            told=self._tell,
            counted=lambda *labels: self.counted.append(labels),
            clock=state.clock,
        )
        self.handler = Interactivity(
            desk=desk,
            secret=Secret(SECRET),
            policy=policy or ActionPolicy(),
            admits=self.groups.admits,
            slack=SlackPolicy(api_url=slack.api_url),
        )
        self.app = Starlette(routes=list(self.handler.routes()))

    def _tell(self) -> None:
        self.told += 1

    def post(self, body: bytes, **shown: str) -> httpx.Response:
        """Post a body with headers."""

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return await client.post(
                    "/slack/actions", content=body, headers={k.encode(): v.encode() for k, v in shown.items()}
                )

        return asyncio.run(call())

    def press(self, *, late: float = 0.0, button: dict[str, str] | None = None, **who: str) -> httpx.Response:
        """Press a button, as Slack would post it."""
        body = form(self.slack, button or ACKNOWLEDGE, **who)
        return self.post(body, **headers(body, SECRET, self.state.clock() - late))


@pytest.fixture
def door(state: State, slack: FakeSlack) -> Door:
    """The handler, with one incident to press at."""
    state.record(webhook(alert("a")))
    return Door(state, slack)


def acknowledged(state: State) -> Any:
    """Who has taken the incident on."""
    return state.incidents()[0]["acknowledged_by"]


def test_a_good_press_acts_once_and_is_answered_at_once(door: Door) -> None:
    """200 after the commit; who did it is in the state and in the audit log."""
    assert door.press().status_code == 200
    assert acknowledged(door.state) == "@ana"
    (entry,) = door.state.rows("SELECT * FROM audit WHERE kind = 'acknowledged'")
    assert json.loads(entry["detail"]) == {
        "by": "@ana",
        "via": "slack",
        "user": "U0ANA",
        "severity": "warning",
    }
    assert door.counted == [("acknowledge", "slack", "done")]
    assert door.told == 1


def test_slacks_own_example_has_the_signature_that_slack_gives_for_it() -> None:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack, worked example."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    secret = Secret("8f742231b10e8888abcd99yyyzzz85a5")
    expected = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert signature.sign(secret, "1531420618", body) == expected


@pytest.mark.parametrize("late", [301.0, -301.0])
def test_a_press_outside_the_five_minutes_is_not_believed(door: Door, late: float) -> None:
    """A good signature of another time, past or to come, is a recording."""
    assert door.press(late=late).status_code == 401
    assert acknowledged(door.state) is None


def test_a_press_at_the_edge_of_the_five_minutes_is_believed(door: Door) -> None:
    """300 seconds are inside."""
    assert door.press(late=300).status_code == 200


def test_the_same_press_again_is_not_believed_even_by_another_process(
    door: Door, state: State, slack: FakeSlack
) -> None:
    """The memory of presses is part of the state, so a restart does not forget it."""
    body = form(slack, ACKNOWLEDGE)
    shown = headers(body, SECRET, state.clock())
    assert door.post(body, **shown).status_code == 200
    state.clock.pass_(200)
    assert door.post(body, **shown).status_code == 401
    assert Door(state, slack).post(body, **shown).status_code == 401
    assert len(state.rows("SELECT 1 FROM audit WHERE kind = 'acknowledged'")) == 1


GOOD_BODY = b"payload=x"


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"X-Slack-Request-Timestamp": "abc", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "1e9", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "-1", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "٣", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "9" * 5_000, "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "1767225600"},
        {"X-Slack-Request-Timestamp": "1767225600", "X-Slack-Signature": "v0=ünïcode"},
        {"X-Slack-Request-Timestamp": "1767225600", "X-Slack-Signature": "v1=" + "0" * 64},
    ],
)
def test_bad_headers_are_401_and_never_an_error_of_ours(door: Door, shown: dict[str, str]) -> None:
    """Timestamps that are no numbers and signatures that are not ASCII included."""
    assert door.post(GOOD_BODY, **shown).status_code == 401
    assert door.counted == [("unknown", "slack", "unbelieved")]


def test_another_secret_and_a_changed_body_are_401(door: Door) -> None:
    """Whoever cannot sign cannot act."""
    body = form(door.slack, ACKNOWLEDGE)
    now = door.state.clock()
    assert door.post(body, **headers(body, "another", now)).status_code == 401
    assert door.post(body + b"&x=1", **headers(body, SECRET, now)).status_code == 401
    assert acknowledged(door.state) is None


def test_a_body_that_is_not_utf_8_is_401_even_when_signed(door: Door) -> None:
    """Slack never sends one."""
    body = b"payload=\xff\xfe"
    assert door.post(body, **headers(body, SECRET, door.state.clock())).status_code == 401


def clicked(**changed: object) -> str:
    """A payload like Slack's, with some fields changed."""
    action = {"action_id": "acknowledge", "value": "1"}
    return json.dumps({"type": "block_actions", "actions": [action], "user": {"id": "U11"}, **changed})


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{",
        "[]",
        clicked(type="view_submission"),
        clicked(actions=[]),
        clicked(actions=[{"action_id": "x", "value": "1"}]),
        clicked(actions=[{"action_id": "acknowledge", "value": "1x"}]),
        clicked(actions=[{"action_id": "acknowledge", "value": "9" * 20}]),
        clicked(user={"id": "<@U1>"}),
        clicked(user=7),
        "[" * 100_000,
    ],
)
def test_a_signed_body_that_is_no_press_of_ours_is_400(door: Door, payload: str) -> None:
    """Whatever an app can send; nothing is done."""
    body = urlencode({"payload": payload}).encode()
    assert door.post(body, **headers(body, SECRET, door.state.clock())).status_code == 400
    assert acknowledged(door.state) is None


@settings(deadline=None, max_examples=150)
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "actions", "user", "id", "action_id", "value"]), inner, max_size=4
            )
        ),
        max_leaves=15,
    ).map(lambda value: urlencode({"payload": json.dumps(value)}).encode())
)
def test_any_other_body_is_refused_in_words(body: bytes) -> None:
    """Nothing that can be sent ends in an exception of another kind."""
    with pytest.raises(PayloadError, match="need"):
        clicks.parse(body)


def test_a_body_that_is_too_large_is_not_read(door: Door) -> None:
    """413, before any signature is computed."""
    assert door.post(b"x" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_an_unknown_incident_is_refused_and_written_down(door: Door) -> None:
    """A button of a message whose incident was forgotten long ago."""
    assert door.press(button={"action_id": "acknowledge", "value": "77"}).status_code == 200
    (entry,) = door.state.rows("SELECT * FROM audit WHERE kind = 'action_refused'")
    assert json.loads(entry["detail"])["reason"] == "there is no incident 77"


def test_who_may_not_is_told_alone_and_written_down(door: Door) -> None:
    """By default nobody may silence; the answer goes to the presser through Slack."""
    assert door.press(button={"action_id": "silence_1h", "value": "1"}).status_code == 200
    assert door.state.rows("SELECT 1 FROM silences") == []
    (entry,) = door.state.rows("SELECT * FROM audit WHERE kind = 'action_refused'")
    assert json.loads(entry["detail"])["user"] == "U0ANA"
    assert door.handler.step() == 0.0
    (answer,) = door.slack.answers
    assert answer["response_type"] == "ephemeral"
    assert "you may not silence" in answer["text"]
    assert door.handler.step() > 0


def test_people_and_groups_of_the_configuration_may(state: State, slack: FakeSlack) -> None:
    """By id, or as a member of a group that Slack was asked about."""
    state.record(webhook(alert("a")))
    door = Door(state, slack, ActionPolicy(acknowledge=("U0BEA", "S0OPS"), silence=("S0OPS",)))
    door.press(user="U0OPS")
    assert acknowledged(state) is None  # nobody has asked Slack yet
    door.groups.step()
    state.clock.pass_(1)
    door.press(user="U0ANA")
    assert acknowledged(state) is None
    state.clock.pass_(1)
    door.press(user="U0OPS", name="ops")
    assert acknowledged(state) == "@ops"


def test_members_of_a_group_are_believed_for_an_hour_without_slack(clock: Clock) -> None:
    """An old list must not let somebody in for ever."""
    answers: list[frozenset[str] | None] = [frozenset({"U1"}), None]
    groups = Usergroups(["S1"], lambda _: answers.pop(0), clock)
    groups.step()
    clock.pass_(BELIEVED_SECONDS)
    groups.step()
    assert groups.admits("U1", ("S1",))
    clock.pass_(1)
    assert not groups.admits("U1", ("S1",))


@pytest.mark.parametrize(
    ("url", "api", "may"),
    [
        ("https://hooks.slack.com/actions/T/1/x", "https://slack.com/api/", True),
        ("https://hooks.slack-gov.com/actions/T/1/x", "https://slack.com/api/", True),
        ("http://hooks.slack.com/actions/T/1/x", "https://slack.com/api/", False),
        ("https://hooks.slack.com:8443/x", "https://slack.com/api/", False),
        ("https://hooks.slack.com@evil.example/x", "https://slack.com/api/", False),
        ("https://hooks.slack.com.evil.example/x", "https://slack.com/api/", False),
        ("https://evil.example/x", "https://slack.com/api/", False),
        ("http://169.254.169.254/latest", "https://slack.com/api/", False),
        ("http://127.0.0.1:9110/actions/x", "http://127.0.0.1:9110/api/", True),
        ("http://127.0.0.1:9111/actions/x", "http://127.0.0.1:9110/api/", False),
        ("https://[::1", "https://slack.com/api/", False),
        ("https://hooks.slack.com:99999/x", "https://slack.com/api/", False),
        ("", "https://slack.com/api/", False),
    ],
)
def test_answers_go_to_slack_and_nowhere_else(url: str, api: str, may: bool) -> None:
    """A response_url is foreign: it must not make the bridge call anything else."""
    assert clicks.answerable(url, api) is may


def test_answers_do_not_pile_up(door: Door) -> None:
    """A Slack that is away costs courtesy and no memory."""
    for number in range(MAX_ANSWERS + 5):
        door.press(button={"action_id": "acknowledge", "value": "77"}, name=str(number))
    assert door.handler._answers.qsize() == MAX_ANSWERS


def test_a_good_press_is_answered_in_time_while_the_database_is_busy(door: Door) -> None:
    """A thousand notifications are being written; Slack gives three seconds."""
    stop = threading.Event()

    def storm() -> None:
        number = 0
        while not stop.is_set():
            futures = []
            for _ in range(50):
                number += 1
                raw = webhook(alert(f"f{number}"), group_key=f"g{number}")
                futures.append(threading.Thread(target=door.state.record, args=(raw,)))
            for future in futures:
                future.start()
            for future in futures:
                future.join()

    worker = threading.Thread(target=storm)
    worker.start()
    try:
        started = time.monotonic()
        answer = door.press()
        took = time.monotonic() - started
    finally:
        stop.set()
        worker.join()
    assert answer.status_code == 200
    assert took < 3.0


def test_a_locked_database_is_503_in_time_and_nothing_is_done(door: Door) -> None:
    """The presser sees Slack's warning sign, which is true: it was not taken."""
    other = sqlite3.connect(door.state.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    assert door.press().status_code == 503
    assert time.monotonic() - started < 3.0
    other.close()
    assert acknowledged(door.state) is None


def test_a_press_after_the_end_is_refused(door: Door) -> None:
    """The message is updated a moment later than the end."""
    door.state.record(webhook(alert("a", "resolved")))
    assert door.press().status_code == 200
    assert door.counted == [("acknowledge", "slack", "refused")]


def test_a_second_presser_is_told_who_was_first(door: Door) -> None:
    """One acknowledges; nothing changes for the second."""
    door.press()
    door.press(user="U0BEA", name="bea")
    assert acknowledged(door.state) == "@ana"
    door.handler.step()
    assert "already acknowledged by @ana" in door.slack.answers[0]["text"]


def test_an_old_message_does_not_act_on_a_new_incident_of_the_same_number(
    door: Door, desk_of: Callable[..., Any]
) -> None:
    """After a lost state the numbers begin anew; the message tells which one is meant."""
    desk_of().settle()
    (root,) = door.slack.workspace.roots()
    assert door.press(message_ts="1700000000.000001").status_code == 200
    assert acknowledged(door.state) is None
    (entry,) = door.state.rows("SELECT * FROM audit WHERE kind = 'action_refused'")
    assert "does not tell of that incident" in json.loads(entry["detail"])["reason"]
    door.press(message_ts=root.ts)
    assert acknowledged(door.state) == "@ana"


def test_a_name_cannot_write_markup(door: Door, desk_of: Callable[..., Any]) -> None:
    """A display name is foreign text like any other."""
    door.press(name="<!channel> \u202e\ud800")
    desk = desk_of()
    desk.settle()
    said = str([message.body for message in door.slack.workspace.messages])
    assert "&lt;!channel&gt;" in said
    assert "<!channel>" not in said
