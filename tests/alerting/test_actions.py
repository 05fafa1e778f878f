from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette

from alerting import actions, digest, outbox, reading, timers
from alerting.access import Gate
from alerting.action_api import ActionApi
from alerting.actions import Means, Request, Result
from alerting.buttons import ACTIONS, HOUR
from alerting.desk import COMMIT_SECONDS, Desk
from alerting.secret import Secret
from alerting.testing import alert, webhook

if TYPE_CHECKING:
    from .conftest import Desk as Sending
    from .conftest import State

TOKEN = "token-of-16-chars-"
MEANS = Means(silenceable=frozenset({"default"}), retraining=("retrain",))


def act(state: State, action: Any, *, means: Means = MEANS, **fields: Any) -> Result:
    """Take an action on the first incident."""
    request = Request(**{"action": action, "incident_id": 1, "by": "ana", "via": "http", **fields})
    return state.database.write(
        lambda connection: actions.perform(connection, request, now=state.clock(), means=means)
    ).result()


@pytest.fixture
def incident(state: State) -> State:
    """A state with one open incident and a destination that retrains."""
    state.database.write(
        lambda connection: outbox.register(connection, "retrain", channel="retrain", editable=False)
    ).result()
    state.record(webhook(alert("a"), groupLabels={"alertname": "ModelDriftDetected", "model_name": "m"}))
    return state


def kinds(state: State) -> list[str]:
    """What the audit log has, in order."""
    return [row["kind"] for row in state.rows("SELECT kind FROM audit ORDER BY id")]


def test_acknowledging_is_written_once_and_shown(incident: State) -> None:
    """The second one is told who was first, and nothing more is written."""
    before = incident.rows("SELECT want_version FROM deliveries")[0]["want_version"]
    assert act(incident, "acknowledge").outcome == "done"
    again = act(incident, "acknowledge", by="bea")
    assert again == Result(outcome="already", words="already acknowledged by ana")
    assert kinds(incident) == ["opened", "acknowledged"]
    assert incident.incidents()[0]["acknowledged_at"] == incident.clock()
    assert incident.rows("SELECT want_version FROM deliveries")[0]["want_version"] == before + 1


def test_a_silence_is_a_wish_that_also_acknowledges(incident: State) -> None:
    """Whoever silences has seen it; that Alertmanager is silent is said only once it is."""
    assert act(incident, "silence", seconds=HOUR).outcome == "done"
    (wish,) = incident.rows("SELECT * FROM silences")
    assert (wish["until"], wish["wanted_by"], wish["settled"]) == (incident.clock() + HOUR, "ana", 0)
    assert kinds(incident) == ["opened", "acknowledged", "silence_requested"]
    assert incident.incidents()[0]["silenced_until"] is None


def test_the_newest_wish_counts(incident: State) -> None:
    """Four hours after one hour is four hours; an end is an end."""
    act(incident, "silence", seconds=HOUR)
    act(incident, "silence", seconds=4 * HOUR)
    (wish,) = incident.rows("SELECT * FROM silences")
    assert (wish["until"], wish["version"]) == (incident.clock() + 4 * HOUR, 2)
    assert act(incident, "unsilence").outcome == "done"
    assert act(incident, "unsilence").outcome == "already"
    assert incident.rows("SELECT until FROM silences") == [{"until": None}]


@pytest.mark.parametrize("seconds", [None, 0, 59, 24 * HOUR + 1, float("nan"), float("inf"), -1])
def test_a_silence_has_bounds(incident: State, seconds: float | None) -> None:
    """From a minute to a day; longer ones are a decision about a rule."""
    assert act(incident, "silence", seconds=seconds).outcome == "refused"
    assert incident.rows("SELECT * FROM silences") == []
    assert incident.incidents()[0]["acknowledged_at"] is None


def test_a_group_without_labels_is_not_silenced(state: State) -> None:
    """Its silence would silence everything."""
    state.record(webhook(alert("a"), groupLabels={}))
    result = act(state, "silence", seconds=HOUR)
    assert result.outcome == "refused"
    assert "everything" in result.words


def test_what_cannot_work_is_refused_with_its_reason(incident: State) -> None:
    """Without an Alertmanager, without a destination that retrains, without an incident, after its end."""
    assert "alertmanager.url" in act(incident, "silence", means=Means(), seconds=HOUR).words
    assert "kind: retraining" in act(incident, "retrain", means=Means()).words
    assert "no incident 9" in act(incident, "acknowledge", incident_id=9).words
    incident.record(webhook(alert("a", "resolved")))
    for action in ("acknowledge", "silence", "retrain"):
        assert act(incident, action, seconds=HOUR).words == "it is already over"
    assert kinds(incident).count("action_refused") == 6


