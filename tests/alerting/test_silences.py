"""Silences and questions, with the real Alertmanager."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from alerting import actions, incidents
from alerting.actions import Means, Request
from alerting.alertmanager import MAX_ANSWER_BYTES, Alertmanager, AlertmanagerPolicy, Failed, Standing
from alerting.buttons import HOUR
from alerting.database import Database
from alerting.secret import Secret
from alerting.silences import Silencer
from alerting.standings import FRESH_SECONDS, Poller
from alerting.testing import FakeSlack, alert, webhook
from alerting.testing.clicks import buttons, press

if TYPE_CHECKING:
    from .conftest import BridgeProcess, State

pytestmark = pytest.mark.stack

LABELS = {"alertname": "ModelDriftDetected", "model_name": "flight_delay"}
MEANS = Means(silenceable=frozenset({"default"}))
SECRET = "signing-secret"


@dataclass
class Real:
    """A running Alertmanager."""

    url: str

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=1).ok
        except requests.ConnectionError:
            return False

    def get(self, path: str) -> Any:
        """What its API says."""
        return requests.get(f"{self.url}/api/v2/{path}", timeout=5).json()

    def silences(self) -> list[dict[str, Any]]:
        """The silences that are not over."""
        return [entry for entry in self.get("silences") if entry["status"]["state"] != "expired"]

    def fire(self, labels: Mapping[str, str], *, ends: float = 300) -> str:
        """Fire an alert, or end it; its fingerprint."""
        now = dt.datetime.now(dt.UTC)
        entry = {
            "labels": dict(labels),
            "annotations": {"summary": "drift"},
            "startsAt": (now - dt.timedelta(seconds=30)).isoformat(),
            "endsAt": (now + dt.timedelta(seconds=ends)).isoformat(),
        }
        requests.post(f"{self.url}/api/v2/alerts", json=[entry], timeout=5).raise_for_status()
        held = [entry["fingerprint"] for entry in self.get("alerts") if entry["labels"] == dict(labels)]
        return held[0] if held else ""


@pytest.fixture
def real(tmp_path: Path, free_port: int, eventually: Callable[..., Any]) -> Iterator[Callable[[str], Real]]:
    """Start an Alertmanager that posts to an address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(receiver: str = "http://127.0.0.1:1/") -> Real:
        binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        assert binary, "need Alertmanager (Debian: prometheus-alertmanager)"
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = int(server.getsockname()[1])
        config = {
            "route": {
                "receiver": "bridge",
                "group_by": sorted(LABELS),
                "group_wait": "0s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "inhibit_rules": [
                {
                    "source_matchers": ['alertname="ModelDown"'],
                    "target_matchers": ['alertname="ModelDriftDetected"'],
                    "equal": ["model_name"],
                }
            ],
            "receivers": [{"name": "bridge", "webhook_configs": [{"url": receiver, "send_resolved": True}]}],
        }
        (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(config))
        with (tmp_path / "alertmanager.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    [
                        binary,
                        f"--config.file={tmp_path / 'alertmanager.yaml'}",
                        f"--storage.path={tmp_path / 'alertmanager'}",
                        f"--web.listen-address=127.0.0.1:{port}",
                        "--cluster.listen-address=",
                    ],
                    stdout=log,
                    stderr=log,
                )
            )
        made = Real(f"http://127.0.0.1:{port}")
        eventually(made.ready)
        return made

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def api(real: Real) -> Alertmanager:
    """The client under test."""
    return Alertmanager(AlertmanagerPolicy(url=real.url))


def wish(state: State, action: Any, seconds: float | None = None) -> None:
    """Ask for something about the first incident."""
    request = Request(action=action, incident_id=1, by="ana", via="http", seconds=seconds)
    result = state.database.write(
        lambda connection: actions.perform(connection, request, now=state.clock(), means=MEANS)
    ).result()
    assert result.outcome == "done"


def kinds(state: State) -> list[str]:
    """What the audit log has, in order."""
    return [row["kind"] for row in state.rows("SELECT kind FROM audit ORDER BY id")]


def errand(state: State, there: Any) -> Silencer:
    """The errand on the state's clock, without jitter."""
    return Silencer(database=state.database, alertmanager=there, clock=state.clock, draw=lambda: 0.0)


