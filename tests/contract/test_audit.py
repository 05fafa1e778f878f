"""`make audit` tells findings, nothing found and nothing asked apart."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"name": "numpy", "version": "2.0", "vulns": []}
BAD = {"name": "urllib3", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.0"]}]}
SKIPPED = {"name": "scipy", "skip_reason": "not found"}


@pytest.fixture(scope="module")
def audit() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / "scripts/audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([GOOD], 0, "1 of 1 packages looked up, no known vulnerability"),
        ([GOOD, BAD], 1, "urllib3 1.0: PYSEC-1, mended in 2.0"),
        ([GOOD, SKIPPED], 0, "NOT COMPLETE: 1 of 2 packages looked up"),
        ([SKIPPED], 0, "NOT COMPLETE: 0 of 1 packages looked up"),
        ([SKIPPED, BAD], 1, "1 of 2 packages looked up, found"),
    ],
)
def test_only_a_finding_fails_and_what_was_not_asked_is_told(
    audit: Any, packages: list[Any], code: int, words: str
) -> None:
    """A package that was not found is no all-clear, and no failure."""
    found = audit.verdict(json.dumps({"dependencies": packages}), "No known vulnerabilities found")
    assert found[0] == code
    assert words in found[1]


def test_a_database_that_cannot_be_reached_is_told_and_no_failure(audit: Any) -> None:
    """A machine without network can be checked, and does not look as if it had been audited."""
    code, words = audit.verdict("", "Traceback\nrequests.exceptions.ConnectionError: no such host")
    assert (code, "NOT DONE" in words, "no such host" in words) == (0, True, True)


def test_a_broken_audit_fails(audit: Any) -> None:
    """Its absence must not look like an absent network."""
    assert audit.verdict("", "python: No module named pip_audit")[0] == 2


def test_the_audit_is_of_the_lock_and_part_of_the_check(audit: Any) -> None:
    """What users install is what is looked up, whenever a developer checks."""
    assert str(ROOT / "requirements/run.txt") in audit.command()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    check = next(line for line in makefile.splitlines() if line.startswith("check:"))
    assert "audit" in check.partition("##")[0].split()
