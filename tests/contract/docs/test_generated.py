"""Pages that are written by code are what the code writes."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from .blocks import ROOT


@pytest.mark.parametrize("script", ["scripts/alerts.py", "scripts/configuration.py"])
def test_a_written_page_is_up_to_date(script: str) -> None:
    """Whoever changes a rule or a setting runs the script; what needs words and has none is named."""
    done = subprocess.run(
        [sys.executable, str(ROOT / script), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_upgrading_tells_the_versions_of_the_formats() -> None:
    """Each row of the table names a constant and its value."""
    text = (ROOT / "docs/upgrading.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| (\d+) \| `([\w.]+)\.([A-Z_]+)` \|", text, flags=re.MULTILINE)
    assert len(rows) > 8
    for version, module, name in rows:
        assert getattr(importlib.import_module(module), name) == int(version), f"{module}.{name}"
