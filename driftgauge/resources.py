"""Where rules, configuration templates and dashboards lie, in a clone and in an installed wheel.

A wheel carries `config/` and `dashboards/` under `driftgauge/_share` (pyproject.toml says so); the rules are
part of the package `alerting` itself.
"""

from __future__ import annotations

from pathlib import Path

import alerting
from exporter.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent
_SHARE = _PACKAGE / "_share"


def rules_dir() -> Path:
    """Folder of the Prometheus rule files (`*.rules.yaml`)."""
    return _existing(Path(alerting.__file__).resolve().parent / "rules")


def config_dir() -> Path:
    """Folder of the configuration templates: Prometheus, Alertmanager, exporter, bridge, Grafana."""
    return _shared("config")


def dashboards_dir() -> Path:
    """Folder of the Grafana dashboards (`*.json`) and of their builder."""
    return _shared("dashboards")


def _shared(name: str) -> Path:
    installed = _SHARE / name
    return installed if installed.is_dir() else _existing(_PACKAGE.parent / name)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: not found, need the folder of a clone or of an installed wheel")
    return folder
