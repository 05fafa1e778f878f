"""The example of fraud scoring prints what its README shows, and its alerts are those of the real rules."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from driftgauge.resources import rules_dir

from .readme import ROOT, assert_alike, shown

if TYPE_CHECKING:
    from .conftest import Run

FOLDER = ROOT / "examples/fraud"
BEFORE, CHANGED, LIGHT_OUT, DECLINED, LAST = 10, 15, 20, 22, 30
WORDS_A_DAY = 9

STEP_MINUTES, STEPS = 5, 24
"""Two hours: longer than any `for` of the alerts that the example knows."""

TARGET = {"job": "model", "instance": "a"}
ALWAYS = "Watchdog"


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what would have been scraped."""
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def printed(run: Run, metrics: Path) -> str:
    """What the example prints."""
    done = run("python", FOLDER / "fraud.py", "--metrics", metrics)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_prints_what_its_readme_shows(printed: str) -> None:
    """Words and days alike, numbers up to their last digits."""
    assert_alike(printed, shown(FOLDER / "README.md", "     declines"))


def test_inputs_tell_at_once_and_labels_days_later(printed: str) -> None:
    """Drift on the day of the change; the estimate's light goes out; AUC falls; accuracy stays high."""
    day = {
        int(words[0]): words for words in map(str.split, printed.splitlines()) if len(words) == WORDS_A_DAY
    }
    assert (day[BEFORE][1], day[CHANGED][1]) == ("no", "yes")
    assert float(day[LAST][2]) > 0.94
    assert [day[number][3] for number in (CHANGED, LIGHT_OUT, LAST)] == ["on", "off", "off"]
    realised = [float(day[number][5]) for number in (CHANGED, DECLINED, LAST)]
    assert realised[0] > 0.94
    assert 0.8 < realised[1] < 0.9
    assert realised[2] < 0.7
    assert float(day[LAST][7].rstrip("%")) > 96.0
    assert float(day[LAST][6]) < 0.1
    assert float(day[DECLINED][8]) < realised[1]


def test_its_alerts_are_those_of_the_real_rules(
    run: Run, printed: str, metrics: Path, tmp_path: Path
) -> None:
    """What fires on a day by the example fires by the rules on that day's metrics, and nothing else."""
    assert shutil.which("promtool") is not None, "Debian has it in the package prometheus"
    alerts_at = f'count by (alertname) (ALERTS{{alertstate="firing", alertname!="{ALWAYS}"}}) > bool 0'
    document = {
        "rule_files": [str(path) for path in sorted(rules_dir().glob("*.rules.yaml"))],
        "evaluation_interval": f"{STEP_MINUTES}m",
        "tests": [
            {
                "name": f"day {day}",
                "interval": f"{STEP_MINUTES}m",
                "input_series": _series(metrics / f"day-{day:02}.prom"),
                "promql_expr_test": [
                    {
                        "expr": alerts_at,
                        "eval_time": f"{STEPS * STEP_MINUTES}m",
                        "exp_samples": [
                            {"labels": f'{{alertname="{name}"}}', "value": 1} for name in _said(printed, day)
                        ],
                    }
                ],
            }
            for day in (CHANGED, LIGHT_OUT, LAST)
        ],
    }
    (tmp_path / "days.test.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = run("promtool", "test", "rules", tmp_path / "days.test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def _said(printed: str, day: int) -> list[str]:
    """Alerts that fire on a day, by what the example prints."""
    said: list[str] = []
    number = 0
    for line in printed.splitlines():
        words = line.split()
        if len(words) == WORDS_A_DAY and words[0].isdigit():
            number = int(words[0])
        what, _, names = line.strip().partition(": ")
        if number <= day and what == "now fires":
            said += names.split(", ")
        elif number <= day and what == "over":
            said = [name for name in said if name not in names.split(", ")]
    assert said
    return said


def _series(path: Path) -> list[dict[str, str]]:
    """What was scraped, as series that stay as they are."""
    found: list[tuple[str, dict[str, str], float]] = [("up", {}, 1.0)]
    for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
        found += [(sample.name, sample.labels, sample.value) for sample in family.samples]
    series = []
    for name, labels, value in found:
        pairs = ", ".join(f'{key}="{text}"' for key, text in {**labels, **TARGET}.items())
        series.append({"series": f"{name}{{{pairs}}}", "values": f"{value!r}x{STEPS}"})
    return series
