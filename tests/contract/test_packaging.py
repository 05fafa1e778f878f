"""A wheel built from the tree has everything that a command needs outside a clone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

USES = """
from driftgauge.resources import config_dir, dashboards_dir, rules_dir
from driftgauge.stack_config import alertmanager_config, local_rules, prometheus_config

assert "site" in str(rules_dir()) and "site" in str(config_dir()) and "site" in str(dashboards_dir())
assert len(list(dashboards_dir().glob("*.json"))) >= 5
assert len(local_rules(rules_dir(), 0.1)) >= 6
targets = (["h:9108"], "h:9109", "h:9093", rules_dir())
assert "9108" in prometheus_config(*targets, scrape_interval=1, evaluation_interval=1)
assert "http://h/x" in alertmanager_config("http://h/x", 1, 2, 3)
"""
"""Run with the unpacked wheel alone."""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(out),
        str(root),
    ]
    if importlib.util.find_spec("hatchling"):
        command.append(
            "--no-build-isolation"
        )  # otherwise pip fetches hatchling into an environment of its own
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Names of the files in it."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _shipped(root: Path, folder: str, *patterns: str) -> set[str]:
    return {str(path.relative_to(root)) for pattern in patterns for path in (root / folder).rglob(pattern)}


def test_it_carries_rules_configuration_and_dashboards(root: Path, names: set[str]) -> None:
    """Every file that `driftgauge.resources` looks for in a clone is in the wheel, where it looks there."""
    rules = _shipped(root, "alerting/rules", "*.rules.yaml")
    config = {f"driftgauge/_share/{name}" for name in _shipped(root, "config", "*.yaml")}
    dashboards = {f"driftgauge/_share/{name}" for name in _shipped(root, "dashboards", "*.json")}
    assert rules
    assert config
    assert dashboards
    assert rules | config | dashboards <= names


def test_it_carries_the_code_its_types_and_the_command(root: Path, wheel: Path, names: set[str]) -> None:
    """All modules of the three packages, their markers, and `driftgauge`."""
    for package in ("exporter", "alerting", "driftgauge"):
        assert _shipped(root, package, "*.py", "py.typed", "page.html.j2", "page.css", "page.js") <= names
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "driftgauge = driftgauge.cli:main" in archive.read(entry).decode()


def test_it_carries_nothing_else(names: set[str]) -> None:
    """No tests, no caches, no secrets, no second copy of the rules."""
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"exporter", "alerting", "driftgauge"}
    assert not [name for name in names if "__pycache__" in name or ".env" in name or "token" in name.lower()]
    assert not [name for name in names if name.startswith("driftgauge/_share/alerting")]


def test_outside_a_clone_rules_and_configuration_are_found(wheel: Path, tmp_path: Path) -> None:
    """The unpacked wheel alone renders the whole stack's configuration."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    result = subprocess.run(
        [sys.executable, "-c", USES],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
