"""What a command reads from disk is found beside the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftgauge import resources
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_clone_has_rules_configuration_and_dashboards() -> None:
    """Each folder holds the files that its readers look for."""
    assert (resources.rules_dir() / "drift.rules.yaml").is_file()
    assert (resources.config_dir() / "prometheus.yaml").is_file()
    assert resources.dashboards_dir().is_dir()


def test_the_folder_inside_a_wheel_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed wheel has no folder `config` of its own beside the package, only `_share`."""
    (tmp_path / "config").mkdir()
    monkeypatch.setattr(resources, "_SHARE", tmp_path)
    assert resources.config_dir() == tmp_path / "config"


def test_a_missing_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which folder was looked for."""
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "driftgauge")
    monkeypatch.setattr(resources, "_SHARE", tmp_path / "driftgauge" / "_share")
    with pytest.raises(ConfigError, match="dashboards: not found"):
        resources.dashboards_dir()
