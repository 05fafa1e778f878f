"""The example of credit scoring stops before it scores a broken month, as its README shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from .readme import ROOT, assert_alike, shown

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from .conftest import Run

FOLDER = ROOT / "examples/credit"
README = FOLDER / "README.md"
IN_README = "/tmp/loans"
PROGRESS = re.compile(r"\w+ing .*: [\d,]+ (of [\d,]+ )?rows")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where data and reports are written."""
    return tmp_path_factory.mktemp("loans")


@pytest.fixture(scope="module")
def training(run: Run, data: Path) -> CompletedProcess[str]:
    """What is done at training time."""
    done = run("sh", FOLDER / "train.sh", data)
    assert done.returncode == 0, done.stderr
    return done


def printed(done: CompletedProcess[str], data: Path) -> str:
    """What a person would read, without the lines of progress that work of more than ten seconds prints."""
    lines = (done.stdout + done.stderr).replace(str(data), IN_README).splitlines(keepends=True)
    return "".join(line for line in lines if not PROGRESS.fullmatch(line.strip()))


def month(run: Run, data: Path, name: str) -> int:
    """Exit code of a month's step, which printed what the README shows."""
    done = run("sh", FOLDER / "monthly.sh", data, name)
    command = f"$ sh examples/credit/monthly.sh {IN_README} {name}\n"
    assert_alike(f"{command}{printed(done, data)}$ echo $?\n{done.returncode}\n", shown(README, command))
    return done.returncode


def test_training_prints_what_the_readme_shows(training: CompletedProcess[str], data: Path) -> None:
    """The reference is built of scores, predictions and labels."""
    command = f"$ sh examples/credit/train.sh {IN_README}\n"
    assert_alike(command + printed(training, data), shown(README, command))


@pytest.mark.usefixtures("training")
def test_a_month_like_the_history_is_scored(run: Run, data: Path) -> None:
    """With exit code 0, scores of all rows, a page, and a difference between the groups that counts."""
    assert month(run, data, "2026-01") == 0
    scored = pd.read_parquet(data / "scored-2026-01.parquet")
    assert len(scored) == len(pd.read_parquet(data / "2026-01.parquet"))
    assert 0.1 < scored["refused"].mean() < 0.25
    refused = scored.groupby("age_group")["refused"].mean()
    assert refused["under 30"] - refused["over 60"] > 0.1
    assert "model_fairness_difference{" in (data / "metrics-2026-01.prom").read_text(encoding="utf-8")
    assert "<html" in (data / "check-2026-01.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("training")
def test_a_month_in_another_unit_is_not_scored(run: Run, data: Path) -> None:
    """With exit code 1 and a page; the model would have refused most, without any error."""
    assert month(run, data, "2026-03") == 1
    assert (data / "check-2026-03.html").exists()
    assert not (data / "scored-2026-03.parquet").exists()
    assert run("python", FOLDER / "score.py", data, "2026-03").returncode == 0
    assert pd.read_parquet(data / "scored-2026-03.parquet")["refused"].mean() > 0.6


@pytest.mark.usefixtures("training")
def test_a_month_that_has_not_come_is_another_thing(run: Run, data: Path) -> None:
    """With exit code 2, and neither page nor scores."""
    assert month(run, data, "2026-04") == 2
    assert not list(data.glob("*2026-04*"))
