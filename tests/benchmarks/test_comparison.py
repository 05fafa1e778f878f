from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.comparison import PAGE, Kept, answer, page
from benchmarks.peers import adapter, sections
from benchmarks.peers.adapter import VERSION, Said, Setting, Tool, by_version, incidents, windows
from benchmarks.peers.environments import PINS, TOOLS, Environment, PeerError, run
from benchmarks.peers.incidents import INCIDENTS

FAILED = {"error": "does not install: x"}
SPEED = {"10,000 x 20": [{"fit_seconds": 1.0, "check_seconds": s, "peak_mb": 100.0} for s in (9.0, 2.0, 3.0)]}
LINES = [
    {"window": number, "kind": kind, "drift": drift, "alarm": bool(drift)}
    for number in range(2)
    for kind, drift in (("null", ["f3"] if number else []), ("shifted", ["f0", "f3"]))
]


def _mean_moved(reference: pd.DataFrame, window: pd.DataFrame) -> Said:
    if "explode" in window:
        raise ValueError("no\nmore")
    moved = [name for name in window if abs(window[name].mean() - reference[name].mean()) > 1.0]
    return Said(moved, alarm=bool(moved), words=f"{len(moved)} moved")


SETTING = Setting("means", lambda rows: rows, _mean_moved)


def _results() -> dict[str, Any]:
    said = [
        {
            "incident": i.key,
            "by": "default",
            "setting": "s",
            "drift": ["load"],
            "quality": [],
            "words": "a | b",
        }
        for i in INCIDENTS
    ]
    whole = {
        "environment": {"version": "1.0", "packages": 3, "megabytes": 12.3},
        "incidents": said,
        "windows": {"300": LINES},
        "speed": SPEED,
    }
    return {
        "driftgauge": whole,
        "frouros": whole,
        "evidently": {task: dict(FAILED) for task in whole},
    }


def test_a_split_by_version_compares_each_with_its_own() -> None:
    """What moved between versions has not moved within them."""
    reference = pd.DataFrame({"amount": [0.0, 0.0, 100.0, 100.0], VERSION: ["1", "1", "2", "2"]})
    window = pd.DataFrame({"amount": [0.0, 100.0, 100.0], VERSION: ["1", "2", "2"]})
    split = by_version(SETTING)
    assert split.check(split.fit(reference), window).drift == []
    assert split.check(split.fit(reference), window.assign(amount=[0.0, 100.0, 300.0])).drift == ["amount"]


def test_a_tool_gets_features_alone_unless_it_asks(tmp_path: Path) -> None:
    """Time and version stay behind, and training is that of the old version."""
    place = tmp_path / "rolling_update"
    place.mkdir()
    table = pd.DataFrame({"amount": [0.0, 9.0], "at": [1.0, 2.0], VERSION: ["1", "2"]})
    table.to_parquet(place / "reference.parquet")
    table.to_parquet(place / "window.parquet")
    default, best = incidents(Tool(SETTING, {"rolling_update": by_version(SETTING)}), tmp_path)
    assert (default["by"], default["drift"]) == ("default", ["amount"])
    assert (best["by"], best["drift"]) == ("best", [])


def test_an_error_is_an_answer() -> None:
    """Its first line is kept, the other incidents go on."""
    table = pd.DataFrame({"explode": [1.0]})
    assert adapter.said_of(SETTING, table, table) == {"setting": "means", "error": "ValueError: no"}


def test_windows_are_checked_with_and_without_a_shift(tmp_path: Path) -> None:
    """The first column is moved in the second of each pair; a tool out of time stops after a pair."""
    path = tmp_path / "windows.npz"
    np.savez(path, reference=np.zeros((5, 2)), current=np.zeros((3, 4, 2)), shift=2.0)
    lines = list(windows(Tool(SETTING), path, 60.0))
    assert [line["kind"] for line in lines] == ["null", "shifted"] * 3
    assert [line["drift"] for line in lines] == [[], ["f0"]] * 3
    assert len(list(windows(Tool(SETTING), path, -1.0))) == 2


def test_shares_and_ratios_are_those_of_the_lines() -> None:
    """Half of two windows alarm; a median of three rounds; our own ratio is one."""
    alarms = [line for line in sections.alarms(_results()) if line.startswith("| frouros")]
    assert alarms == ["| frouros | 300 | 2 | 50% | 50% | 100% | 1.0 |"]
    speed = [line for line in sections.speed(_results()) if line.startswith("| frouros")]
    assert speed == ["| frouros | 10,000 x 20 | 3 | 1.000 s | 3.000 s | 1.0 | 1.0 | 100 MB |"]


def test_every_tool_is_in_every_table() -> None:
    """Who failed is there with the reason, who was not asked as not run."""
    for write in (sections.environments, sections.incidents, sections.alarms, sections.speed):
        text = "\n".join(write(_results()))
        assert "not run: does not install: x" in text or write is sections.incidents
        for tool in TOOLS:
            assert f"| {tool} |" in text
    assert "| nannyml | | not run | |" in text or "not run" in text


def test_words_of_a_tool_cannot_break_its_row() -> None:
    """A bar is escaped."""
    assert "a \\| b" in "\n".join(sections.incidents(_results()))


def test_only_what_lies_between_the_marks_is_written() -> None:
    """Twice the same answers leave the same page, and prose stays."""
    text = PAGE.read_text(encoding="utf-8")
    once = page(text, _results())
    assert page(once, _results()) == once
    prose = re.compile(r"(<!-- (?!end)[a-z ]+ -->\n).*?(\n<!-- end -->)", re.DOTALL)
    assert prose.sub(r"\1\2", once) == prose.sub(r"\1\2", text)
    with pytest.raises(ValueError, match="found no part between <!-- speed -->"):
        sections.placed("# Empty", "speed", iter(()))


def test_answers_are_kept_task_by_task(tmp_path: Path) -> None:
    """A run that stops leaves what was answered; a later one adds to it."""
    path = tmp_path / "results.json"
    Kept(path).put("frouros", "speed", SPEED)
    Kept(path).put("frouros", "windows", {"error": "x"})
    assert json.loads(path.read_text()) == {"frouros": {"speed": SPEED, "windows": {"error": "x"}}}


def test_a_failing_command_is_told_by_its_last_line() -> None:
    """So that the page can show it; and one that takes too long by its limit."""
    script = "import sys; sys.stderr.write('first\\nlast'); sys.exit(3)"
    environment = Environment("frouros", Path(sys.executable))
    found = answer(environment, "x", lambda: run([sys.executable, "-c", script], 60.0))
    assert found == {"error": "last"}
    with pytest.raises(PeerError, match="takes more than 0 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], 0.01)


@pytest.mark.parametrize("tool", TOOLS[1:])
def test_a_tool_has_an_adapter_and_pins(tool: str) -> None:
    """Each line names one version, and no address."""
    module = tool.replace("-", "_")
    assert (PINS / f"{module}_adapter.py").exists()
    lines = (PINS / f"{module}.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), lines
    assert any(line.startswith(f"{tool}==") for line in lines)
