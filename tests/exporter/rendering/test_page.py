from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exporter import Policy, Reference, Report, check
from exporter.expectations import Result
from exporter.rendering import About, to_html

from .conftest import CHECKED_AT, HOSTILE, LONG, N_ROWS, SCRIPT, Page

LIMIT = 3_000_000
"""Bytes of a page of 100 features."""


@pytest.mark.parametrize("name", ["hostile", "many", "extreme"])
def test_a_page_is_well_formed(name: str, request: pytest.FixtureRequest) -> None:
    """Every element is closed, every id stands once, and every link and label finds its target."""
    html = to_html(request.getfixturevalue(name))
    page = Page(html)
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [attributes["href"] for attributes in page.tags("a")]
    assert {target for target in targets if target is not None} <= {f"#{found}" for found in ids}
    named = [attributes.get("aria-labelledby") for _, attributes in page.elements]
    assert {key for keys in named if keys for key in keys.split()} <= set(ids)
    cards = [attributes["data-card"] for attributes in page.tags("tr") if "data-card" in attributes]
    assert set(cards) <= set(ids)


@pytest.mark.parametrize("name", ["hostile", "many", "extreme"])
def test_a_page_asks_nothing_of_a_network(name: str, request: pytest.FixtureRequest) -> None:
    """No element or style that loads anything, no address, and a policy that would forbid it."""
    html = to_html(request.getfixturevalue(name))
    page = Page(html)
    loaders = {"img", "link", "iframe", "object", "embed", "audio", "video", "source", "base", "image", "use"}
    assert loaders.isdisjoint(tag for tag, _ in page.elements)
    for _, attributes in page.elements:
        assert {"src", "srcset", "action", "style", "xlink:href"}.isdisjoint(attributes)
        assert not [key for key in attributes if key.startswith("on")]
    assert not re.search(r"https?://|//[a-z]|url\(|@import|javascript:", html)
    (policy,) = [a["content"] for a in page.tags("meta") if "http-equiv" in a]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_hostile_names_are_text(hostile: Report) -> None:
    """Markup, templates and control characters of names and categories are shown, and do nothing."""
    html = to_html(hostile, About(current_name=SCRIPT, reference_name=HOSTILE[1], policy_name=SCRIPT))
    page = Page(html)
    assert len(page.tags("script")) == 1
    assert page.tags("img") == []
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > len(HOSTILE)
    assert "{{ 7 * 7 }}" in html
    assert not {"\u202e", "\u2066", "\x00", "\x1b"} & set(html)
    assert r"\u202egnirts\u2066" in html
    assert LONG not in html
    assert "longlong" in html


def test_a_page_of_100_features_is_small(many: Report) -> None:
    """100 features of which half have 40 categories: far below three megabytes."""
    assert len(many.features) == 100
    size = len(to_html(many).encode())
    assert size < LIMIT / 2


def test_names_of_any_length_keep_a_page_small() -> None:
    """Categories of 200 characters that need escaping, 50 a feature, are cut."""
    rng = np.random.default_rng(3)
    names = [f"{i:02d}{'<' * 198}" for i in range(50)]
    table = {f"{i}{'&' * 500}": np.array(rng.choice(names, 500), dtype=object) for i in range(100)}
    reference = Reference.fit(table, model_name="m", model_version="1")
    assert len(to_html(check(reference, table)).encode()) < LIMIT


def test_the_same_report_gives_the_same_page(many: Report) -> None:
    """Byte by byte: its only time is the report's own."""
    assert to_html(many) == to_html(replace(many))
    assert "2023-11-14 22:13 UTC" in to_html(many)


def test_a_page_ranks_what_the_report_found(many: Report) -> None:
    """Every feature has its line and its card, and the drifted ones come first."""
    page = Page(to_html(many))
    states = [attributes["data-state"] for attributes in page.tags("tr") if "data-state" in attributes]
    drifted = len(many.drifted_features)
    assert len(states) == 100
    assert drifted > 10
    assert states[:drifted] == ["drift"] * drifted
    assert "drift" not in states[drifted:]
    assert len(page.tags("article")) == 100
    assert page.texts["span"].count(f"{drifted} of 100 features drifted ({drifted}%)") == 1


def test_every_plot_says_what_it_shows(many: Report) -> None:
    """Two plots of each column, each an image with a title and a description."""
    page = Page(to_html(many))
    plots = [attributes for attributes in page.tags("svg") if attributes.get("role") == "img"]
    assert len(plots) == 200
    assert len([a for a in page.tags("title") if "id" in a]) == len(page.tags("desc")) == 200
    hidden = [attributes for attributes in page.tags("svg") if attributes.get("role") != "img"]
    assert all(attributes["aria-hidden"] == "true" for attributes in hidden)
    assert any(text.startswith("Largest rise: ") for text in page.texts["desc"])


def test_every_table_has_heads(many: Report) -> None:
    """Every head says what it is the head of."""
    page = Page(to_html(many))
    assert page.tags("th")
    assert all(attributes["scope"] in {"col", "row"} for attributes in page.tags("th"))


