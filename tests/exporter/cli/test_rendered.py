from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

MODEL = ("--model-name", "m", "--model-version", "1")
ROLES = (
    "--target",
    "late",
    "--prediction",
    "predicted",
    "--score",
    "score",
    "--id",
    "id",
    "--timestamp",
    "seen",
)
CHECK = ("check", "--reference", "reference.json", "--current", "moved.parquet")


@pytest.fixture
def reference(run: Run, tables: Path) -> Path:
    """The folder with the reference of `train.parquet`."""
    assert run("reference", "build", "train.parquet", "--out", "reference.json", *MODEL, *ROLES).code == 0
    return tables


def test_a_check_writes_a_page_beside_its_table(run: Run, reference: Path) -> None:
    """With the names of the files, the policy, and what the JSON says; the table is printed all the same."""
    ran = run(*CHECK, *ROLES, "--html", "report.html", "--json", "report.json")
    assert (ran.code, ran.err) == (0, "")
    assert "1 of 2 features drifted" in ran.out
    page = Path("report.html").read_text("utf-8")
    for text in ("1 of 2 features drifted (50%); scores, predicted classes, labels too", "policy balanced",
                 "reference.json", "moved.parquet", "Köln", "10 quantiles"):  # fmt: skip
        assert text in page, text
    assert json.loads(Path("report.json").read_text("utf-8"))["drifted_features"] == ["age"]


def test_expectations_and_exit_codes_stay(run: Run, reference: Path) -> None:
    """A page changes nothing about what a pipeline sees."""
    Path("e.yaml").write_text("expectations: [{expect: rows, at_least: 1000000}]", encoding="utf-8")
    ran = run(*CHECK, *ROLES, "--html", "report.html", "--fail-on-drift", "--expectations", "e.yaml")
    assert ran.code == 1
    assert "▲ failed" in Path("report.html").read_text("utf-8")


def test_a_comparison_writes_a_page_too(run: Run, tables: Path) -> None:
    """Of two tables, without a reference file."""
    ran = run("compare", "train.parquet", "moved.parquet", "--features", "age", "--html", "report.html")
    assert ran.code == 0, ran.err
    page = Path("report.html").read_text("utf-8")
    assert "1 of 1 features drifted" in page
    assert "train.parquet" in page


def test_images_are_written_into_a_folder(run: Run, reference: Path) -> None:
    """Which is made; one of each column, and a summary."""
    ran = run(*CHECK, *ROLES, "--png", "plots", "--json", "-")
    assert ran.code == 0
    assert json.loads(ran.out)["drift_detected"] is True
    names = {"summary.png", "age.png", "city.png", "score.png", "prediction.png", "label.png"}
    assert {path.name for path in Path("plots").iterdir()} == names


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--html", "none/r.html"), "none/r.html: found no folder 'none', need it for this file"),
        (("--html", "."), ".: found a folder, need the path of a file"),
        (("--html", "-"), "--html: found '-', need the path of a file"),
        (("--html", "r.x", "--json", "r.x"), "r.x: found it for JSON and for --html, need a path for each"),
        (("--png", "none/plots"), "none/plots: found no folder 'none', need it for this one"),
        (("--png", "train.parquet"), "train.parquet: found a file, need a folder for images"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(
    run: Run, tables: Path, options: tuple[str, ...], complaint: str
) -> None:
    """The reference is not even opened: here there is none."""
    ran = run(*CHECK, *options)
    assert (ran.code, ran.err) == (2, f"driftgauge check: {complaint}\n")


@pytest.mark.parametrize(("option", "package"), [("--html", "jinja2"), ("--png", "matplotlib")])
def test_a_missing_package_is_said_before_the_work(folder: Path, option: str, package: str) -> None:
    """With what to install, and exit code 2."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from driftgauge.cli import main\n"
        f"sys.exit(main([*{list(CHECK)!r}, {option!r}, 'x']))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    needed = f"{option}: found no package {package} in this Python, need it: pip install 'driftgauge[report]'"
    assert (ran.returncode, ran.stderr) == (2, f"driftgauge check: {needed}\n")
    assert list(folder.iterdir()) == []


def test_a_page_needs_no_package_of_images_nor_the_other_way_round(run: Run, reference: Path) -> None:
    """Drawing a page loads no Matplotlib, and a check without both loads neither."""
    code = (
        "import sys; from driftgauge.cli import main\n"
        f"main({[*CHECK, *ROLES]!r})\nassert not {{'jinja2', 'matplotlib'}} & set(sys.modules)\n"
        f"main({[*CHECK, *ROLES, '--html', 'r.html']!r})\nassert 'matplotlib' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
