# ruff: noqa: INP001 - a script, not a package
"""Pictures of a running explorer for the documentation: `python scripts/explorer_images.py URL`.

They are of real flights when the explorer is the demo's. Needs playwright and a Chromium on PATH.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, ViewportSize

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"

TIMEOUT_MILLISECONDS = 120_000
"""A busy machine draws the page in ten seconds."""

SETTLED = """() => ["distribution", "score", "performance"].every((name) =>
  document.querySelector(`#${name}-words`)?.innerText &&
  document.querySelector(`#${name}-figure .main-svg .trace`))"""

DESK: ViewportSize = {"width": 1440, "height": 1560}
PHONE: ViewportSize = {"width": 390, "height": 1500}
"""What is on a desk's screen, and some turns of a thumb on a phone."""


def main(url: str) -> None:
    """Write both pictures."""
    pictures: tuple[tuple[str, ViewportSize, Literal["light", "dark"], float], ...] = (
        ("explorer", DESK, "light", 1.0),
        ("explorer-phone-dark", PHONE, "dark", 1.5),
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, viewport, scheme, scale in pictures:
            page = browser.new_page(viewport=viewport, color_scheme=scheme, device_scale_factor=scale)
            page.set_default_timeout(TIMEOUT_MILLISECONDS)
            page.goto(url)
            page.wait_for_function(SETTLED)
            page.locator("#incidents table").wait_for()
            cut: FloatRect = {"x": 0, "y": 0, **viewport}
            page.screenshot(path=IMAGES / f"{name}.png", clip=cut, animations="disabled")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
