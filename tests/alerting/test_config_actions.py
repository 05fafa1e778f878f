from __future__ import annotations

from pathlib import Path

import pytest

from alerting.config import BridgeConfig, describe, load_config
from alerting.errors import ConfigError

SMALL = """
destinations:
  slack: {channel: "#alerts"}
  retrain: {kind: retraining, url: "http://127.0.0.1:9120/retrain", secret_file: secret}
sources: {default: {destinations: [slack]}, east: {destinations: [slack]}}
"""
SLACK = {"SLACK_BOT_TOKEN": "xoxb-planted-1", "SLACK_SIGNING_SECRET": "planted"}
THERE = {"ALERTMANAGER_URL": "http://alertmanager:9093"}


def load(tmp_path: Path, text: str = "", **environ: str) -> BridgeConfig:
    """The configuration with a section more."""
    (tmp_path / "secret").write_text("a-secret-of-32-characters-0123456\n")
    path = tmp_path / "bridge.yaml"
    path.write_text(text + SMALL)
    return load_config(path, environ)


def test_buttons_need_a_bot_a_signing_secret_and_somebody_who_may(tmp_path: Path) -> None:
    """What nobody may press, what cannot work, and what could not be believed is not shown."""
    everything = "actions: {silence: [U0ANA], retrain: [S0OPS]}\n"
    assert load(tmp_path).look.actions == frozenset()
    assert load(tmp_path, SLACK_BOT_TOKEN="xoxb-1").look.actions == frozenset()
    assert load(tmp_path, **SLACK).look.actions == {"acknowledge"}
    assert load(tmp_path, everything, **SLACK).look.actions == {"acknowledge", "retrain"}
    config = load(tmp_path, everything, **SLACK, **THERE)
    assert config.look.actions == {"acknowledge", "retrain", "silence"}
    assert config.look.silenceable == {"default"}
    assert config.retraining == ("retrain",)
    assert load(tmp_path, "actions: {acknowledge: []}\n", **SLACK).look.actions == frozenset()


def test_alertmanager_is_named_in_the_file_or_in_the_environment(tmp_path: Path) -> None:
    """The environment wins; its token is a secret."""
    text = "alertmanager: {url: 'http://file:9093', sources: [default, east], poll_seconds: 5}\n"
    policy = load(tmp_path, text).alertmanager
    assert (policy.url, policy.sources, policy.poll_seconds) == ("http://file:9093", ("default", "east"), 5)
    config = load(tmp_path, text, **THERE, ALERTMANAGER_TOKEN="planted")
    assert config.alertmanager.url == "http://alertmanager:9093"
    assert config.secrets.alertmanager_token is not None
    assert "planted" not in repr(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("actions: {silence: ['@ana']}\n", "actions.silence.0: found '@ana', need"),
        ("actions: {silence: [C0123]}\n", "actions.silence.0"),
        ("actions: {acknowledged: []}\n", "did you mean acknowledge?"),
        ("mentions: {critical: ['<!channel>']}\n", "mentions.critical.0"),
        ("mentions: {page: [U0ANA]}\n", "mentions.page: found an unknown key"),
        ("alertmanager: {url: 'ftp://x'}\n", "alertmanager.url: found 'ftp://x'"),
        ("alertmanager: {sources: [west]}\n", "alertmanager.sources: found west, need one of default, east"),
        ("alertmanager: {poll_seconds: 0}\n", "alertmanager.poll_seconds: found 0"),
    ],
)
def test_what_is_wrong_is_said_with_key_found_and_needed(tmp_path: Path, text: str, said: str) -> None:
    """One sentence is enough to mend it."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)


def test_a_wrong_address_in_the_environment_is_named(tmp_path: Path) -> None:
    """By its variable."""
    with pytest.raises(ConfigError, match="ALERTMANAGER_URL: found 'x', need an http or https address"):
        load(tmp_path, ALERTMANAGER_URL="x")


def test_check_says_which_buttons_there_are(tmp_path: Path) -> None:
    """And what is missing where there are none."""
    assert "buttons: none (they need SLACK_SIGNING_SECRET" in describe(load(tmp_path))
    assert "Alertmanager: not known: no silences" in describe(load(tmp_path))
    text = describe(load(tmp_path, "actions: {silence: [U0ANA]}\n", **SLACK, **THERE))
    assert "buttons: acknowledge, silence; Alertmanager: http://alertmanager:9093" in text
    assert "planted" not in text


def test_mentions_are_ids_by_severity(tmp_path: Path) -> None:
    """Written as Slack's markup by nobody but us."""
    look = load(tmp_path, "mentions: {critical: [U0ANA, S0OPS, channel]}\n").look
    assert look.mention("critical") == "<@U0ANA> <!subteam^S0OPS> <!channel>"
    assert look.mention("warning") == ""
