"""What a README says that its example prints, and how alike that must be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TOLERANCE = 0.02
"""Of printed numbers, against the README's: other versions of numerical libraries move the last digit."""

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?![\w.]*[A-Za-z_])")


def shown(readme: Path, beginning: str) -> str:
    """The block of a README that begins so."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", readme.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if block.startswith(beginning)]
    return str(block)


def assert_alike(printed: str, expected: str) -> None:
    """The same words in the same order, and numbers that differ in their last digits at most."""
    assert _words(printed) == _words(expected), printed
    for found, said in zip(_numbers(printed), _numbers(expected), strict=True):
        assert found == pytest.approx(said, rel=TOLERANCE, abs=TOLERANCE), f"{found} for {said}:\n{printed}"


def _words(text: str) -> list[str]:
    return NUMBER.sub("#", text).split()


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]
