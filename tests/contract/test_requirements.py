"""The locks name exact versions with hashes, and no address."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from pathlib import Path

OWN_EXTRAS = {"spark": "spark.txt", "airflow": "airflow.txt", "mlflow": "mlflow.txt"}
"""Extras whose packages do not go with those of the others, and the lock of the environment they have."""

LOCKS = ("run.txt", "dev.txt", *OWN_EXTRAS.values())
RUN_EXTRAS = ("bridge", "cli", "multivariate")
"""What the extra `demo` is made of."""

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>.+?))? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def _pins(path: Path) -> dict[str, set[str]]:
    """Name to versions; the version may depend on the Python."""
    pins: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := PIN.match(line):
            pins.setdefault(canonicalize_name(found["name"]), set()).add(found["version"])
    return pins


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(root: Path, lock: str) -> None:
    """Every line is a pin or one of its hashes, and every pin has at least one."""
    pinned = False
    for number, line in enumerate((root / "requirements" / lock).read_text("utf-8").splitlines(), start=1):
        where = f"requirements/{lock}:{number}: {line}"
        if PIN.match(line):
            assert not pinned, f"the pin before {where} has no hash"
            pinned = True
        else:
            assert HASH.match(line), where
            pinned = False
    assert not pinned


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(root: Path, lock: str) -> None:
    """Packages come from whatever index the user's own pip asks."""
    text = (root / "requirements" / lock).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"index-url|find-links|trusted-host|@ ", text)


def test_the_two_locks_agree(root: Path) -> None:
    """What is tested is what runs: development adds packages and changes no version."""
    run, dev = (_pins(root / "requirements" / lock) for lock in ("run.txt", "dev.txt"))
    assert run.items() <= dev.items()


def test_every_declared_dependency_is_locked_within_its_bounds(root: Path) -> None:
    """A bound that was raised without a new lock is seen here."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    pins_of = {lock: _pins(root / "requirements" / lock) for lock in LOCKS}
    core, groups = project["project"]["dependencies"], project["dependency-groups"]
    extras = project["project"]["optional-dependencies"]
    # What the demo does not run is locked for the tests alone.
    demo = {"demo", *RUN_EXTRAS}
    tested = [r for name in extras.keys() - demo - OWN_EXTRAS.keys() for r in extras[name]]
    held = {
        "run.txt": [*core, *(r for name in demo for r in extras[name])],
        "dev.txt": [*tested, *groups["dev"]],
        **{lock: [*core, *extras[name], *groups["engines"]] for name, lock in OWN_EXTRAS.items()},
    }
    for lock, texts in held.items():
        pins = pins_of[lock]
        for text in texts:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if name == "driftgauge":
                continue
            assert name in pins, f"{lock}: {name} is not locked"
            for version in pins[name]:
                assert requirement.specifier.contains(version), (
                    f"{name} {version} is not {requirement.specifier}"
                )


def test_the_dashboards_builder_is_pinned_exactly(root: Path) -> None:
    """Unpinned, the newest on the index is a line for Grafana 10."""
    assert _pins(root / "requirements/dev.txt")["grafana-foundation-sdk"] == {"0.0.21"}
    assert '"grafana-foundation-sdk==0.0.21"' in (root / "pyproject.toml").read_text("utf-8")