def test_a_retraining_is_a_row_for_the_destination_that_retrains(incident: State) -> None:
    """Once for an incident, however often it is asked for."""
    assert act(incident, "retrain").outcome == "done"
    assert act(incident, "retrain").outcome == "already"
    (row,) = incident.rows("SELECT * FROM waiting WHERE destination = 'retrain'")
    assert (row["incident_id"], row["want_version"]) == (1, 1)


def test_a_wish_reaches_a_service_that_had_no_cause_of_its_own(incident: State) -> None:
    """It was told of the incident already and found nothing in it to retrain for."""
    incident.database.write(
        lambda connection: timers.show(connection, 1, "retrain", incident.clock())
    ).result()
    incident.rows("UPDATE deliveries SET sent_version = want_version, told_line = want_line")
    assert act(incident, "retrain").outcome == "done"
    (row,) = incident.rows("SELECT * FROM waiting WHERE destination = 'retrain'")
    lines = incident.database.write(
        lambda connection: reading.lines(connection, 1, row["told_line"], row["want_line"])
    ).result()
    assert [(line.kind, line.by) for line in lines] == [("retraining_requested", "ana")]


def test_acknowledging_a_digest_acknowledges_all_that_it_tells_of(incident: State) -> None:
    """Hundreds of them while Slack waits; what has ended or has somebody already stays as it is."""
    for number in range(500):
        incident.record(webhook(alert(f"f{number}"), group_key=f"g{number}"))
    incident.record(webhook(alert("f0", "resolved"), group_key="g0"))
    act(incident, "acknowledge", incident_id=3, by="bea")
    ids = [row["id"] for row in incident.incidents()]
    digest_id = incident.database.write(
        lambda connection: digest.open_digest(connection, "slack", "storm", incident.clock())
    ).result()
    incident.database.write(
        lambda connection: digest.add(connection, digest_id, ids, incident.clock())
    ).result()
    started = time.monotonic()
    assert act(incident, "acknowledge", incident_id=digest_id).outcome == "done"
    took = time.monotonic() - started
    assert took < COMMIT_SECONDS, took
    counts = incident.rows("SELECT acknowledged_by AS name, COUNT(*) AS n FROM incidents GROUP BY 1")
    assert {row["name"]: row["n"] for row in counts} == {"ana": 500, "bea": 1, None: 1}


def test_who_did_what_is_in_the_thread(incident: State, desk: Sending) -> None:
    """With name and time, and in the message itself."""
    desk.settle()
    act(incident, "acknowledge", by="<!channel> ana")
    desk.settle()
    (root,) = desk.slack.workspace.roots()
    (line,) = desk.slack.workspace.thread(root)
    assert "acknowledged by &lt;!channel&gt; ana at <!date^1767225600^{time}|00:00 UTC>" in line.body["text"]
    assert "Acknowledged by &lt;!channel&gt; ana" in str(root.body["blocks"])