def test_unknown_columns_stand_with_their_reasons(extreme: Report) -> None:
    """What could not be decided is neither ok nor left out."""
    html = to_html(extreme)
    cells = Page(html).texts["td"]
    assert extreme.features["absent"].state == "unknown"
    assert {"missing_column", "all_missing", "insufficient_data"} & set(cells)
    assert "the window has no column &#39;absent&#39;" in html
    assert "Find out why absent did not come." in html
    assert not re.search(r"\bnan\b", html)


def test_a_page_says_how_it_was_decided(many: Report) -> None:
    """Policy, correction, counts of tests, window, reference and versions."""
    html = to_html(many, About(policy_name="policy balanced", current_name="now.csv", rows_in_all=10**6))
    terms, values = (re.findall(f"<{tag}>(.*?)</{tag}>", html) for tag in ("dt", "dd"))
    facts = dict(zip(terms, (re.sub("<.*?>", "", value) for value in values), strict=False))
    findings = [finding for column in many.features.values() for finding in column.findings.values()]
    assert facts["policy"] == "policy balanced"
    assert facts["data"] == "now.csv"
    assert facts["rows in all"] == "1,000,000"
    assert facts["alpha, the chance of any false alarm in a check"] == "0.01"
    assert facts["tests that decide"] == str(sum(finding.decides for finding in findings))
    assert facts["… both: drift"] == str(sum(finding.drift for finding in findings))
    assert facts["checked"] == "2023-11-14 22:13 UTC"
    assert "driftgauge" in facts
    assert "A random sample of 800 of 1,000,000 rows was checked." in html


def test_what_the_reference_knows_is_told() -> None:
    """When it was built and how it was cut, where the page is given it; scores and labels have cards."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=N_ROWS)
    outputs: dict[str, Any] = {
        "scores": 1 / (1 + np.exp(-x)),
        "labels": (x > 0).astype(int),
        "predictions": (x > 0.1).astype(int),
    }
    reference = Reference.fit(
        {"x": x}, model_name="m", model_version="1", clock=lambda: CHECKED_AT, **outputs
    )
    outputs["labels"] = np.ones(N_ROWS, dtype=int)
    html = to_html(check(reference, {"x": x}, **outputs), About(reference=reference))
    assert "10 quantiles" in html
    assert "0 of 1 features drifted (0%); labels too" in html
    assert {"(score)", "(predicted class)", "(label)"} <= set(Page(html).texts["bdi"])
    assert "Share of class 1: " in html


def test_segments_have_a_table() -> None:
    """What drifted within each value of the feature that the reference is segmented by."""
    rng = np.random.default_rng(1)
    place = np.array(["north", SCRIPT] * 2 * N_ROWS, dtype=object)
    x = rng.normal(size=4 * N_ROWS)
    reference = Reference.fit({"place": place, "x": x}, model_name="m", model_version="1", segment_by="place")
    moved = np.where(place == "north", x + 3.0, x)
    html = to_html(check(reference, {"place": place, "x": moved}))
    (table,) = re.findall(r'aria-label="Segments">(.*?)</table>', html, re.DOTALL)
    north = next(row for row in table.split("<tr>") if "north" in row)
    assert re.findall(r"<bdi>(.*?)</bdi>", north) == ["north", "x"]
    assert "▲ drift" in north
    assert north.count(">800<") == 2
    assert "&lt;script&gt;" in table


def test_expectations_stand_on_the_page(many: Report) -> None:
    """With what was found and needed."""
    results = [
        Result(expect="rows", column=None, passed=True, found=800, needed="at least 10"),
        Result(expect="mean", column=SCRIPT, passed=False, found="no number", needed="at most 1"),
    ]
    html = to_html(many, About(expectations=results))
    assert "✓ passed" in html
    assert "▲ failed" in html
    assert "Expectations" not in to_html(many)


@pytest.mark.parametrize("rows", [0, 3])
def test_a_window_of_next_to_nothing_has_a_page(rows: int) -> None:
    """Without plots, and with the reason."""
    reference = Reference.fit({"x": np.arange(500.0)}, model_name="m", model_version="1")
    html = to_html(check(reference, {"x": np.arange(float(rows))}))
    assert "1 could not be decided" in html
    assert f"found {rows} usable values in the window, need 100" in html


def test_thresholds_of_one_feature_are_listed() -> None:
    """Those that the policy sets for it alone."""
    reference = Reference.fit({"x": np.arange(500.0)}, model_name="m", model_version="1")
    policy = Policy(feature_thresholds={"x": {"psi": 0.345}})
    assert "0.345" in to_html(check(reference, {"x": np.arange(500.0)}, policy))


def test_without_jinja_the_error_says_what_to_install(many: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else of the package needs it."""
    code = (
        "import sys; sys.modules['jinja2'] = None; import exporter.rendering as r\n"
        "from exporter.errors import ConfigError\n"
        "try: r.to_html(None)\n"
        "except ConfigError as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == (
        "to_html: found no package jinja2 in this Python, need it: pip install 'driftgauge[report]'\n"
    )
