"""From the button in Slack to the service that retrains, through real processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alerting.testing import FakeSlack, alert, webhook
from alerting.testing.clicks import buttons, press
from alerting.testing.programs import FakeWebhook

if TYPE_CHECKING:
    from .conftest import BridgeProcess

SECRET = "signing-secret"
CONFIG = """
state: {{directory: state}}
slack: {{connect_timeout_seconds: 1, read_timeout_seconds: 1}}
delivery: {{posts_per_second: 1000, post_burst: 1000, updates_per_minute: 60000}}
actions: {{retrain: [U0ANA]}}
destinations:
  slack: {{channel: "#alerts"}}
  retrain: {{kind: retraining, url: "{url}", secret_file: secret}}
sources: {{default: {{destinations: [slack]}}}}
"""


def test_a_press_asks_the_service_for_one_retraining(
    bridge: Callable[..., BridgeProcess], live_slack: FakeSlack, eventually: Callable[..., Any]
) -> None:
    """Signed, with the person's name, once; whoever may not is refused and told so."""
    with FakeWebhook() as service:
        process = bridge(live_slack, config=CONFIG.format(url=service.url), SLACK_SIGNING_SECRET=SECRET)
        (process.folder / "secret").write_text(f"{service.secret}\n")
        process.start()
        process.post(webhook(alert("dep_hour")))
        (root,) = eventually(live_slack.workspace.roots)
        assert list(buttons(root)) == ["acknowledge", "retrain"]

        def pressed(user: str, name: str) -> int:
            answer = press(
                live_slack, root, "retrain", url=process.url, signing_secret=SECRET, user=user, name=name
            )
            return answer.status_code

        assert pressed("U0BEA", "bea") == 200
        eventually(lambda: live_slack.answers)
        assert "you may not retrain" in live_slack.answers[0]["text"]
        assert service.taken == []
        assert pressed("U0ANA", "ana") == 200
        (request,) = eventually(lambda: service.taken)
        assert request["cause"]["by"] == "@ana"
        assert request["model_name"] == "flight_delay"
        assert pressed("U0ANA", "ana2") == 200
        eventually(lambda: len(live_slack.answers) == 2)
        assert "requested for it already" in live_slack.answers[1]["text"]
        eventually(lambda: live_slack.workspace.thread(root))
        thread = [reply.body["text"] for reply in live_slack.workspace.thread(root)]
        assert "retraining requested by @ana" in thread[-1]
        assert len(service.taken) == 1