class Door:
    """The HTTP entrance, called in process."""

    def __init__(self, state: State, gate: Gate | None) -> None:
        desk = Desk(database=state.database, means=MEANS, clock=state.clock)
        api = ActionApi(desk=desk, gate=gate, readers=Gate([Secret(TOKEN)]))
        self.app = Starlette(routes=list(api.routes()))

    def call(self, method: str, path: str, content: bytes | None = None, **headers: str) -> httpx.Response:
        """One request with the token, as a program would make it."""
        shown = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json", **headers}

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return await client.request(method, path, content=content, headers=shown)

        return asyncio.run(call())

    def act(self, action: str, body: object, incident: object = 1, **headers: str) -> httpx.Response:
        """Ask for an action."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", f"/incidents/{incident}/{action}", content, **headers)


@pytest.fixture
def door(incident: State) -> Door:
    """The HTTP entrance for those with a token."""
    return Door(incident, Gate([Secret(TOKEN)]))


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_can_be_taken_by_http(door: Door, action: str) -> None:
    """JSON in and out."""
    answer = door.act(action, {"by": "ana"})
    assert answer.status_code == 200
    assert answer.json()["incident"] == 1
    assert answer.json()["outcome"] == ("already" if action == "unsilence" else "done")


def test_the_same_idempotency_key_acts_once(door: Door, incident: State) -> None:
    """The repetition gets the answer of the first; another request under the key is refused."""
    key = {"idempotency-key": "k1"}
    first = door.act("silence", {"by": "ana", "seconds": 3_600}, **key)
    incident.clock.pass_(60)
    assert door.act("silence", {"by": "ana", "seconds": 3_600}, **key).json() == first.json()
    assert incident.rows("SELECT version FROM silences") == [{"version": 1}]
    other = door.act("silence", {"by": "ana", "seconds": 7_200}, **key)
    assert other.status_code == 409
    assert "another request" in other.json()["error"]
    assert door.act("silence", {"by": "ana", "seconds": 7_200}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "no valid JSON"),
        (b"\xff", 400, "no valid JSON"),
        (b"[" * 10_000, 400, "no valid JSON"),
        (b"[]", 400, "no object"),
        ({}, 400, "need a name"),
        ({"by": " "}, 400, "need a name"),
        ({"by": 7}, 400, "need a name"),
        ({"by": "ana", "via": "slack"}, 400, "need one of http, cli"),
        ({"by": "ana", "seconds": 60}, 400, "none but for a silence"),
        ({"by": "x" * 20_000}, 413, "smaller"),
    ],
)
def test_bad_bodies_are_refused_in_words(door: Door, body: object, status: int, said: str) -> None:
    """What was found and what is needed; nothing is done."""
    answer = door.act("acknowledge", body)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_a_number_larger_than_any_float_is_refused_in_words(door: Door, incident: State) -> None:
    """JSON has no limit for it; 25 hours are a number, and refused as too long."""
    answer = door.act("silence", b'{"by": "ana", "seconds": 1' + b"0" * 400 + b"}")
    assert answer.status_code == 400
    assert "seconds: found" in answer.json()["error"]
    assert door.act("silence", {"by": "ana", "seconds": 90_000}).status_code == 409
    assert incident.rows("SELECT * FROM silences") == []


def test_a_name_of_any_characters_is_stored_and_shown(door: Door, incident: State) -> None:
    """A lone surrogate is JSON and no text."""
    assert door.act("acknowledge", b'{"by": "a\\ud800\\u202e\\u0000b"}').status_code == 200
    assert incident.incidents()[0]["acknowledged_by"] == "a?b"


def test_a_web_page_cannot_make_a_browser_act(incident: State) -> None:
    """On a loopback address without tokens too: no Origin, and JSON only."""
    open_door = Door(incident, Gate(()))
    body = {"by": "ana"}
    assert open_door.act("acknowledge", body, origin="https://evil.example").status_code == 403
    assert open_door.act("acknowledge", body, **{"content-type": "text/plain"}).status_code == 415
    assert open_door.act("acknowledge", body, authorization="").status_code == 200


def test_without_the_token_nobody_acts_or_reads(incident: State, door: Door) -> None:
    """And where others reach the address and no shared token is there, nobody acts at all."""
    assert door.act("acknowledge", {"by": "ana"}, authorization="Bearer wrong").status_code == 401
    assert door.call("GET", "/incidents", authorization="").status_code == 401
    closed = Door(incident, None)
    assert closed.act("acknowledge", {"by": "ana"}).status_code == 403
    assert incident.incidents()[0]["acknowledged_at"] is None


@pytest.mark.parametrize("incident_id", ["x", "-1", "9" * 30, "1.5"])
def test_an_address_without_an_incident_is_404(door: Door, incident_id: str) -> None:
    """A number that does not exist is refused as an action, with 409."""
    assert door.act("acknowledge", {"by": "ana"}, incident_id).status_code == 404
    assert door.act("explode", {"by": "ana"}).status_code == 404
    assert door.act("acknowledge", {"by": "ana"}, 99).status_code == 409


def test_the_list_says_what_is_open_and_who_has_it(door: Door, incident: State) -> None:
    """Open ones; with all=1 what has ended too."""
    incident.record(webhook(alert("b"), group_key="two"))
    incident.record(webhook(alert("b", "resolved"), group_key="two"))
    door.act("acknowledge", {"by": "ana"})
    (row,) = door.call("GET", "/incidents").json()["incidents"]
    assert (row["id"], row["acknowledged_by"], row["firing"]) == (1, "ana", 1)
    assert (row["model"], row["severity"]) == ("flight_delay", "warning")
    assert [row["id"] for row in door.call("GET", "/incidents?all=1").json()["incidents"]] == [1, 2]


def test_a_closed_state_is_503(door: Door, incident: State) -> None:
    """Nothing is promised that is not on the disk."""
    incident.database.close()
    assert door.act("acknowledge", {"by": "ana"}).status_code == 503
