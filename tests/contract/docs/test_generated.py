"""Pages that are written by code are what the code writes."""

from __future__ import annotations

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
