"""Panels whose query could mislead, run by promtool as they stand in the committed dashboards."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from .conftest import Promtool

ROOT = Path(__file__).parents[2]
CHOSEN = {"$model_name": "delay", "$model_version": "1"}
JUDGED, TOO_FEW = "1d", "1h"
"""Windows: one of enough rows, and one of three rows that have dropped by half."""


def expression(page: str, title: str, place: int = 0) -> str:
    """One query of a panel."""
    panels = json.loads((ROOT / "dashboards" / f"{page}.json").read_text(encoding="utf-8"))["panels"]
    (panel,) = [panel for panel in panels if panel["title"] == title]
    found: str = panel["targets"][place]["expr"]
    return found


def series() -> list[dict[str, str]]:
    """A small drop that was judged, and a large one that nobody can judge."""
    own = 'model_name="delay", model_version="1", measure="accuracy"'
    place = 'job="model", instance="a"'
    values = {
        f'model_performance_state{{{own}, window="{JUDGED}", {place}}}': "1",
        f'model_performance_drop_ratio{{{own}, window="{JUDGED}", {place}}}': "0.125",
        f'model_performance_state{{{own}, window="{TOO_FEW}", {place}}}': "-1",
        f'model_performance_drop_ratio{{{own}, window="{TOO_FEW}", {place}}}': "0.5",
        f"model_performance_drop_threshold{{{own}, {place}}}": "0.0625",
    }
    return [{"series": name, "values": f"{value}x10"} for name, value in values.items()]


@pytest.mark.parametrize(
    ("page", "title", "place", "window", "value"),
    [
        ("model", "Drop from the training time", 0, JUDGED, 0.125),
        ("performance", "Drop of every measure", 0, JUDGED, 2.0),
        ("performance", "Drop of every measure", 0, TOO_FEW, None),
        ("performance", "Measures", 4, JUDGED, 0.125),
        ("performance", "Measures", 4, TOO_FEW, None),
        ("performance", "Measures", 5, TOO_FEW, None),
    ],
)
def test_a_drop_that_nobody_can_judge_is_not_shown(
    promtool: Promtool, tmp_path: Path, page: str, title: str, place: int, window: str, value: float | None
) -> None:
    """Three rows can drop by any share; no line and no red cell says so."""
    query = expression(page, title, place)
    for name, chosen in {**CHOSEN, "$window": window}.items():
        query = query.replace(name, chosen)
    expected = [] if value is None else [{"labels": '{measure="accuracy"}', "value": value}]
    shown = {"expr": query, "eval_time": "5m", "exp_samples": expected}
    document = {"tests": [{"interval": "1m", "input_series": series(), "promql_expr_test": [shown]}]}
    path = tmp_path / "panel.test.yaml"
    path.write_text(yaml.safe_dump(document, width=10_000), encoding="utf-8")
    result = promtool("test", "rules", path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_program_that_is_scraped_counts_among_the_targets_that_are_down() -> None:
    """A job of the shipped Prometheus that the panel leaves out would be away unseen."""
    found = re.search(r'job=~"([^"]+)"', expression("itself", "Targets down"))
    assert found is not None
    config = yaml.safe_load((ROOT / "config" / "prometheus.yaml").read_text(encoding="utf-8"))
    assert set(found[1].split("|")) == {job["job_name"] for job in config["scrape_configs"]}