def test_a_silence_is_made_changed_and_ended_in_alertmanager(state: State, real: Callable[..., Real]) -> None:
    """With the group's labels as matchers, the person as author, and the end that was wished for."""
    there = real()
    state.clock.now = time.time()
    state.record(webhook(alert("a"), groupLabels=LABELS))
    silencer = errand(state, api(there))
    wish(state, "silence", HOUR)
    assert silencer.step() == 0.0
    (made,) = there.silences()
    assert {entry["name"]: entry["value"] for entry in made["matchers"]} == LABELS
    assert all(entry["isEqual"] and not entry["isRegex"] for entry in made["matchers"])
    assert made["createdBy"] == "ana"
    assert "incident 1" in made["comment"]
    (incident,) = state.incidents()
    assert incident["silence_id"] == made["id"]
    assert incident["silenced_until"] == state.clock() + HOUR
    wish(state, "silence", 4 * HOUR)
    silencer.step()
    (changed,) = there.silences()
    ends = dt.datetime.fromisoformat(changed["endsAt"]).timestamp()
    assert ends == pytest.approx(state.clock() + 4 * HOUR, abs=1)
    wish(state, "unsilence")
    silencer.step()
    assert there.silences() == []
    assert state.incidents()[0]["silence_id"] is None
    assert kinds(state)[-1] == "unsilenced"
    assert silencer.step() > 0


def test_a_silence_that_somebody_else_ended_is_no_trouble(state: State, real: Callable[..., Real]) -> None:
    """Ended by hand in Alertmanager's own page; and one that it has never heard of."""
    there = real()
    state.clock.now = time.time()
    state.record(webhook(alert("a"), groupLabels=LABELS))
    silencer = errand(state, api(there))
    wish(state, "silence", HOUR)
    silencer.step()
    client = api(there)
    silence_id = there.silences()[0]["id"]
    assert client.expire(silence_id) is None
    assert client.expire(silence_id) is None
    assert client.expire("00000000-0000-0000-0000-000000000000") is None
    wish(state, "silence", HOUR)  # replaces one that is over: Alertmanager makes another
    silencer.step()
    assert len(there.silences()) == 1


class Forgetful:
    """An Alertmanager whose answer to the first silence is lost."""

    def __init__(self, there: Alertmanager) -> None:
        self.there, self.lost = there, 1

    def silence(self, **fields: Any) -> str | Failed:
        """Make it; the first time, say that the connection broke."""
        made = self.there.silence(**fields)
        if self.lost:
            self.lost -= 1
            return Failed(reason="dropped")
        return made

    def find_silence(self, mark: str) -> str | Failed | None:
        """Look it up."""
        return self.there.find_silence(mark)


def test_a_lost_answer_makes_no_second_silence(
    state: State, real: Callable[..., Real], tmp_path: Path
) -> None:
    """It is looked for by the id in its comment before it is made again, after a restart too."""
    there = real()
    state.clock.now = time.time()
    state.record(webhook(alert("a"), groupLabels=LABELS))
    wish(state, "silence", HOUR)
    forgetful = Forgetful(api(there))
    assert errand(state, forgetful).step() == 0.0
    assert state.incidents()[0]["silence_id"] is None
    state.database.close()
    state.database = Database(tmp_path / "state")
    state.clock.pass_(5)
    assert errand(state, forgetful).step() == 0.0
    (made,) = there.silences()
    assert state.incidents()[0]["silence_id"] == made["id"]
    state.database.close()


def test_the_end_of_a_silence_ends_one_that_a_crash_left_behind(
    state: State, real: Callable[..., Real]
) -> None:
    """Made in Alertmanager, and the answer lost before its id was written down."""
    there = real()
    state.clock.now = time.time()
    state.record(webhook(alert("a"), groupLabels=LABELS))
    wish(state, "silence", HOUR)
    errand(state, Forgetful(api(there))).step()
    assert len(there.silences()) == 1
    wish(state, "unsilence")
    errand(state, api(there)).step()
    assert there.silences() == []
    assert kinds(state)[-1] == "unsilenced"


class Unwilling:
    """An Alertmanager that fails in one way."""

    def __init__(self, failed: Failed) -> None:
        self.failed, self.calls = failed, 0

    def silence(self, **fields: Any) -> Failed:
        """Not made."""
        self.calls += 1
        return self.failed

    def find_silence(self, mark: str) -> None:
        """Not there."""


def test_trouble_that_passes_is_tried_again_ever_more_seldom(state: State) -> None:
    """Until the silence would have ended; then the thread says that it never was."""
    state.record(webhook(alert("a"), groupLabels=LABELS))
    wish(state, "silence", HOUR)
    there = Unwilling(Failed(reason="no connection"))
    silencer = errand(state, there)
    for _ in range(1_000):
        pause = silencer.step()
        if state.rows("SELECT settled FROM silences") == [{"settled": 1}]:
            break
        state.clock.pass_(pause)
    assert 60 < there.calls < 130
    assert kinds(state)[-1] == "silence_failed"
    assert state.incidents()[0]["silenced_until"] is None


