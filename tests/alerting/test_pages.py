from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette

from alerting import actions, audit
from alerting.access import Gate
from alerting.actions import Means, Request
from alerting.errors import ConfigError
from alerting.pages import Pages, parse_since
from alerting.secret import Secret
from alerting.testing import alert, webhook

if TYPE_CHECKING:
    from .conftest import State

TOKEN = "token-of-16-chars-"
SHOWN = {"authorization": f"Bearer {TOKEN}"}


def pages(
    state: State, *, tokens: tuple[str, ...] = (), open_metrics: bool = False, alive: bool = True
) -> Pages:
    """The pages of a state."""
    return Pages(
        database=state.database,
        exposition=lambda: b"some_metric 1\n",
        receivers=["slack"],
        gate=Gate(Secret(token) for token in tokens),
        open_metrics=open_metrics,
        alive=lambda: alive,
        clock=state.clock,
    )


def get(site: Pages, path: str, **headers: str) -> httpx.Response:
    """Read a page in process."""

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=list(site.routes())))
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(call())


def test_health_says_whether_a_restart_would_help(state: State) -> None:
    """A loop that ended is a reason to restart; nothing else is."""
    assert get(pages(state), "/healthz").status_code == 200
    assert get(pages(state, alive=False), "/healthz").status_code == 503


def test_readiness_says_whether_a_notification_could_be_stored(state: State) -> None:
    """With what waits for whom; a locked state is not ready, a parked receiver is."""
    state.record(webhook(alert("a")))
    state.rows("UPDATE destinations SET parked_reason = 'token_revoked'")
    answer = get(pages(state), "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "receivers": {"slack": {"pending": 1, "parked": True}}}
    other = sqlite3.connect(state.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert get(pages(state), "/readyz").status_code == 503
    other.close()
    state.database.close()
    assert get(pages(state), "/readyz").status_code == 503


def test_metrics_and_history_need_a_token_where_there_is_one(state: State) -> None:
    """Probes never do; /metrics may be opened."""
    guarded = pages(state, tokens=(TOKEN,))
    for path in ("/metrics", "/history"):
        assert get(guarded, path).status_code == 401
        assert get(guarded, path, **SHOWN).status_code == 200
        assert get(pages(state), path).status_code == 200
    assert get(guarded, "/healthz").status_code == 200
    assert get(guarded, "/readyz").status_code == 200
    opened = pages(state, tokens=(TOKEN,), open_metrics=True)
    assert get(opened, "/metrics").text == "some_metric 1\n"
    assert get(opened, "/history").status_code == 401


def test_history_as_json_is_the_audit_log(state: State) -> None:
    """Newest first, with times as text and the models of each incident."""
    state.record(webhook(alert("a")))
    state.clock.pass_(60)
    state.record(webhook(alert("a", "resolved")))
    entries = get(pages(state), "/history?format=json").json()["entries"]
    assert [entry["kind"] for entry in entries] == ["closed", "opened"]
    assert entries[1] == {
        "at": "2026-01-01T00:00:00.000+00:00",
        "kind": "opened",
        "source": "default",
        "destination": "",
        "incident_id": 1,
        "title": "ModelDriftDetected",
        "models": ["flight_delay"],
        "detail": {"count": 1, "names": ["a"], "left": 1},
    }


def test_history_can_be_asked_for_a_model_and_a_time(state: State) -> None:
    """What belongs to no incident is left out where a model is asked for."""
    state.record(webhook(alert("a"), group_key="one"))
    state.record(webhook(alert("b", labels={"model_name": "other"}), group_key="two"))
    state.clock.pass_(7_200)
    site = pages(state)
    assert len(get(site, "/history?format=json").json()["entries"]) == 2
    (entry,) = get(site, "/history?format=json&model=other").json()["entries"]
    assert entry["models"] == ["other"]
    assert get(site, "/history?format=json&since=1h").json()["entries"] == []
    assert get(site, "/history?since=yesterday").status_code == 400


def test_the_page_shows_hostile_names_as_text(state: State) -> None:
    """No script of a label runs in the browser of whoever reads the history."""
    evil = "<script>alert(1)</script>"
    state.record(webhook(alert(evil, labels={"model_name": evil, "alertname": evil})))
    answer = get(pages(state), "/history?model=" + evil)
    assert answer.status_code == 200
    assert evil not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in get(pages(state), "/history").text


def test_the_page_is_bounded(state: State) -> None:
    """A year of history is not one page."""
    state.database.write(
        lambda connection: [audit.write(connection, "stale", at=state.clock()) for _ in range(700)]
    ).result()
    assert get(pages(state), "/history").text.count("<tr>") == 501
    assert len(get(pages(state), "/history?format=json").json()["entries"]) == 700


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "-1h", "1y", "1h1m", "9999999h", "٣h"])
def test_a_span_that_is_none_is_refused_with_what_is_needed(text: str) -> None:
    """The sentence shows an example."""
    with pytest.raises(ConfigError, match="such as 24h"):
        parse_since(text)


