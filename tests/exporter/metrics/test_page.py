from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from exporter.metrics import FAMILIES
from exporter.metrics.page import LABELS, metrics_page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"


def test_the_page_is_the_table() -> None:
    """A metric that is new, gone or means something else shows in the docs."""
    stale = "docs/metrics.md is stale: run python -m exporter.metrics > docs/metrics.md"
    assert PAGE.read_text(encoding="utf-8") == metrics_page(FAMILIES), stale


def test_every_family_and_label_is_on_it() -> None:
    """Each has one row; a label without a bound is refused by the page itself."""
    page = metrics_page(FAMILIES)
    for family in FAMILIES:
        assert page.count(f"| `{family.name}` |") == 1
    assert set(LABELS) == {label for family in FAMILIES for label in family.labels}


def test_the_module_prints_it() -> None:
    """As its first lines say how it is made."""
    ran = subprocess.run(
        [sys.executable, "-m", "exporter.metrics"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == metrics_page(FAMILIES)
