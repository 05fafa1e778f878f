from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from driftgauge.errors import RulesError
from driftgauge.resources import config_dir
from driftgauge.rules.objectives import BURN_WINDOWS, read_objectives, selections
from driftgauge.rules.service import service_rules

SHIPPED = yaml.safe_load((config_dir() / "slo.yaml").read_text(encoding="utf-8"))


def written(folder: Path, content: object) -> Path:
    path = folder / "slo.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_shipped_table_gives_the_workbook_s_factors() -> None:
    """Thirty days with 2, 5, 10 and 10 % of the budget are 14.4, 6, 3 and 1 times too fast."""
    table = read_objectives(config_dir() / "slo.yaml")
    assert [window.factor(table.window_seconds) for window in BURN_WINDOWS] == [14.4, 6.0, 3.0, 1.0]


def test_a_model_s_gaps_are_filled_from_the_defaults(tmp_path: Path) -> None:
    """Only what differs is written; the others select every model that is not named."""
    table = read_objectives(
        written(tmp_path, SHIPPED | {"models": {"fraud.eu": {"latency": {"threshold_seconds": 0.05}}}})
    )
    assert table.models["fraud.eu"]["latency"].objective == 0.99
    assert [(matcher, given.threshold_seconds) for matcher, given in selections(table, "latency")] == [
        ('model_name="fraud.eu"', 0.05),
        ('model_name!~"fraud\\\\.eu"', 0.5),
    ]
    assert [matcher for matcher, _ in selections(table, "availability")] == [""]
    assert 'model_name="fraud.eu", le="0.05"' in service_rules(table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {
                "objectives": SHIPPED["objectives"]
                | {"latency": {"objective": 0.99, "threshold_seconds": 0.3}}
            },
            "latency.threshold_seconds: found 0.3, need an edge of the latency histogram: 0.0005, ",
        ),
        (
            {"objectives": SHIPPED["objectives"] | {"availability": {"objective": 99.9}}},
            "slo.yaml: objectives.availability.objective: found 99.9, need a number above 0.931 and below 1",
        ),
        (
            {"objectives": SHIPPED["objectives"] | {"availability": {"objective": 0.9}}},
            "slo.yaml: objectives.availability.objective: found 0.9, need a number above 0.931 and below 1",
        ),
        ({"window": "1h"}, "slo.yaml: window: found '1h', need whole days from 7d to 90d"),
        ({"windows": "30d"}, "slo.yaml: the file: found 'windows', need window, objectives or models"),
        (
            {"models": {"fraud": {"speed": {}}}},
            "slo.yaml: models.fraud: found 'speed', need availability or latency",
        ),
        ({"objectives": None}, "slo.yaml: objectives: found None, need availability or latency"),
        ({"models": ["fraud"]}, "slo.yaml: models: found ['fraud'], need models by name"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """Where, what was found, and what is needed; an objective that no alert could guard is refused too."""
    with pytest.raises(RulesError, match=re.escape(message)):
        read_objectives(written(tmp_path, SHIPPED | change))


def test_all_problems_come_together(tmp_path: Path) -> None:
    """A table is mended once, not once for each mistake."""
    with pytest.raises(RulesError) as caught:
        read_objectives(written(tmp_path, {"window": 30, "objectives": {"availability": {}, "latency": {}}}))
    assert str(caught.value).count("found") == 4


@pytest.mark.parametrize("text", ["a: [", "just words"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    """Broken YAML and YAML of another shape."""
    path = tmp_path / "slo.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulesError, match="found"):
        read_objectives(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message begins with its path."""
    with pytest.raises(RulesError, match=re.escape(str(tmp_path / "none.yaml"))):
        read_objectives(tmp_path / "none.yaml")
