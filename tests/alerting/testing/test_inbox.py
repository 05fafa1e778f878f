from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests

from alerting.testing import FakeSlack, alert, clicks, page, webhook
from alerting.testing.inbox import main

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def inbox(free_port: int, eventually: Callable[..., Any]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The inbox as a process, and its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "alerting.testing.inbox", "--port", str(free_port)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        url = f"http://127.0.0.1:{free_port}"
        assert process.stdout is not None
        assert process.stdout.readline() == f"inbox: {url}/\n"
        yield process, url
        process.kill()


def test_it_runs_as_a_program_and_shows_what_it_was_sent(
    inbox: tuple[subprocess.Popen[str], str],
) -> None:
    """On any path under /services, as a page and as JSON; SIGTERM ends it with 0."""
    process, url = inbox
    assert "Nothing yet" in requests.get(url, timeout=5).text
    assert requests.post(f"{url}/services/demo", json={"text": "hello *there*"}, timeout=5).text == "ok"
    assert "hello <b>there</b>" in requests.get(url, timeout=5).text
    listing = requests.get(f"{url}/api/messages", timeout=5).json()
    assert listing["counters"]["posted"] == 1
    assert [message["text"] for message in listing["messages"]] == ["hello *there*"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """And exit 2."""
    with FakeSlack() as slack:
        assert main(["--port", str(slack.port)]) == 2
    said = capsys.readouterr().err
    assert f"127.0.0.1:{slack.port}: found it taken" in said
    assert said.count("\n") == 1


def test_the_page_shows_a_bridges_message_with_its_updates_and_thread(
    desk: Any,
) -> None:
    """Newest first, with colours, fields, earlier versions and replies."""
    desk.state.record(webhook(alert("a"), group_key="one"))
    desk.settle()
    desk.state.record(webhook(alert("b", severity="critical"), group_key="two"))
    desk.settle()
    desk.state.record(webhook(alert("a", "resolved"), group_key="one"))
    desk.settle()
    html = requests.get(desk.slack.url, timeout=5).text
    assert html.index("Critical: ModelDriftDetected") < html.index("Resolved: ModelDriftDetected")
    for words in (
        "border-color: #D7263D",
        "border-color: #2EB67D",
        "<code>flight_delay</code>",
        "edited once",
        "What it said before",
        "all resolved",
        '<span class="dot red" role="img"></span>',
        'name="viewport"',
        "prefers-color-scheme: dark",
    ):
        assert words in html, words
    assert "not escaped" not in html


def test_the_page_is_safe_to_open() -> None:
    """Whatever is posted, no script of it runs, and what is not escaped is pointed out."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    with FakeSlack() as slack:
        slack.workspace.post(
            {"channel": f"#{evil}", "text": evil, "attachments": [{"color": "#AABBCC", "text": evil}]}
        )
        answer = requests.get(slack.url, timeout=5)
        part = requests.get(f"{slack.url}/messages", timeout=5).text
    assert "<script>alert" not in answer.text + part
    assert "<img" not in answer.text + part
    assert "not escaped" in part
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("markup", "html"),
    [
        ("<https://h/x|a &amp; b>", '<a href="https://h/x" rel="noreferrer">a &amp; b</a>'),
        ("<javascript:alert(1)|x>", '<span class="problem">javascript:alert(1)|x</span>'),
        ("<!channel>", '<span class="problem">!channel</span>'),
        (
            "<!date^0^{date}|1970-01-01>",
            '<time datetime="1970-01-01T00:00:00Z">1970-01-01</time>',
        ),
        ("*a `b` c*", "<b>a <code>b</code> c</b>"),
        ("a\nb", "a<br>b"),
    ],
)
def test_markup_becomes_html(markup: str, html: str) -> None:
    """What Slack would show, and a warning for what nothing of ours writes."""
    assert page.mrkdwn(markup) == html


def test_a_button_on_the_page_reaches_the_bridge(
    bridge: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    """Pressed in the browser, signed by the inbox, done by the bridge, and seen on the page."""
    secret = "signing-secret"
    with FakeSlack() as slack:
        process = bridge(slack, SLACK_SIGNING_SECRET=secret).start()
        slack.presser = lambda message, action: (
            clicks.press(
                slack, message, action, url=process.url, signing_secret=secret, name="you"
            ).status_code
        )
        assert process.post(webhook(alert("dep_hour"))).status_code == 200
        (root,) = eventually(slack.workspace.roots)
        assert 'data-action="acknowledge">Acknowledge</button>' in requests.get(slack.url, timeout=5).text

        def press(action: str, ts: str = root.ts, **options: Any) -> int:
            body = {"ts": ts, "action_id": action}
            return requests.post(f"{slack.url}/press", **{"json": body, **options}, timeout=5).status_code

        assert press("acknowledge") == 200
        eventually(lambda: "acknowledged by @you" in requests.get(slack.url, timeout=5).text)
        assert press("acknowledge", ts="1.0") == 404
        assert press("no_such_button") == 409
        # As a form of another page would send it.
        form = {"Content-Type": "text/plain"}
        assert press("acknowledge", json=None, data='{"ts": "1.0"}', headers=form) == 415
        process.kill()
        assert press("retrain") == 409


def test_a_bridge_without_a_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its presses would not be believed."""
    monkeypatch.delenv("SLACK_SIGNING_SECRET", raising=False)
    assert main(["--port", "0", "--bridge", "http://127.0.0.1:9109"]) == 2
    assert "SLACK_SIGNING_SECRET: found none" in capsys.readouterr().err
