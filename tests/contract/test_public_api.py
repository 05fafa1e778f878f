"""`__all__` is what a package really offers."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import types
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NEEDS_AN_EXTRA = {"exporter.airflow.operators": "airflow"}
"""Modules that are subclasses of another library's classes, and the library."""

PUBLIC = ("exporter", "alerting")
"""What users import from. Their subpackages are rooms of ours."""


@pytest.mark.parametrize("package", PUBLIC)
def test_all_names_exactly_what_is_exported(package: str) -> None:
    """Every name in `__all__` exists, and every public name that is there is in `__all__`."""
    module = importlib.import_module(package)
    exported = getattr(module, "__all__", None)
    assert exported is not None, f"{package} has no __all__"
    assert len(set(exported)) == len(exported)
    missing = [name for name in exported if not hasattr(module, name)]
    assert missing == []
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and name != "annotations"
        and getattr(value, "__module__", package).split(".")[0] == package
    }
    assert public <= set(exported), f"{package}: exported without being in __all__: {public - set(exported)}"


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_says_what_it_is(package: str) -> None:
    """A class or function that users see has a docstring of its own."""
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type | types.FunctionType):
            assert value.__doc__, f"{package}.{name}"


@pytest.mark.parametrize("package", ["exporter", "alerting", "driftgauge"])
def test_packages_say_that_they_are_typed(package: str, root: Path) -> None:
    """Without py.typed a user's type checker sees nothing."""
    assert (root / package / "py.typed").is_file()


@pytest.mark.parametrize("package", ["exporter", "alerting"])
def test_every_module_can_be_imported_alone(package: str) -> None:
    """No module needs another to have been imported before it."""
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        if importlib.util.find_spec(NEEDS_AN_EXTRA.get(found.name, package)) is not None:
            importlib.import_module(found.name)