def test_a_refusal_that_lasts_is_told_at_once(state: State) -> None:
    """A wrong token does not get right by waiting."""
    state.record(webhook(alert("a"), groupLabels=LABELS))
    wish(state, "silence", HOUR)
    there = Unwilling(Failed(reason="Alertmanager answered 401", lasting=True))
    errand(state, there).step()
    assert kinds(state)[-1] == "silence_failed"
    assert there.calls == 1


def test_the_end_of_a_silence_is_told(state: State, real: Callable[..., Real]) -> None:
    """What still fires is counted in the thread."""
    there = real()
    state.clock.now = time.time()
    state.record(webhook(alert("a"), groupLabels=LABELS))
    silencer = errand(state, api(there))
    wish(state, "silence", HOUR)
    silencer.step()
    assert silencer.step() > 0
    state.clock.pass_(HOUR + 1)
    silencer.step()
    (entry,) = state.rows("SELECT * FROM audit WHERE kind = 'silence_ended'")
    assert json.loads(entry["detail"]) == {"left": 1}
    assert state.incidents()[0]["silenced_until"] is None


def poller(state: State, there: Any) -> Poller:
    """The errand that asks, on the state's clock."""
    return Poller(
        database=state.database, alertmanager=there, policy=AlertmanagerPolicy(url="x"), clock=state.clock
    )


def standings(state: State) -> dict[str, str]:
    """How the open alerts stand, by feature."""
    rows = state.rows("SELECT feature_name, state FROM standings JOIN episodes ON id = episode_id")
    return {row["feature_name"]: row["state"] for row in rows}


def test_what_alertmanager_does_not_mention_is_asked_for(state: State, real: Callable[..., Real]) -> None:
    """Silenced, inhibited, gone or as before: each is shown as what it is, and nothing is closed."""
    there = real()
    state.clock.now = time.time()
    fingerprints = {
        feature: there.fire({**LABELS, "model_name": model, "feature_name": feature})
        for feature, model in (("active", "m1"), ("silenced", "m2"), ("inhibited", "m3"))
    }
    there.fire({"alertname": "ModelDown", "model_name": "m3"})
    api(there).silence(
        labels={"model_name": "m2"}, starts_at=time.time(), ends_at=time.time() + 60, by="ana", comment="x"
    )
    fingerprints["gone"] = "0123456789abcdef"
    state.record(webhook(*(alert(name, fingerprint=value) for name, value in fingerprints.items())))
    state.record(webhook(alert("elsewhere", fingerprint="x")), source="east")
    asking = poller(state, api(there))
    asking.step()
    assert standings(state) == {}  # all were mentioned a moment ago
    state.clock.pass_(FRESH_SECONDS)
    deadline = time.monotonic() + 10
    while standings(state).get("inhibited") is None and time.monotonic() < deadline:
        asking.step()  # Alertmanager marks what it inhibits when it next sends
    assert standings(state) == {"silenced": "silenced", "inhibited": "inhibited", "gone": "gone"}
    assert all(row["closed_at"] is None for row in state.rows("SELECT closed_at FROM episodes"))
    versions = state.rows("SELECT want_version FROM deliveries")
    asking.step()
    assert state.rows("SELECT want_version FROM deliveries") == versions


def test_what_stays_gone_for_hours_is_closed_without_a_word(state: State) -> None:
    """Unless a notification mentions it again; what is silenced or inhibited stays open."""
    for feature in ("gone", "back", "silenced"):
        state.record(webhook(alert(feature), group_key=feature))
    state.clock.pass_(FRESH_SECONDS)
    asking = poller(state, Held(silenced="silenced"))
    asking.step()
    assert standings(state) == {"gone": "gone", "back": "gone", "silenced": "silenced"}

    def maintain() -> list[str]:
        state.database.write(
            lambda connection: incidents.maintain(connection, now=state.clock(), policy=state.policy)
        ).result()
        rows = state.rows("SELECT group_key FROM incidents WHERE closed_at IS NULL ORDER BY id")
        return [row["group_key"] for row in rows]

    state.clock.pass_(state.policy.gone_after_seconds)
    assert maintain() == ["gone", "back", "silenced"]
    state.record(webhook(alert("back"), group_key="back"))
    state.clock.pass_(1)
    assert maintain() == ["back", "silenced"]
    assert kinds(state)[-1] == "unheard"


