"""Bodies that the tables of the pages show are ones that the exporter takes."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from exporter import InstrumentedPredictor, MemoryStore
from exporter.business import BusinessMeasure

from .blocks import PAGES
from .requests import exporter_takes

ROW: Final = re.compile(r"`POST (/\w+)` \| `(\{.*?\})`")
"""A path, and the body beside it."""

INLINE: Final = re.compile(r"`(/\w+) (\{.*?\})`")
"""The same in one piece of code."""


def _bodies() -> list[tuple[str, str, Any]]:
    found = []
    for page, path in PAGES.items():
        text = path.read_text(encoding="utf-8").replace("\n", " ")
        for place, body in [*ROW.findall(text), *INLINE.findall(text)]:
            if "..." not in body:
                found.append((page, place, json.loads(body)))
    return found


@pytest.mark.parametrize(("page", "place", "body"), _bodies())
def test_a_body_is_taken(page: str, place: str, body: Any) -> None:
    """As `driftgauge serve` answers for a model of one feature, with a catalogue and a business metric."""
    del page
    table = pd.DataFrame({"age": np.arange(100.0)})
    with InstrumentedPredictor(
        LogisticRegression().fit(table, table["age"] > 50),
        name="credit",
        version="1",
        store=MemoryStore(),
        catalog=["a", "b"],
        business={"revenue_euros": BusinessMeasure(name="revenue_euros", kind="counter")},
        background=False,
    ) as predictor:
        exporter_takes(predictor, "POST", place, body)


def test_every_way_in_has_its_body_shown() -> None:
    """The table of paths has one for each POST."""
    shown = {place for page, place, _ in _bodies() if page == "docs/command-line.md"}
    assert shown == {"/outcomes", "/business", "/exposures", "/predict"}
