from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from exporter import Report
from exporter.rendering import to_png
from exporter.rendering.png import file_names

from .conftest import HOSTILE, checked

SIGNATURE = b"\x89PNG\r\n\x1a\n"

NOT_WHITE = 0.01
"""Share of an image's pixels that ink covers at least; its text alone covers a tenth of that."""

WINDOW = (31, 111, 178)
"""Colour of the window's bars and lines."""


def pixels(image: bytes) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Colours of an image."""
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    """Of a report of one drifted number and one category."""
    rng = np.random.default_rng(1)
    kinds = np.array(rng.choice(["a", "b"], 500), dtype=object)
    values = rng.normal(size=500)
    return dict(to_png(checked({"x": values, "kind": kinds}, {"x": values + 2.0, "kind": kinds})))


def test_a_report_has_a_summary_and_an_image_of_each_column(images: dict[str, bytes]) -> None:
    """In the order of the ranking."""
    assert list(images) == ["summary.png", "x.png", "kind.png"]


@pytest.mark.parametrize("name", ["summary.png", "x.png", "kind.png"])
def test_an_image_is_a_png_and_not_blank(images: dict[str, bytes], name: str) -> None:
    """Of a size that fits a slide, with ink on it, and with the colour of what it shows."""
    assert images[name].startswith(SIGNATURE)
    colours = pixels(images[name])
    height, width, _ = colours.shape
    assert 800 <= width <= 1600
    assert 150 <= height <= 1600
    assert (colours != 255).any(axis=2).mean() > NOT_WHITE
    bars = (179, 38, 30) if name == "summary.png" else WINDOW
    assert (colours == bars).all(axis=2).sum() > 1000


def test_both_halves_of_a_plot_are_drawn(images: dict[str, bytes]) -> None:
    """The bins on the left, the cumulative shares on the right."""
    window = (pixels(images["x.png"]) == WINDOW).all(axis=2)
    middle = window.shape[1] // 2
    assert window[:, :middle].sum() > 1000
    assert window[:, middle:].sum() > 100


@pytest.mark.parametrize("name", ["hostile", "extreme"])
def test_odd_names_and_numbers_are_drawn(name: str, request: pytest.FixtureRequest) -> None:
    """Without a warning: scripts that the font lacks, TeX that is none, the largest floats."""
    report: Report = request.getfixturevalue(name)
    for _, image in to_png(report):
        assert image.startswith(SIGNATURE)


def test_the_same_report_gives_the_same_images(images: dict[str, bytes], extreme: Report) -> None:
    """Byte by byte."""
    few = replace(extreme, features={name: extreme.features[name] for name in ("constant", "large")})
    assert list(to_png(few)) == list(to_png(few))


def test_file_names_are_safe_and_distinct() -> None:
    """No separators, no dots first, none twice even where case does not count, and none of the summary's."""
    names = file_names([*HOSTILE, "age", "Age", "AGE", "summary", "...", "größe"])
    stems = [name.removesuffix(".png") for name in names.values()]
    assert len({stem.lower() for stem in stems}) == len(stems)
    assert all(stem and set(stem) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
               for stem in stems)  # fmt: skip
    assert max(map(len, stems)) < 100
    assert names["age"] == "age.png"
    assert names["Age"] == "Age-2.png"
    assert names["summary"] == "summary-2.png"
