from __future__ import annotations

from pathlib import Path

import pytest

from alerting.config import BridgeConfig, describe, load_config, require_slack
from alerting.email import Mailbox
from alerting.errors import ConfigError
from alerting.pagerduty import PagerDuty
from alerting.retraining_request import RetrainingService
from alerting.secret import Secret
from alerting.webhook import Webhook

KEY = "planted0KEY000000000000000000001"
ALL = """
email: {host: mail.example.org, port: 465, security: tls, sender: bridge@example.org, username: bridge}
destinations:
  slack: {channel: "#alerts"}
  pager: {kind: pagerduty, url: "https://events.eu.pagerduty.com/v2/enqueue"}
  mail: {kind: email, to: [ann@example.org]}
  lead: {kind: email}
  program: {kind: webhook, url: "https://example.org/hook", secret_file: hook.secret}
  retrain:
    {kind: retraining, url: "http://127.0.0.1:9", secret_file: hook.secret, alert_names: [A], match: [t=ml]}
sources: {default: {destinations: [slack, pager, mail, lead, program, retrain]}}
"""
ENVIRON = {
    "SLACK_BOT_TOKEN": "xoxb-planted",
    "PAGERDUTY_ROUTING_KEY": KEY,
    "SMTP_PASSWORD": "planted password",
    "ALERT_EMAILS": "bob@example.org, cid@example.org",
}


def one(text: str) -> str:
    """A file with one destination."""
    return f"destinations: {{x: {text}}}\nsources: {{default: {{destinations: [x]}}}}\n"


def load(tmp_path: Path, text: str, **environ: str) -> BridgeConfig:
    """The configuration in a text, beside a file with a secret."""
    (tmp_path / "hook.secret").write_text("planted-secret-of-webhooks\n")
    (tmp_path / "short.secret").write_text("planted\n")
    (tmp_path / "bridge.yaml").write_text(text)
    return load_config(tmp_path / "bridge.yaml", environ)


def test_each_kind_becomes_its_receiver(tmp_path: Path) -> None:
    """With its own address, secret and people; those of ALERT_EMAILS where none are named."""
    config = load(tmp_path, ALL, **ENVIRON)
    pager, mail, lead, program, retrain = (
        config.receivers[name] for name in ("pager", "mail", "lead", "program", "retrain")
    )
    assert isinstance(pager, PagerDuty)
    assert pager.policy.url == "https://events.eu.pagerduty.com/v2/enqueue"
    assert pager.routing_key == Secret(KEY)
    assert isinstance(mail, Mailbox)
    assert isinstance(lead, Mailbox)
    assert (mail.to, lead.to) == (("ann@example.org",), ("bob@example.org", "cid@example.org"))
    assert (mail.policy.host, mail.policy.port, mail.policy.security) == ("mail.example.org", 465, "tls")
    assert mail.password == Secret("planted password")
    assert isinstance(program, Webhook)
    assert program.secret.reveal() == "planted-secret-of-webhooks"
    assert isinstance(retrain, RetrainingService)
    assert retrain.policy.alert_names == ("A",)
    assert retrain.policy.matchers[0].matches({"t": "ml"})
    assert "slack" not in config.receivers
    assert list(config.channels.values()) == [
        "#alerts",
        "pagerduty",
        "email",
        "email",
        "webhook",
        "retraining",
    ]


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    """Neither the description nor a repr."""
    config = load(tmp_path, ALL, **ENVIRON)
    assert "planted" not in describe(config) + repr(config)
    assert "pager (pagerduty)" in describe(config)


def test_a_bridge_without_slack_needs_no_slack(tmp_path: Path) -> None:
    """A team may have a pager and no channel."""
    config = load(tmp_path, one("{kind: pagerduty}"), PAGERDUTY_ROUTING_KEY=KEY)
    require_slack(config)
    assert config.secrets.bot_token is None


def test_an_incoming_webhook_counts_channels_only(tmp_path: Path) -> None:
    """It has one channel of Slack, beside any number of other receivers."""
    url = "https://hooks.slack.com/services/planted"
    text = (
        'destinations: {a: {channel: "#a"}, b: {kind: pagerduty}}\nsources: {default: {destinations: [a, b]}}'
    )
    assert len(load(tmp_path, text, SLACK_WEBHOOK_URL=url, PAGERDUTY_ROUTING_KEY=KEY).channels) == 2


@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [
        (one("{kind: pagerdutty}"), {}, "destinations.x.kind: found 'pagerdutty', need 'slack', 'pagerduty'"),
        (one("{kind: pagerduty}"), {}, "destinations.x: found no key, need routing_key_file or PAGERDUTY"),
        (one("{kind: pagerduty, routing_key_file: absent}"), {}, "destinations.x.routing_key_file: "),
        (one("{kind: pagerduty, routing_key_file: short.secret}"), {}, "found something else, need a file"),
        (
            one("{kind: pagerduty, urll: x}"),
            {},
            "destinations.x.urll: found an unknown key, did you mean url?",
        ),
        (one("{kind: pagerduty}"), {"PAGERDUTY_ROUTING_KEY": "planted"}, "need an integration key of 32"),
        (one("{kind: email}"), {}, "destinations.x.to: found no address, need one here or in ALERT_EMAILS"),
        (one("{kind: email}"), {"ALERT_EMAILS": "a@b <c>"}, "ALERT_EMAILS: found something else in place 2"),
        (one('{kind: email, to: ["a@b\\r\\nBcc: c@d"]}'), {}, "destinations.x.to.0: found"),
        (one("{kind: webhook, url: 'https://h'}"), {}, "destinations.x.secret_file: found nothing"),
        (one("{kind: webhook, url: 'ftp://h', secret_file: hook.secret}"), {}, "destinations.x.url: found"),
        (one("{kind: webhook, url: 'https://h', secret_file: short.secret}"), {}, "found something else"),
        (
            one("{kind: retraining, url: 'https://h', secret_file: hook.secret, match: ['1=']}"),
            {},
            "destinations.x.match.0: found '1=', need a matcher",
        ),
        ("email: {username: u}\n" + one("{channel: x}"), {}, "email.username: found u and no password"),
        (
            "email: {host: mail.example.org, security: none}\n" + one("{kind: email, to: [a@b]}"),
            {},
            "email.security: found none for mail.example.org, need starttls or tls",
        ),
        ("email: {ca_file: absent}\n" + one("{kind: email, to: [a@b]}"), {}, "email.ca_file: "),
        (
            "email: {security: ssl}\n" + one("{channel: x}"),
            {},
            "email.security: found 'ssl', need 'starttls'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_key_found_and_needed(
    tmp_path: Path, text: str, environ: dict[str, str], said: str
) -> None:
    """One sentence is enough to mend it, and no secret is in it."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **environ)
    assert said in str(caught.value)
    assert "planted" not in str(caught.value).replace(str(tmp_path), "")
