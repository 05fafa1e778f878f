"""Local variants of the shipped Prometheus and Alertmanager configuration: other addresses, shorter times.

They are derived from `config/*.yaml` and `alerting/rules/*.yaml`, so that what a demo or a test runs is what
a deployment runs; only addresses, paths and durations differ. Nothing here starts a process or writes a file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from exporter.errors import ConfigError

from .resources import config_dir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Duration = str | float
    """A Prometheus duration such as `"30s"`, or seconds."""

_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
"""The units of Prometheus's durations; it counts a year as 365 days."""

_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")

_SCALED_KEYS = ("for", "keep_firing_for")


def prometheus_config(
    model_targets: Sequence[str],
    bridge_target: str,
    alertmanager_target: str,
    rules_dir: Path,
    *,
    scrape_interval: Duration,
    evaluation_interval: Duration,
    prometheus_target: str | None = None,
    retraining_target: str | None = None,
    token_file: Path | None = None,
    grafana_url: str = "",
    docs_url: str = "",
) -> str:
    """Prometheus configuration for programs on this machine.

    Parameters
    ----------
    model_targets : sequence of str
        `host:port` of every program that exports a model.
    bridge_target, alertmanager_target : str
        `host:port` of the two.
    rules_dir : Path
        Folder of the `*.rules.yaml` files to load.
    scrape_interval, evaluation_interval : str or float
        Prometheus durations, or seconds.
    prometheus_target : str, optional
        `host:port` of this Prometheus; without it, it does not scrape itself.
    retraining_target : str, optional
        `host:port` of the retraining service, asked without credentials; without it, it is not scraped.
    token_file : Path, optional
        File with the bridge's bearer token; without it, no credentials are sent.
    grafana_url, docs_url : str
        Bases of the links in alerts; empty when there is no such place.

    Returns
    -------
    str
        YAML.
    """
    config = _load("prometheus.yaml")
    interval = duration(scrape_interval)
    config["global"] |= {
        "scrape_interval": interval,
        "scrape_timeout": min(interval, config["global"]["scrape_timeout"], key=seconds),
        "evaluation_interval": duration(evaluation_interval),
        "external_labels": {"grafana_url": grafana_url, "docs_url": docs_url},
    }
    config["rule_files"] = [str(rules_dir / "*.rules.yaml")]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager_target]}]}]
    targets = {
        "model": list(model_targets),
        "bridge": [bridge_target],
        "retraining": [retraining_target] if retraining_target else [],
        "alertmanager": [alertmanager_target],
        "prometheus": [prometheus_target] if prometheus_target else [],
    }
    config["scrape_configs"] = [
        _job(job, targets[job["job_name"]], token_file if job["job_name"] == "bridge" else None)
        for job in config["scrape_configs"]
        if targets[job["job_name"]]
    ]
    return _dump(config)


def alertmanager_config(
    bridge_url: str,
    group_wait: Duration,
    group_interval: Duration,
    repeat_interval: Duration,
    *,
    token_file: Path | None = None,
) -> str:
    """Alertmanager configuration that posts to one bridge on this machine.

    Parameters
    ----------
    bridge_url : str
        Where the bridge takes webhooks, such as `http://127.0.0.1:9109/alertmanager`.
    group_wait, group_interval, repeat_interval : str or float
        Prometheus durations, or seconds. Routes of the shipped file that would wait longer are cut to these.
    token_file : Path, optional
        File with the bridge's bearer token; without it, no credentials are sent.

    Returns
    -------
    str
        YAML.
    """
    config = _load("alertmanager.yaml")
    limits = {
        "group_wait": duration(group_wait),
        "group_interval": duration(group_interval),
        "repeat_interval": duration(repeat_interval),
    }
    config["route"] |= limits
    for route in config["route"]["routes"]:
        for key, limit in limits.items():
            if key in route:
                route[key] = min(route[key], limit, key=seconds)
    for receiver in config["receivers"]:
        for webhook in receiver.get("webhook_configs", ()):
            webhook["url"] = bridge_url
            if token_file is None:
                webhook.pop("http_config", None)
            else:
                webhook["http_config"]["authorization"]["credentials_file"] = str(token_file)
    return _dump(config)


def local_rules(rules: Path, time_scale: float) -> Mapping[str, str]:
    """Rule files whose waiting times are multiplied, for a demo that does not wait for minutes.

    Expressions stay as they are; groups lose their own `interval` and follow Prometheus's.

    Parameters
    ----------
    rules : Path
        Folder of the `*.rules.yaml` files.
    time_scale : float
        Above 0; 0.1 turns `for: 1m` into six seconds.

    Returns
    -------
    mapping of str to str
        File name to YAML.
    """
    if not time_scale > 0:
        raise ConfigError(f"time_scale: found {time_scale}, need a number above 0")
    files = {}
    for path in sorted(rules.glob("*.rules.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in content["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                for key in _SCALED_KEYS:
                    if key in rule:
                        rule[key] = duration(seconds(rule[key]) * time_scale)
        files[path.name] = _dump(content)
    return files


def duration(value: Duration) -> str:
    """A Prometheus duration, whole milliseconds, from one or from seconds.

    Examples
    --------
    >>> duration(0.5), duration(90), duration("5m")
    ('500ms', '90s', '5m')
    """
    if isinstance(value, str):
        seconds(value)
        return value
    milliseconds = round(value * 1000)
    if milliseconds < 0:
        raise ConfigError(f"duration: found {value} seconds, need 0 or more")
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def seconds(value: str) -> float:
    """Seconds of a Prometheus duration.

    Examples
    --------
    >>> seconds("1h30m"), seconds("250ms"), seconds("0")
    (5400.0, 0.25, 0.0)
    """
    if value == "0":
        return 0.0
    parts = _DURATION.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ConfigError(f"duration: found {value!r}, need one such as 30s, 5m or 1h30m")
    return float(sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts))


def _job(job: dict[str, Any], targets: list[str], token_file: Path | None) -> dict[str, Any]:
    """A scrape job with other targets, and other credentials or none."""
    changed = job | {"static_configs": [{"targets": targets}]}
    if "authorization" in job:
        del changed["authorization"]
        if token_file is not None:
            changed["authorization"] = job["authorization"] | {"credentials_file": str(token_file)}
    return changed


def _load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((config_dir() / name).read_text(encoding="utf-8"))
    return content


def _dump(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=10_000, allow_unicode=True)
