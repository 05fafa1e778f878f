"""The explorer as people use it: in a real Chromium, against a real stack."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from driftgauge.explorer.layout import PARTS

from .in_page import CONTRASTS, FORGET, IS_DUE, MARK, OPEN_AND_SCROLL, SETTLED, STANDING_STILL

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route, ViewportSize

    from .conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]

DRIFTING, SEGMENTED = "temp", "origin"
NASTY = 'wind "<b>speed</b>" \\ {x}'
DESK: ViewportSize = {"width": 1440, "height": 1000}
PHONE: ViewportSize = {"width": 390, "height": 844}
TIMEOUT_MILLISECONDS = 60_000
"""For what takes a second on an idle machine."""

TEXT_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3; every text here counts as small."""

ANSWERS = "**/_dash-update-component"

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """One page for all tests: loading it costs more than what they do with it."""
    # Colours that are on their way from one to another have a contrast that nobody reads.
    with browser.new_context(viewport=DESK, reduced_motion="reduce") as context:
        context.add_init_script(STANDING_STILL)
        found = context.new_page()
        found.set_default_timeout(TIMEOUT_MILLISECONDS)
        yield found


@pytest.fixture
def troubles(page: Page, stack: Stack) -> Iterator[list[str]]:
    """What was logged as an error, and requests of another host: at the end there is nothing of either."""
    found: list[str] = []
    own = (stack.explorer, stack.lonely, "data:", "blob:")
    listeners: dict[Any, Callable[[Any], None]] = {
        "console": lambda said: found.append(said.text) if said.type == "error" else None,
        "pageerror": lambda error: found.append(str(error)),
        "request": lambda asked: None if asked.url.startswith(own) else found.append(asked.url),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    yield found
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    assert found == []


@pytest.fixture
def opened(page: Page, stack: Stack, troubles: list[str]) -> Open:
    """Leads the page to a view: through its address where it is loaded already, as Back and Forward do."""

    def opener(search: str = "", *, base: str = "", loaded: bool = True) -> Page:
        address = base or stack.explorer
        _settled(page)  # a page that is left while it waits for an answer logs an error
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        if loaded and page.url.startswith(f"{address}/"):
            page.evaluate(
                "to => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate')); }",
                f"/{search}",
            )
        else:
            page.goto(f"{address}/{search}")
        page.wait_for_function("() => new URLSearchParams(location.search).has('model')")
        page.locator("#summary dt, #summary .notice").first.wait_for()
        _settled(page)
        return page

    return opener


def _query(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def _pick(page: Page, control: str, value: str) -> None:
    """Pick a value of a list with the mouse."""
    page.locator(f"#{control}").click()
    page.locator(".dash-dropdown-option", has_text=re.compile(f"^{re.escape(value)}$")).click()


def _choose(page: Page, control: str, value: str) -> None:
    """Pick a value, and wait until the address has it."""
    _pick(page, control, value)
    page.wait_for_function(
        "([name, value]) => new URLSearchParams(location.search).get(name) === value", arg=[control, value]
    )


def _says(page: Page, selector: str, text: str) -> None:
    """Wait until a part of the page says something."""
    page.locator(selector, has_text=text).first.wait_for()


def _settled(page: Page) -> None:
    """Wait until every answer is there that the page has asked for, and every one that follows from it."""
    page.wait_for_function(SETTLED)


def _asking(page: Page, part: str) -> AbstractContextManager[object]:
    """Within it, the page asks for a part again."""
    return page.expect_request(lambda asked: f"{part}-shown.data" in (asked.post_data or ""))


def _tick(page: Page) -> None:
    """The timer's next tick, ahead of its time."""
    page.evaluate("() => dash_clientside.set_props('timer', {n_intervals: Date.now()})")


def _refreshed(page: Page) -> None:
    """Let the page refresh by itself, and wait until it has."""
    with _asking(page, PARTS[-1]):
        _tick(page)
    _settled(page)


def test_it_opens_on_the_feature_that_drifts_most(opened: Open) -> None:
    """Without any choice: state, severity, distribution, score, tables, ranking and incidents are there."""
    page = opened(loaded=False)
    _says(page, "#summary", f"State of {DRIFTING}")
    _says(page, "#summary .pill", "drift")
    _says(page, "#distribution-words", f"values of {DRIFTING}. It differs most in")
    _says(page, "#score-words", "times its threshold of")
    _says(page, "#statistics tbody th", "PSI")
    _says(page, "#ranking li.chosen", DRIFTING)
    _says(page, "#performance-words", "estimated without outcomes")
    _says(page, "#quality", "Outside the reference")
    _says(page, "#incidents", "ModelDriftDetected")
    _says(page, "#alerts", f"{DRIFTING} of delay 1.2.0 has drifted")
    assert page.locator("#notices .notice, figure .notice").count() == 0
    page.locator("#distribution-figure .bars path").nth(10).wait_for(state="attached")


def test_every_control_changes_what_is_shown(opened: Open) -> None:
    """Each choice reaches the address and the part of the page that it is about."""
    page = opened()
    _choose(page, "test", "ks")
    _says(page, "#score-words", "Kolmogorov")
    _choose(page, "measure", "auc")
    _says(page, "#performance-words", "AUC of all rows")
    _choose(page, "window", "6h")
    _says(page, "#summary", "Rows in the window 6h")
    _choose(page, "span", "6h")
    _says(page, "#statistics th", "Mean of 6h")
    for chart, axis in (
        ("Histogram", "Density"),
        ("Difference", "Difference of shares"),
        ("Q\u2013Q", "Reference"),
    ):
        page.locator("#chart label", has_text=chart).click()
        _says(page, "#distribution-figure", axis)
    _choose(page, "feature", SEGMENTED)
    _says(page, "#summary", f"State of {SEGMENTED}")
    _settled(page)  # a link that is drawn again between press and release is not followed
    page.locator("#ranking a", has_text=DRIFTING).click()
    _says(page, "#summary", f"State of {DRIFTING}")
    _choose(page, "segment", "JFK")
    _says(page, "#score-words", "Worst score / threshold of any feature in the segment")
    _says(page, "#performance-words", "of JFK")
    _says(page, "#distribution-notice", "all segments together")
    page.locator("#until").fill("yesterday")
    page.locator("#until").press("Enter")
    _says(page, "#notices", "found 'yesterday', need a time")
    _choose(page, "model", "price")
    _says(page, "#summary", "State of size")
    assert _query(page)["version"] == "2"


def test_a_view_can_be_linked_to_and_refreshed(opened: Open) -> None:
    """The address alone leads to a view; what it asks for in vain is said; refreshing asks again."""
    page = opened(f"?feature={SEGMENTED}&span=5m&chart=qq&version=9")
    _says(page, "#summary", f"State of {SEGMENTED}")
    _says(page, "#notices", "version: found no '9' in this time range")
    _says(page, "#distribution-notice", "Shares up to each bin")
    with _asking(page, "summary"):
        page.locator("#refresh").click()
    _settled(page)
    told = page.locator("#refreshed").inner_text()
    assert told.startswith("as of "), "those who hear the page are told"
    with _asking(page, "summary"):
        _pick(page, "every", "5 s")
    _pick(page, "every", "off")
    _settled(page)
    assert page.locator("#refreshed").inner_text() == told, "of none that they did not ask for"


def test_what_has_not_changed_is_not_drawn_again(opened: Open) -> None:
    """The past stays as it is: a refresh leaves what shows it alone, and with it what a reader does there."""
    page = opened(f"?until={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}&version=9")
    _says(page, "#notices", "version: found no '9'")
    _says(page, "#summary", "Last check")
    parts = [f"#{name} > *" for name in ("summary", "statistics", "quality", "ranking", "distribution-table")]
    for part in parts:
        page.locator(part).first.wait_for(state="attached")
    ends = time.monotonic() + TIMEOUT_MILLISECONDS / 1_000
    page.evaluate(MARK, parts)
    while True:
        _refreshed(page)
        _refreshed(page)  # what the first one has drawn is there for sure when the second one is answered
        if page.evaluate("parts => parts.every((part) => document.querySelector(part).marked)", parts):
            break
        # Prometheus may still have written down what it had scraped before that moment.
        assert time.monotonic() < ends, "drawn again at each refresh"
        page.evaluate(MARK, parts)


def test_a_refresh_by_itself_leaves_the_reader_where_they_are(opened: Open) -> None:
    """Though it is drawn again: what has the focus keeps it, as does how far a part is scrolled or open."""
    page = opened()
    page.set_viewport_size(PHONE)
    page.evaluate(OPEN_AND_SCROLL)
    page.locator("#refresh").focus()
    page.locator("#ranking a", has_text=SEGMENTED).focus()  # by a script, so all at once, as no key does it
    parts = ("ranking", "statistics", "quality")
    page.evaluate(MARK, [f"#{name} > *" for name in parts])
    page.evaluate(FORGET, parts)
    _refreshed(page)
    for name in parts:
        page.wait_for_function("part => !document.querySelector(part).marked", arg=f"#{name} > *")
    page.wait_for_function("name => document.activeElement.innerText === name", arg=SEGMENTED)
    page.wait_for_function("() => document.querySelector('#statistics-table').scrollLeft === 60")
    page.wait_for_function("() => document.querySelector('#kinds').open")


def test_a_refresh_waits_for_the_one_before(opened: Open) -> None:
    """While an answer is awaited a tick asks for nothing; once it is there, or has failed, the next does."""
    page = opened()
    held: list[Route] = []
    page.route(ANSWERS, lambda route: held.append(route))  # noqa: PLW0108 - it keeps notes on functions
    with _asking(page, "navigation"):
        _tick(page)
    assert not page.evaluate(IS_DUE)
    page.unroute(ANSWERS)
    for route in held:
        route.continue_()
    _settled(page)
    assert page.evaluate(IS_DUE)
    page.evaluate("() => fetch('/', {signal: AbortSignal.abort()}).catch(() => null)")
    assert page.evaluate(IS_DUE)
    _refreshed(page)


def test_names_of_users_are_text(opened: Open) -> None:
    """A feature called like HTML with quotes is asked for, shown and listed as it is called."""
    page = opened()
    _choose(page, "feature", NASTY)
    _says(page, "#summary dt", f"State of {NASTY}")
    _says(page, "#distribution-words", f"values of {NASTY}")
    _says(page, "#ranking a", NASTY)
    _choose(page, "segment", "<i>EWR")
    _says(page, "#performance-words", "of <i>EWR")
    assert page.locator("main b, main i").count() == 0
    assert page.locator(".notice", has_text="HTTP 4").count() == 0


def test_it_works_by_keyboard_alone(opened: Open) -> None:
    """Tab reaches every control in order and shows where it is; lists open and close by keys."""
    page = opened(loaded=False)
    seen: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name, outlined = page.evaluate(
            """() => {
              const at = document.activeElement;
              const list = at.parentElement.querySelector(":scope > button[id]");
              const drawn = [at, list, at.closest("label")].filter(Boolean).map((x) => getComputedStyle(x));
              return [at.id || list?.id || at.closest("[id]")?.id || at.tagName,
                      drawn.some((one) => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) > 0)];
            }"""
        )
        assert outlined, f"{name} does not show that it has the focus; before it: {seen}"
        seen.append(name)
        if name == "who":
            break
    order = ["theme", "refresh", "every", "model", "version", "feature", "segment", "window", "span", "until",
             "chart", "test", "measure", "who"]  # fmt: skip
    assert [name for name in dict.fromkeys(seen) if name in order] == order
    page.locator("#feature").focus()
    page.keyboard.press("Enter")
    page.locator(".dash-dropdown-option input:focus").wait_for(state="attached")
    page.keyboard.press("ArrowDown")
    page.locator(".dash-dropdown-option input:focus:not(:checked)").wait_for(state="attached")
    page.keyboard.press("Space")
    page.wait_for_function(
        "before => new URLSearchParams(location.search).get('feature') !== before", arg=DRIFTING
    )
    page.locator("#summary dt", has_text=f"State of {_query(page)['feature']}").wait_for()
    page.locator("#chart input").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => new URLSearchParams(location.search).get('chart') === 'histogram'")


def test_everything_has_a_name_for_those_who_hear_it(opened: Open) -> None:
    """Controls have labels, buttons say what they act on, sections have headings, figures have words."""
    page = opened()
    for name in (
        "Model",
        "Version",
        "Feature",
        "Segment",
        "Window of the checks",
        "Time range",
        "Test",
        "Measure",
    ):
        page.get_by_role("button", name=re.compile(f"^{name} ")).wait_for()
    for name in ("Until (UTC; empty: now)", "Your name, for acknowledging"):
        assert page.get_by_role("textbox", name=name).count() == 1, name
    page.get_by_role("button", name=re.compile(r"Acknowledge incident \d+, Model")).first.wait_for()
    for name in (
        "Summary",
        "Score over time",
        "Statistics",
        "Quality",
        "Performance",
        "Alerts and incidents",
    ):
        assert page.get_by_role("region", name=name, exact=True).count() >= 1, name
    assert page.locator("html").get_attribute("lang") == "en"


def test_it_can_be_read(opened: Open) -> None:
    """In light and dark, wide and narrow: enough contrast, nothing wider than the screen."""
    page = opened()
    _says(page, "#score-words", "times its threshold of")
    page.locator("#distribution-figure .xtick text").first.wait_for(state="attached")
    for viewport in (DESK, PHONE):
        page.set_viewport_size(viewport)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(
                "scheme => getComputedStyle(document.documentElement).colorScheme === scheme", arg=scheme
            )
            found = page.evaluate(CONTRASTS)
            assert len(found) > 100
            assert [one for one in found if one[0] < TEXT_CONTRAST] == [], (viewport, scheme)
        page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    grounds = []
    for theme in ("light", "dark"):
        page.locator("#theme label", has_text=theme).click()
        page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(244, 244, 245)", "rgb(22, 24, 28)"], "the choice wins over the system"
    page.reload()
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")


def test_an_acknowledgement_reaches_the_bridge(opened: Open, stack: Stack) -> None:
    """Without a name nothing is sent; with one the bridge says who has taken it on, and the button goes."""
    page = opened()
    button = page.get_by_role("button", name=re.compile("Acknowledge incident .*ModelDriftDetected")).first
    button.wait_for()
    number = int(re.findall(r"\d+", button.get_attribute("aria-label") or "")[0])
    button.click()
    _says(page, "#told", "Your name: found none, need one")
    page.locator("#who").fill("Ada <b>L.</b>")
    page.get_by_role("button", name=re.compile(f"Acknowledge incident {number},")).click()
    _says(page, "#incidents", "by Ada <b>L.</b>")
    page.get_by_role("button", name=re.compile(f"Acknowledge incident {number},")).wait_for(state="detached")
    taken = {one["id"]: one["acknowledged_by"] for one in stack.incidents()}
    assert taken[number] == "Ada <b>L.</b>"


def test_what_does_not_answer_is_said(opened: Open, stack: Stack) -> None:
    """With all four programs away the page stands, and each part says what is missing."""
    page = opened("?model=delay&version=1.2.0&feature=temp", base=stack.lonely)
    _says(page, "#notices", "Prometheus: found nothing that answers at http://127.0.0.1")
    _says(page, "#alerts", "Alertmanager: found nothing that answers")
    _says(page, "#incidents", "bridge: found nothing that answers")
    _says(page, "#summary", "found nothing that answers")
    assert _query(page)["feature"] == "temp"