def test_every_kind_that_is_written_is_a_known_kind(state: State) -> None:
    """Whoever reads the log can rely on the list."""
    state.record(webhook(alert("a")))
    state.record(webhook(alert("a", "resolved")))
    state.record(webhook(alert("a")))
    kinds = {row["kind"] for row in state.rows("SELECT DISTINCT kind FROM audit")}
    assert kinds == {"opened", "closed", "stale"}
    assert kinds <= set(audit.KINDS)


def test_the_quarantine_keeps_the_newest(state: State) -> None:
    """It has an end."""

    def fill(connection: sqlite3.Connection) -> None:
        for number in range(15):
            audit.quarantine(connection, at=0.0, source="s", reason="not_json", excerpt=str(number), keep=10)

    state.database.write(fill).result()
    rows = state.rows("SELECT excerpt FROM quarantine ORDER BY id")
    assert [row["excerpt"] for row in rows] == [str(number) for number in range(5, 15)]
    assert json.loads(state.rows("SELECT detail FROM audit LIMIT 1")[0]["detail"]) == {"reason": "not_json"}


def test_the_page_says_what_is_open_and_who_has_taken_it_on(state: State) -> None:
    """With nothing that a label or a name could write into it."""
    assert "Nothing is open" in get(pages(state), "/history").text
    hostile = {"model_name": "<script>alert(1)</script>"}
    state.record(webhook(alert("a", labels=hostile), group_key="one"))
    state.record(webhook(alert("b", severity="critical"), group_key="two"))
    shown = get(pages(state), "/history").text
    assert shown.count("not acknowledged") == 2
    assert "critical" in shown
    state.rows(
        "UPDATE incidents SET acknowledged_at = ?, acknowledged_by = ?, silenced_until = ? WHERE id = 1",
        state.clock(),
        "<img src=x onerror=alert(1)>",
        state.clock() + 3_600,
    )
    shown = get(pages(state), "/history").text
    assert shown.count("not acknowledged") == 1
    assert "acknowledged by &lt;img src=x onerror=alert(1)&gt; at 2026-01-01 00:00" in shown
    assert "silenced until 2026-01-01 01:00" in shown
    assert "<script" not in shown
    assert "<img" not in shown
    only = get(pages(state), "/history?model=flight_delay").text
    assert "critical" in only
    assert "silenced" not in only


def test_the_page_shows_actions_and_their_authors(state: State) -> None:
    """Who did what is read there too, escaped."""
    state.record(webhook(alert("a")))
    request = Request(action="acknowledge", incident_id=1, by="<b>ana", via="http")
    state.database.write(
        lambda connection: actions.perform(connection, request, now=state.clock(), means=Means())
    ).result()
    state.database.write(
        lambda connection: actions.refuse(connection, request, "you may <not>", state.clock())
    ).result()
    shown = get(pages(state), "/history").text
    assert "<b>acknowledged</b>" in shown
    assert "by: &lt;b&gt;ana" in shown
    assert "reason: you may &lt;not&gt;" in shown
