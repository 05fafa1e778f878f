"""Imports go one way, and the pure middle touches nothing outside itself."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "exporter": (
        ("errors", "observation", "pauses"),
        ("blocks",),
        ("statistics", "columns", "quality", "performance", "sequential"),
        ("reference", "windows", "policy"),
        ("findings", "report"),
        ("stores", "metrics"),
        ("config",),
        ("predictor", "monitor", "rollout"),
        ("cli",),
    ),
    "alerting": (
        ("errors", "payload"),
        ("message", "escalation"),
        ("outbox",),
        ("slack", "pagerduty", "email", "webhook"),
        ("delivery",),
        ("intake", "retraining"),
        ("app",),
        ("cli",),
    ),
}
"""The order of imports: a room imports from its own layer and from lower ones, directly or through any other
module. Modules that are not named here stand between those that they import and those that import them."""

PURE = {
    "exporter": (
        "statistics",
        "blocks",
        "pauses",
        "columns",
        "observation",
        "policy",
        "hysteresis",
        "findings",
        "report",
        "multivariate",
        "sequential",
        "performance",
        "estimation",
        "quality",
        "fairness",
        "feedback",
        "labelling",
        "business",
        "rollout/comparison",
        "rollout/delong",
        "rollout/evidence",
        "rollout/losses",
        "rollout_policy",
        "rollout/routing",
        "rollout/state",
    ),
    "alerting": (
        "payload",
        "message",
        "buttons",
        "guidance",
        "thread",
        "look",
        "first_commands",
        "signature",
        "matchers",
        "hours",
        "escalation",
        "retraining/cause",
        "retraining/decision",
        "retraining/policy",
    ),
}
"""Values in, values out: no file, socket, thread, clock, log or metric."""

IMPURE = {
    "asyncio", "fcntl", "http", "logging", "os", "pathlib", "prometheus_client", "requests", "shutil",
    "signal", "socket", "sqlite3", "ssl", "starlette", "subprocess", "tempfile", "threading", "time",
    "uvicorn", "yaml",
}  # fmt: skip
"""Modules that a pure one has no use for."""

Name = tuple[str, ...]


@cache
def _imports(path: Path) -> tuple[Name, ...]:
    """Full names of what a file imports when it runs; an import for types alone does not count."""
    within = path.relative_to(ROOT).parts[:-1]
    found: list[Name] = []
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = within[: len(within) - node.level + 1] if node.level else ()
            target = (*base, *(node.module.split(".") if node.module else ()))
            found += [(*target, alias.name) for alias in node.names]
    return tuple(found)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            yield child
            yield from _running(child)


def _files(package: str, room: str = "**") -> list[Path]:
    """Files of a package, or of one of its modules or subpackages."""
    folder = ROOT / package
    if room == "**":
        return sorted(folder.rglob("*.py"))
    return sorted((folder / room).rglob("*.py")) or [
        path for path in [folder / f"{room}.py"] if path.exists()
    ]


def _file_of(name: Name) -> Path | None:
    """File of ours that a full name stands for: a module, or something inside one."""
    for length in range(len(name), 0, -1):
        path = ROOT.joinpath(*name[:length])
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
        if (path / "__init__.py").is_file():
            return path / "__init__.py"
    return None


@cache
def _reached(path: Path) -> frozenset[Path]:
    """Files of the same package that a file needs, directly or through others."""
    package = path.relative_to(ROOT).parts[0]
    reached: set[Path] = set()
    waiting = [path]
    while waiting:
        for name in _imports(waiting.pop()):
            found = _file_of(name) if name[0] == package else None
            # The package's own __init__ only gathers names; nothing inside needs it.
            if found is not None and found not in reached and found != ROOT / package / "__init__.py":
                reached.add(found)
                waiting.append(found)
    return frozenset(reached)


@pytest.mark.parametrize(("package", "other"), [("exporter", "alerting"), ("alerting", "exporter")])
def test_the_two_packages_never_import_each_other(package: str, other: str) -> None:
    """They meet in metric names and in Alertmanager's webhook, and nowhere else; nor in the command line."""
    for path in _files(package):
        for name in _imports(path):
            assert name[0] not in {other, "driftgauge", "dashboards", "tests"}, f"{path}: {'.'.join(name)}"


@pytest.mark.parametrize("package", sorted(LAYERS))
def test_a_room_imports_only_from_its_layer_and_lower_ones(package: str) -> None:
    """Data flows one way, and so do imports."""
    layers = LAYERS[package]
    level = {
        path: number
        for number, rooms in enumerate(layers)
        for room in rooms
        for path in _files(package, room)
    }
    assert level
    for path, own in level.items():
        for found in _reached(path):
            assert level.get(found, own) <= own, f"{path} reaches {found}, which is a higher layer"


@pytest.mark.parametrize("package", sorted(LAYERS))
def test_rooms_form_no_circle(package: str) -> None:
    """Two rooms that need each other are one; within a room, a module may know its neighbour."""
    needs: dict[str, set[str]] = {}
    for path in _files(package):
        room = _room(path)
        for name in _imports(path):
            found = _file_of(name) if name[0] == package else None
            if found is not None and "__init__" not in {room, _room(found)}:
                needs.setdefault(room, set()).add(_room(found))
    for room, direct in needs.items():
        reached: set[str] = set()
        waiting = [other for other in direct if other != room]
        while waiting:
            reached.add(other := waiting.pop())
            waiting += needs.get(other, set()) - reached - {other}
        assert room not in reached, f"{package}.{room} needs {sorted(reached)}, and they need it"


def _room(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[1]


@pytest.mark.parametrize("package", sorted(PURE))
def test_pure_modules_reach_nothing_outside(package: str) -> None:
    """What is pure can be tested by values, and runs anywhere; this holds for all that it imports, too."""
    for room in PURE[package]:
        for path in _files(package, room):
            for reached in {path, *_reached(path)}:
                for name in _imports(reached):
                    assert name[0] not in IMPURE, f"{path} reaches {reached}: {'.'.join(name)}"


def test_statistics_draw_no_numbers_of_their_own() -> None:
    """Random numbers come from a generator that is passed in, never from a global state."""
    allowed = {"Generator", "default_rng", "SeedSequence"}
    for path in _files("exporter"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                drawn = node.value.attr == "random" and node.attr not in allowed
                assert not drawn, f"{path}:{node.lineno}: np.random.{node.attr}"


@pytest.mark.parametrize("package", ["exporter", "alerting"])
def test_only_the_configuration_reads_the_environment(package: str) -> None:
    """A setting has one way in."""
    for path in _files(package):
        if path.stem == "config" or "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            reads = isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
            assert not reads, f"{path}: reads the environment"
