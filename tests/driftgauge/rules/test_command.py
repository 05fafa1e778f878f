from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from driftgauge.cli import main
from driftgauge.resources import config_dir, rules_dir
from driftgauge.rules.command import rule_files, stale


def test_the_committed_rules_are_what_the_code_writes() -> None:
    """Whoever changes a bin, a constant or an objective runs `driftgauge rules build`."""
    assert stale(rules_dir(), rule_files()) == []


def test_a_stale_file_is_named_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` says which and fails, `build` mends it, and then both are content."""
    assert main(["rules", "build", "--folder", str(tmp_path)]) == 0
    (tmp_path / "fleet.rules.yaml").write_text("groups: []\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["rules", "check", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == f"{tmp_path / 'fleet.rules.yaml'}: not what the code writes, run driftgauge rules build\n"
    assert main(["rules", "build", "--folder", str(tmp_path)]) == 0
    assert main(["rules", "check", "--folder", str(tmp_path)]) == 0


def test_rules_for_larger_references_and_other_objectives_are_valid(tmp_path: Path) -> None:
    """A model of its own and twice the bins give rules that promtool accepts."""
    table = yaml.safe_load((config_dir() / "slo.yaml").read_text(encoding="utf-8"))
    table["models"] = {
        'odd "name"': {"latency": {"threshold_seconds": 1.0}, "availability": {"objective": 0.99}}
    }
    (tmp_path / "slo.yaml").write_text(yaml.safe_dump(table), encoding="utf-8")
    options = ["--folder", str(tmp_path), "--slo", str(tmp_path / "slo.yaml"), "--bins", "20"]
    assert main(["rules", "build", *options]) == 0
    assert 'edge", "38"' in (tmp_path / "fleet.rules.yaml").read_text(encoding="utf-8")
    command = [
        "promtool",
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        *map(str, tmp_path.glob("*.rules.yaml")),
    ]
    subprocess.run(command, check=True, capture_output=True)


def test_a_number_of_bins_that_no_reference_has_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, and nothing is written."""
    assert main(["rules", "build", "--folder", str(tmp_path), "--bins", "1"]) == 2
    assert capsys.readouterr().err == "driftgauge rules: --bins: found 1, need a number from 2 to 50\n"
    assert not list(tmp_path.iterdir())
