from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import exporter.statistics
import exporter.statistics.multivariate

PACKAGES = [exporter.statistics, exporter.statistics.multivariate]
SOURCES = sorted(Path(inspect.getfile(exporter.statistics)).parent.rglob("*.py"))

# What the arithmetic may import: no files, network, clocks, metrics or logs.
ALLOWED = {
    "__future__",
    "collections",
    "concurrent",
    "dataclasses",
    "functools",
    "math",
    "numpy",
    "scipy",
    "sklearn",
    "typing",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_what_is_there(package: object) -> None:
    """Every public name is importable, has a docstring, and the list is complete."""
    names = package.__all__  # type: ignore[attr-defined]
    assert len(set(names)) == len(names)
    for name in names:
        assert inspect.getdoc(getattr(package, name)), name
    defined = {
        name for name, value in vars(package).items() if inspect.isclass(value) or inspect.isfunction(value)
    }
    assert defined <= set(names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_statistics_are_pure(path: Path) -> None:
    """No module here imports anything that reads, writes, waits or logs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= ALLOWED
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] in ALLOWED


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_global_random_state(path: Path) -> None:
    """Nothing here draws from, or seeds, the generator that the host application shares."""
    drawn = [
        node.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "random"
        and isinstance(node.value.value, ast.Name)
        and node.value.value.id == "np"
    ]
    assert set(drawn) <= {"Generator"}
