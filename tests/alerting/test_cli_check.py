from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from alerting import cli
from alerting.cli_check import parse_labels, parse_time
from alerting.errors import ConfigError

CONFIG = """
escalation:
  - name: critical
    match: ['severity="critical"']
    steps: [{to: [slack]}, {after: 5m, to: [pager]}, {after: 15m, to: [chat]}]
    repeat: 1h
  - name: others
    match: ['severity=~"warning|info"']
    steps:
      - {to: [slack]}
      - to: [chat]
        after: 1h
        business_hours: {zone: Europe/Berlin, days: mon-fri, from: "09:00", to: 17:00}
    quiet_hours: {zone: Europe/Berlin, from: 22:00, to: "07:00"}
heartbeats: {watchdog: {match: ['alertname="Watchdog"'], deadline: 5m}}
destinations: {slack: {channel: "#a"}, pager: {channel: "#b"}, chat: {channel: "#c"}}
sources: {default: {destinations: [slack]}}
"""


def check(folder: Path, *arguments: str, config: str = CONFIG) -> int:
    """Run the command."""
    path = folder / "bridge.yaml"
    path.write_text(config)
    parser = argparse.ArgumentParser()
    cli.register(parser.add_subparsers())
    parsed = parser.parse_args(["bridge", "check", "--config", str(path), *arguments])
    return int(parsed.run(parsed))


def test_it_says_who_would_be_told_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Step by step, with the first repeat."""
    assert check(tmp_path, "--labels", "severity=critical,model_name=x", "--at", "2026-01-15T12:00Z") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [
        "policy critical, until it is acknowledged:",
        "when after who why",
        "2026-01-15 12:00:00Z 0 s slack at once",
        "2026-01-15 12:05:00Z 5 min pager if nobody has taken it on",
        "2026-01-15 12:15:00Z 15 min chat if nobody has taken it on",
        "2026-01-15 13:15:00Z 1 h 15 min slack again",
        "2026-01-15 13:20:00Z 1 h 20 min pager if nobody has taken it on",
        "2026-01-15 13:30:00Z 1 h 30 min chat if nobody has taken it on",
    ]


def test_it_knows_quiet_and_business_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Friday night: the digest on Saturday morning, the other step on Monday."""
    assert check(tmp_path, "--labels", "severity=warning", "--at", "2026-01-16T22:30+01:00") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[3:]]
    assert lines == [
        "2026-01-17 06:00:00Z 8 h 30 min slack in the digest after quiet hours",
        "2026-01-19 08:00:00Z 2 d 10 h chat if nobody has taken it on",
    ]


def test_what_no_policy_matches_and_what_is_a_heartbeat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are said in a line."""
    check(tmp_path, "--labels", "severity=page")
    assert "no policy matches: slack (the destinations of source default)" in capsys.readouterr().out
    check(tmp_path, "--labels", "alertname=Watchdog")
    assert "heartbeat watchdog: opens no incident; missed after 5 min" in capsys.readouterr().out


def test_all_mistakes_are_told_at_once_by_key(tmp_path: Path) -> None:
    """File, key, what was found, what is needed; in the shape first, then between sections."""
    shape = CONFIG.replace("after: 5m", "after: soon").replace("Europe/Berlin", "Europe/Berlim")
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, config=shape.replace("repeat:", "repat:").replace('"critical"', "=="))
    told = str(caught.value)
    for part in (
        "bridge.yaml: escalation.0.steps.1.after: found 'soon', need a span of time such as 90s, 5m",
        "escalation.1.quiet_hours.zone: found 'Europe/Berlim', need a time zone",
        "escalation.0.repat: found an unknown key, did you mean repeat?",
        "escalation.0.match.0: found 'severity===', need a matcher",
    ):
        assert part in told
    meant = CONFIG.replace("to: [pager]", "to: [nobody]").replace("after: 15m", "after: 1m")
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, config=meant.replace("name: others", "name: critical").replace("5m}}", "5s}}"))
    told = str(caught.value)
    for part in (
        "escalation.0.steps.1.to: found nobody, need one of chat, pager, slack",
        "escalation.0.steps.2.after: found an earlier time",
        "escalation.1.name: found critical twice",
        "heartbeats.watchdog.deadline: found 5 seconds, need 30s or more",
    ):
        assert part in told


@pytest.mark.parametrize("labels", ["severity", "=x", "a b=c"])
def test_labels_that_are_none_are_refused(labels: str) -> None:
    """With what is needed."""
    with pytest.raises(ConfigError, match="need NAME=VALUE"):
        parse_labels(labels)


def test_times_and_sources_are_checked(tmp_path: Path) -> None:
    """A time without a zone is UTC."""
    assert parse_time("1970-01-01T00:01") == parse_time("1970-01-01T01:01+01:00") == 60
    with pytest.raises(ConfigError, match="need a time"):
        parse_time("noon")
    with pytest.raises(ConfigError, match="need one of default"):
        check(tmp_path, "--source", "east")
