"""Fragments of YAML, each read by the loader of the file that it belongs to."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from alerting.config import load_config as load_bridge
from alerting.config_file import File as BridgeFile
from alerting.retraining.config import load_config as load_retraining
from alerting.retraining.config_file import File as RetrainingFile
from driftgauge.rules.objectives import read_objectives
from exporter.config import _File as ExporterFile
from exporter.config import load_config as load_exporter

SECRET: Final = "a" * 32
"""What every file of a secret holds; as long as an integration key of PagerDuty."""

SECRET_FILES: Final = ("token_file", "secret_file", "routing_key_file", "ca_file")
"""Ends of keys that name one; certificates are looked for as well."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "SLACK_BOT_TOKEN": "xoxb-docs",
    "PAGERDUTY_ROUTING_KEY": SECRET,
    "ALERT_EMAILS": "ml-oncall@example.org",
}

PROMETHEUS_KEYS: Final = (
    "global", "rule_files", "scrape_configs", "alerting", "remote_write", "remote_read", "storage",
)  # fmt: skip
ALERTMANAGER_KEYS: Final = ("route", "receivers", "inhibit_rules", "time_intervals", "templates")

KEYS: Final[Mapping[str, frozenset[str]]] = {
    "exporter.yaml": frozenset(ExporterFile.model_fields),
    "bridge.yaml": frozenset(BridgeFile.model_fields),
    "retraining.yaml": frozenset(RetrainingFile.model_fields),
    "slo.yaml": frozenset({"window", "objectives", "models"}),
    "prometheus.yaml": frozenset(PROMETHEUS_KEYS),
    "alertmanager.yaml": frozenset(ALERTMANAGER_KEYS),
    "x.rules.yaml": frozenset({"groups"}),
}
"""File to the sections it may have. A fragment belongs to the files that know all of its sections."""

OURS: Final = ("exporter.yaml", "bridge.yaml", "retraining.yaml", "slo.yaml")


def read(text: str, folder: Path) -> None:
    """Put a fragment into the copies of the files in `folder/config` that it may belong to, and load those.

    Of several files one has to take it; it stays there, so that the page's later fragments find it.
    """
    fragment = yaml.safe_load(text)
    assert isinstance(fragment, dict), f"found {type(fragment).__name__}, need sections of a file"
    files = [name for name, keys in KEYS.items() if set(fragment) <= keys]
    assert files, f"found sections {', '.join(fragment)}, need those of one of {', '.join(KEYS)}"
    problems = [_put(fragment, folder / "config" / name) for name in files]
    assert None in problems, "; ".join(str(problem) for problem in problems)


def _put(fragment: dict[str, Any], path: Path) -> str | None:
    """Load a file with the sections beside what it has in them, else in its place; what is wrong."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = (yaml.safe_load(before) or {}) if path.name in OURS else {}
    beside = {key: _merged(whole.get(key), value) for key, value in fragment.items()}
    problem = ""
    for sections in (beside, fragment):
        content = {**whole, **_with_secrets(sections, path.parent)}
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        try:
            LOADERS[path.name](path)
        except (ValueError, AssertionError) as error:
            problem = problem or f"{path.name}: {error}"
        else:
            return None
    path.write_text(before, encoding="utf-8")
    return problem


def _merged(old: Any, new: Any) -> Any:
    """Sections of names keep those that the fragment does not have."""
    return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new


def _with_secrets(value: Any, folder: Path) -> Any:
    """The same, with a file for each secret it names."""
    if isinstance(value, list):
        return [_with_secrets(entry, folder) for entry in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, entry in value.items():
        if str(key).endswith(SECRET_FILES) and entry:
            path = folder / Path(entry).name
            path.write_text(SECRET, encoding="utf-8")
            result[key] = path.name
        else:
            result[key] = _with_secrets(entry, folder)
    return result


def _exporter(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    store = content.get("store", {})
    server = store.get("type", "memory") not in ("memory", "sqlite") and not store.get("url")
    environment = {"STREAM_PASSWORD": SECRET} if "stream" in content else {}
    if server:
        environment["FEATURE_STORE_URL"] = f"{store['type']}://db.example.org/window"
    load_exporter(path, environment)


def _tool(*command: str) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return check


def _alertmanager(path: Path) -> None:
    """A fragment of receivers alone is given a route to the first of them."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "route" not in content:
        content["route"] = {"receiver": content["receivers"][0]["name"]}
    content.setdefault("receivers", [{"name": content["route"]["receiver"]}])
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    _tool("amtool", "check-config")(path)


LOADERS: Final[Mapping[str, Callable[[Path], object]]] = {
    "exporter.yaml": _exporter,
    "bridge.yaml": lambda path: load_bridge(path, ENVIRONMENT),
    "retraining.yaml": lambda path: load_retraining(path, {}),
    "slo.yaml": read_objectives,
    "prometheus.yaml": _tool("promtool", "check", "config", "--syntax-only"),
    "alertmanager.yaml": _alertmanager,
    "x.rules.yaml": _tool("promtool", "check", "rules"),
}
