"""The example of a recommender shows what its README says: the loop, and what a little chance changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from driftgauge.resources import rules_dir

from .readme import ROOT, assert_alike, shown

if TYPE_CHECKING:
    from .conftest import Run

FOLDER = ROOT / "examples/recommender"
LAST_DAY = "28"
WORDS_A_DAY = 7

HISTORY = """
import json
from recommender import DAYS, EPSILONS, Page
pages = [Page(name, epsilon) for name, epsilon in EPSILONS.items()]
for day in range(1, DAYS + 1):
    for page in pages:
        page.step(day)
print(json.dumps({page.name: page.history for page in pages}))
"""
METRICS = {
    "model_exposure_gini": "gini",
    "model_exposure_gini_even": "gini_even",
    "model_catalog_coverage_ratio": "coverage",
    "model_catalog_coverage_ratio_even": "coverage_even",
}
QUIET_BEFORE, FIRES, QUIET_AGAIN = "7d12h", "9d12h", "17d"
"""The rules take the mean of a day, and wait for an hour."""


@pytest.fixture(scope="module")
def printed(run: Run) -> str:
    """What the example prints."""
    done = run("python", FOLDER / "recommender.py")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_prints_what_its_readme_shows(printed: str) -> None:
    """Words and days alike, numbers up to their last digits."""
    assert_alike(printed, shown(FOLDER / "README.md", "     greedy"))


def test_a_little_chance_widens_what_is_shown_and_earns_more(printed: str) -> None:
    """On the last day: less concentration, several times the coverage, and more clicks."""
    days = {
        words[0]: [float(word.rstrip("%")) for word in words[1:]]
        for words in map(str.split, printed.splitlines())
        if len(words) == WORDS_A_DAY and words[0].isdigit()
    }
    greedy, exploring = days[LAST_DAY][:3], days[LAST_DAY][3:]
    assert exploring[0] < 0.93
    assert greedy[0] > 0.95
    assert exploring[1] > 4 * greedy[1]
    assert exploring[2] > 1.5 * greedy[2]


def test_only_the_exploring_page_finds_the_hits_and_can_say_what_chance_would_earn(printed: str) -> None:
    """None of five against all; the estimate from the log is within a point of the truth."""
    learnt = {line[:44].strip(): line[44:].split() for line in printed.splitlines() if len(line) > 44}
    assert learnt["new hits among them, of five"] == ["0", "5"]
    unknown, estimate = learnt["clicked if chosen by chance, from the log"]
    truth = learnt["the same, in truth"][1]
    assert unknown == "unknown"
    assert float(estimate.rstrip("%")) == pytest.approx(float(truth.rstrip("%")), abs=1.0)


def test_its_alerts_are_those_of_the_real_rules(run: Run, tmp_path: Path) -> None:
    """Both pages raise both alerts after the model took over, and neither before nor two weeks later."""
    assert shutil.which("promtool") is not None, "Debian has it in the package prometheus"
    done = run("python", "-c", HISTORY, folder=FOLDER)
    assert done.returncode == 0, done.stderr
    series = []
    for page, days in json.loads(done.stdout).items():
        labels = f'model_name="{page}", model_version="1", job="model", instance="{page}"'
        series.append({"series": f"model_info{{{labels}}}", "values": f"1x{24 * len(days)}"})
        for metric, key in METRICS.items():
            # What the check at the end of a day found is shown during the next one.
            values = " ".join(["_x24", *(f"{day[key]!r}x23" for day in days)])
            series.append({"series": f'{metric}{{{labels}, window="1d"}}', "values": values})
    fire = [
        {"labels": f'{{alertname="{name}", model_name="{page}"}}', "value": 1}
        for name in ("ModelExposureNarrowed", "ModelCatalogCoverageFell")
        for page in ("greedy", "exploring")
    ]
    expression = 'count by (alertname, model_name) (ALERTS{alertstate="firing"})'
    document = {
        "rule_files": [str(rules_dir() / f"{name}.rules.yaml") for name in ("thresholds", "feedback")],
        "evaluation_interval": "1h",
        "group_eval_order": ["driftgauge_thresholds", "driftgauge_feedback"],
        "tests": [
            {
                "interval": "1h",
                "input_series": series,
                "promql_expr_test": [
                    {"expr": expression, "eval_time": at, "exp_samples": expected}
                    for at, expected in ((QUIET_BEFORE, []), (FIRES, fire), (QUIET_AGAIN, []))
                ],
            }
        ],
    }
    (tmp_path / "weeks.test.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    tested = run("promtool", "test", "rules", tmp_path / "weeks.test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