class Held:
    """An Alertmanager that holds some alerts in some states."""

    def __init__(self, **states: str) -> None:
        self.states = states

    def alerts(self) -> list[Standing]:
        """All that it holds."""
        return [Standing(fingerprint=name, state=state) for name, state in self.states.items()]


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """Start a server that answers everything alike."""
    servers: list[HTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET  # noqa: N815 - the names of the base class

            def log_message(self, *arguments: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "lasting"),
    [
        (200, b"not json", False),
        (200, b'{"a": 1}', False),
        (200, b"[" * 10_000, False),
        (401, b"", True),
        (500, b"", False),
        (302, b"", False),
    ],
)
def test_an_answer_that_is_none_is_a_failure_in_words(
    answering: Callable[[int, bytes], str], status: int, body: bytes, lasting: bool
) -> None:
    """Whatever stands where Alertmanager should be."""
    client = Alertmanager(AlertmanagerPolicy(url=answering(status, body)), Secret("planted"))
    for answer in (
        client.alerts(),
        client.find_silence("x"),
        client.silence(labels={"a": "b"}, starts_at=0, ends_at=1, by="a", comment="c"),
    ):
        assert answer == Failed(reason=f"Alertmanager answered {status}", lasting=lasting)


def test_an_answer_without_end_is_not_read_into_memory(answering: Callable[[int, bytes], str]) -> None:
    """10,000 alerts fit; what is far larger is a failure like any other."""
    client = Alertmanager(AlertmanagerPolicy(url=answering(200, b" " * (MAX_ANSWER_BYTES + 1) + b"[]")))
    assert isinstance(client.alerts(), Failed)


def test_entries_that_are_no_alerts_are_left_out(answering: Callable[[int, bytes], str]) -> None:
    """One odd entry does not cost the others."""
    body = json.dumps([7, {}, {"fingerprint": 1, "status": {}}, {"fingerprint": "a", "status": {}}]).encode()
    (standing,) = Alertmanager(AlertmanagerPolicy(url=answering(200, body))).alerts()  # type: ignore[misc]
    assert (standing.fingerprint, standing.state) == ("a", "active")


def test_an_alertmanager_that_is_away_changes_nothing(state: State) -> None:
    """Its silence is not an answer; the error is counted."""
    state.record(webhook(alert("a")))
    state.clock.pass_(FRESH_SECONDS)
    asking = poller(state, Alertmanager(AlertmanagerPolicy(url="http://127.0.0.1:1")))
    counted: list[str] = []
    asking.counted = counted.append
    assert asking.step() == 60.0
    assert counted == ["failed"]
    assert standings(state) == {}


CONFIG = """
state: {directory: state}
slack: {connect_timeout_seconds: 1, read_timeout_seconds: 1}
delivery: {posts_per_second: 1000, post_burst: 1000, updates_per_minute: 60000, reconcile_margin_seconds: 0.3}
actions: {silence: [U0ANA]}
alertmanager: {poll_seconds: 0.2}
destinations: {slack: {channel: "#alerts"}}
sources: {default: {destinations: [slack]}}
"""


def test_the_buttons_of_the_posted_message_do_what_they_say(
    real: Callable[..., Real],
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    free_port: int,
) -> None:
    """From Alertmanager to the message, from a press to Alertmanager, and back into message and thread."""
    there = real(f"http://127.0.0.1:{free_port}/alertmanager")
    process = bridge(
        live_slack, config=CONFIG, ALERTMANAGER_URL=there.url, SLACK_SIGNING_SECRET=SECRET
    ).start()
    there.fire({**LABELS, "severity": "critical", "feature_name": "dep_hour"})
    (root,) = eventually(live_slack.workspace.roots)
    assert list(buttons(root)) == ["acknowledge", "silence_1h", "silence_4h", "silence_1d"]

    def pressed(name: str) -> int:
        return press(live_slack, root, name, url=process.url, signing_secret=SECRET).status_code

    def thread() -> str:
        return "\n".join(reply.body["text"] for reply in live_slack.workspace.thread(root))

    assert pressed("acknowledge") == 200
    eventually(lambda: "acknowledged by @ana at" in thread())
    assert pressed("silence_1h") == 200
    (made,) = eventually(there.silences)
    assert made["createdBy"] == "@ana"
    eventually(lambda: "silenced by @ana until" in thread())
    eventually(lambda: list(buttons(root)) == ["unsilence"])
    assert "Silenced until" in str(root.body)
    assert pressed("unsilence") == 200
    eventually(lambda: there.silences() == [])
    eventually(lambda: "silence ended by @ana" in thread())
    history = requests.get(f"{process.url}/history?format=json", timeout=5).json()["entries"]
    done = [entry["kind"] for entry in reversed(history) if entry["kind"] in ("silenced", "unsilenced")]
    assert done == ["silenced", "unsilenced"]
    assert live_slack.workspace.counters().doubled == 0
