"""A page in a real browser: it opens from a file without a network, and its script works."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from exporter import Report
from exporter.rendering import write_html

CHROMIUM = Path("/usr/bin/chromium")

# Without a browser CI fails rather than shows green for what it did not look at.
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists() and not os.environ.get("CI"), reason=f"needs {CHROMIUM}, which is not there"
)

PATIENCE_MS = 60_000
"""Until a browser on a busy machine is taken for stuck."""

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has no network."""
    context = browser.new_context(offline=True)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def opened(context: BrowserContext, report: Report, folder: Path, size: dict[str, int]) -> Page:
    """The page of a report; whatever it complains about, or asks for, fails the test."""
    target = folder / "report.html"
    write_html(report, target)
    page = context.new_page()
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))

    def asked(request: Request) -> None:
        if request.url != target.as_uri():
            complaints.append(request.url)

    page.on("request", asked)
    page.goto(target.as_uri())
    page.locator("#found").filter(has_text="features").wait_for()
    assert complaints == []
    return page


def visible_rows(page: Page) -> list[str]:
    """Features that are shown, in order."""
    names: list[str] = page.locator("#ranking tbody tr:visible .name").all_inner_texts()
    return names


@pytest.mark.parametrize("name", ["many", "hostile", "extreme"])
def test_a_page_opens_without_a_network(
    name: str, context: BrowserContext, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No error, no request, no script of the data's names."""
    page = opened(context, request.getfixturevalue(name), tmp_path, DESK)
    assert "features drifted" in page.locator("h1").inner_text()
    assert page.locator("svg.plot").count() >= 16


def test_the_list_is_filtered_by_name_and_state(
    context: BrowserContext, many: Report, tmp_path: Path
) -> None:
    """Lines and cards alike; everything is back when the fields are empty."""
    page = opened(context, many, tmp_path, DESK)
    assert page.locator("#found").inner_text() == "all 100 features"
    page.get_by_label("Name contains").fill("NUMBER_1")
    assert page.locator("#found").inner_text() == "5 of 100 features"
    assert sorted(visible_rows(page)) == [f"number_1{i}" for i in (1, 3, 5, 7, 9)]
    assert page.locator("article:visible").count() == 5
    page.get_by_label("Name contains").fill("")
    page.get_by_role("combobox", name="State").select_option("drift")
    assert sorted(visible_rows(page)) == sorted(many.drifted_features)
    page.get_by_role("combobox", name="State").select_option("")
    assert len(visible_rows(page)) == 100


def test_the_list_is_sorted_by_its_heads(context: BrowserContext, many: Report, tmp_path: Path) -> None:
    """Once up, once down, by text or by number, and it says which."""
    page = opened(context, many, tmp_path, DESK)
    head = page.get_by_role("button", name="feature")
    head.click()
    assert visible_rows(page) == sorted(many.features)
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("feature")
    head.press("Enter")
    assert visible_rows(page) == sorted(many.features, reverse=True)
    times = page.get_by_role("button", name="times threshold")
    times.click()
    times.click()
    shown = page.locator("#ranking td .ratio").all_inner_texts()
    ratios = [float(text) for text in shown]
    assert ratios == sorted(ratios, reverse=True)


@pytest.mark.parametrize(("name", "scheme"), [("hostile", "light"), ("extreme", "dark")])
def test_a_page_fits_a_phone(
    name: str, scheme: str, browser: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Wide tables scroll by themselves, the page does not; also with every table open."""
    context = browser.new_context(offline=True, color_scheme="dark" if scheme == "dark" else "light")
    context.set_default_timeout(PATIENCE_MS)
    page = opened(context, request.getfixturevalue(name), tmp_path, PHONE)
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 24, 28)" if scheme == "dark" else "rgb(255, 255, 255)")
    context.close()


def test_a_page_is_complete_without_script(browser: Browser, extreme: Report, tmp_path: Path) -> None:
    """Every feature is there; what only the script can do is not offered."""
    write_html(extreme, tmp_path / "report.html")
    context = browser.new_context(offline=True, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator("#ranking tbody tr").count() == len(extreme.features)
    assert not page.locator("#find").is_visible()
    assert page.locator("#ranking button").count() == 0
    context.close()


def test_paper_shows_every_table(context: BrowserContext, extreme: Report, tmp_path: Path) -> None:
    """Printing opens what is closed, and closes it again."""
    page = opened(context, extreme, tmp_path, DESK)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
