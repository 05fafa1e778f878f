"""Metrics that the text of a page names are in a table of metrics, with the labels that it gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pytest

from alerting.metrics import FAMILIES as BRIDGE_FAMILIES
from alerting.retraining.metrics import FAMILIES as RETRAINING_FAMILIES
from exporter.metrics import FAMILIES, MODEL_LABELS

from .blocks import MARKDOWN, PAGES

NAME: Final = re.compile(r"((?:model|driftgauge|bridge|retraining)_[a-z0-9_]+)(?:\{([a-z_, ]+)\})?")
"""A metric, perhaps with names of its labels."""

KNOWN: Final[Mapping[str, frozenset[str]]] = {
    **{family.name: frozenset(family.labels) | set(MODEL_LABELS) for family in FAMILIES},
    **{family.name: frozenset(family.labels) for family in (*BRIDGE_FAMILIES, *RETRAINING_FAMILIES)},
}

NO_METRICS: Final = {
    "model_name", "model_version", "model_path",
    "driftgauge_fleet", "driftgauge_fleet_1d", "driftgauge_data",
    "driftgauge_rows", "driftgauge_outcomes", "driftgauge_layouts",
    "driftgauge_reason", "driftgauge_source", "driftgauge_detail", "driftgauge_topic", "driftgauge_partition",
    "driftgauge_offset",
}  # fmt: skip
"""Labels, groups of rules, measurements of InfluxDB and headers of messages, whose names begin alike."""


@pytest.mark.parametrize("page", PAGES)
def test_a_metric_in_the_text_is_there(page: str) -> None:
    """Who renames one finds the pages that name it."""
    for token in MARKDOWN.parse(PAGES[page].read_text(encoding="utf-8")):
        for child in token.children or ():
            found = NAME.fullmatch(child.content) if child.type == "code_inline" else None
            if found is None or found[1] in NO_METRICS:
                continue
            assert found[1] in KNOWN, f"{page}: {found[1]}: no table of metrics has it"
            named = {label.strip() for label in (found[2] or "").split(",")} - {""}
            assert named <= KNOWN[found[1]], f"{page}: {found[0]}: its labels are {sorted(KNOWN[found[1]])}"
