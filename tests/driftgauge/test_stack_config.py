"""The local variants keep the shape of what is shipped, and the real tools accept them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from driftgauge.resources import config_dir, rules_dir
from driftgauge.stack_config import alertmanager_config, duration, local_rules, prometheus_config, seconds

if TYPE_CHECKING:
    from pathlib import Path


def _check(*command: str | Path) -> str:
    """Output of a checking tool of Prometheus, which must be installed and be content."""
    program, *arguments = map(str, command)
    path = shutil.which(program)
    assert path is not None, f"{program} is not installed; Debian: prometheus, prometheus-alertmanager"
    result = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def _prometheus(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model_targets": ["127.0.0.1:9108", "127.0.0.1:9208"],
        "bridge_target": "127.0.0.1:9109",
        "alertmanager_target": "127.0.0.1:9093",
        "rules_dir": tmp_path,
        "scrape_interval": "1s",
        "evaluation_interval": 0.5,
    }
    config: dict[str, Any] = yaml.safe_load(prometheus_config(**(arguments | changes)))
    return config


def test_promtool_accepts_the_local_prometheus_configuration(tmp_path: Path) -> None:
    """The rendered file and the rules it names pass `promtool check config`."""
    for name, text in local_rules(rules_dir(), 0.1).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    config = tmp_path / "prometheus.yaml"
    config.write_text(yaml.safe_dump(_prometheus(tmp_path)), encoding="utf-8")
    output = _check("promtool", "check", "config", config)
    assert f"{len(list(rules_dir().glob('*.rules.yaml')))} rule files found" in output


@pytest.mark.parametrize("with_token", [False, True])
def test_amtool_accepts_the_local_alertmanager_configuration(tmp_path: Path, with_token: bool) -> None:
    """The rendered file passes `amtool check-config`, with and without credentials."""
    token = tmp_path / "token"
    token.write_text("secret", encoding="utf-8")
    config = tmp_path / "alertmanager.yaml"
    text = alertmanager_config(
        "http://127.0.0.1:9109/alertmanager", "1s", "2s", "1h", token_file=token if with_token else None
    )
    config.write_text(text, encoding="utf-8")
    _check("amtool", "check-config", config)
    assert (str(token) in text) is with_token


def test_targets_and_times_are_the_given_ones(tmp_path: Path) -> None:
    """Every address and interval of the shipped file is replaced, and nothing else."""
    config = _prometheus(tmp_path, grafana_url="http://127.0.0.1:3000")
    shipped = yaml.safe_load((config_dir() / "prometheus.yaml").read_text(encoding="utf-8"))
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert targets == {
        "model": ["127.0.0.1:9108", "127.0.0.1:9208"],
        "bridge": ["127.0.0.1:9109"],
        "alertmanager": ["127.0.0.1:9093"],
    }
    assert config["global"] == {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "500ms",
        "external_labels": {"grafana_url": "http://127.0.0.1:3000", "docs_url": ""},
    }
    assert config["rule_files"] == [str(tmp_path / "*.rules.yaml")]
    assert config["alerting"]["alert_relabel_configs"] == shipped["alerting"]["alert_relabel_configs"]
    assert config.keys() == shipped.keys()


def test_credentials_are_sent_only_where_a_token_is_given(tmp_path: Path) -> None:
    """Without a token file the bridge is scraped openly, as a bridge on loopback allows."""
    jobs = {
        job["job_name"]: job for job in _prometheus(tmp_path, token_file=tmp_path / "t")["scrape_configs"]
    }
    assert jobs["bridge"]["authorization"] == {"credentials_file": str(tmp_path / "t")}
    assert not [job for job in _prometheus(tmp_path)["scrape_configs"] if "authorization" in job]


def test_the_retraining_service_is_scraped_only_when_its_address_is_known(tmp_path: Path) -> None:
    """Under the job that its alerts ask for, and never with the bridge's token."""
    config = _prometheus(tmp_path, retraining_target="127.0.0.1:9120", token_file=tmp_path / "t")
    found = [job for job in config["scrape_configs"] if job["job_name"] == "retraining"]
    assert found == [{"job_name": "retraining", "static_configs": [{"targets": ["127.0.0.1:9120"]}]}]


def test_prometheus_scrapes_itself_only_when_its_address_is_known(tmp_path: Path) -> None:
    """The job of Prometheus itself appears with its target, and not without."""
    config = _prometheus(tmp_path, prometheus_target="127.0.0.1:9090")
    assert config["scrape_configs"][-1] == {
        "job_name": "prometheus",
        "static_configs": [{"targets": ["127.0.0.1:9090"]}],
    }


def test_no_route_waits_longer_than_asked() -> None:
    """Routes with longer times of their own are capped; the Watchdog's shorter ones stay."""
    config = yaml.safe_load(alertmanager_config("http://127.0.0.1:1/alertmanager", 1, "2s", "30s"))
    limits = {"group_wait": 1, "group_interval": 2, "repeat_interval": 30}
    for route in (config["route"], *config["route"]["routes"]):
        for key, limit in limits.items():
            assert seconds(route.get(key, "0")) <= limit
    assert config["route"]["routes"][0]["group_wait"] == "0s"


def test_every_webhook_points_at_the_local_bridge() -> None:
    """No address of the containers is left."""
    text = alertmanager_config("http://127.0.0.1:1/alertmanager", "1s", "2s", "30s")
    hooks = [hook for r in yaml.safe_load(text)["receivers"] for hook in r.get("webhook_configs", ())]
    assert hooks
    assert {hook["url"] for hook in hooks} == {"http://127.0.0.1:1/alertmanager"}


def test_local_rules_shorten_waiting_times_and_nothing_else() -> None:
    """Expressions, labels and annotations are the shipped ones; `for` and `keep_firing_for` are a tenth."""
    waits = 0
    for name, text in local_rules(rules_dir(), 0.1).items():
        shipped = yaml.safe_load((rules_dir() / name).read_text(encoding="utf-8"))
        for local_group, group in zip(yaml.safe_load(text)["groups"], shipped["groups"], strict=True):
            for local, rule in zip(local_group["rules"], group["rules"], strict=True):
                for key in ("for", "keep_firing_for"):
                    if key in rule:
                        waits += 1
                        assert seconds(local.pop(key)) == pytest.approx(seconds(rule.pop(key)) / 10, abs=5e-4)
                assert local == rule
    assert waits > 0


@pytest.mark.parametrize("bad", ["", "5", "1.5s", "5 m", "m5", "-5s"])
def test_a_bad_duration_is_refused_with_what_is_needed(bad: str) -> None:
    """Anything Prometheus would refuse is refused here, before a file is written."""
    with pytest.raises(ValueError, match="need one such as 30s"):
        duration(bad)


def test_a_negative_duration_and_a_zero_scale_are_refused(tmp_path: Path) -> None:
    """Numbers are checked like text."""
    with pytest.raises(ValueError, match="need 0 or more"):
        duration(-1)
    with pytest.raises(ValueError, match="need a number above 0"):
        local_rules(tmp_path, 0)
