from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from driftgauge import cli
from exporter.cli import register


@pytest.mark.parametrize("command", ["reference", "check", "compare"])
def test_a_parser_loads_no_reader_of_files(command: str) -> None:
    """Help and a mistyped option are answered without tables, terminals and validation."""
    code = (
        f"import sys; from driftgauge.cli import build_parser; build_parser({command!r}); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"pandas", "pyarrow", "sklearn", "rich", "pydantic", "exporter.tables"} & set(loaded.split())


@pytest.mark.parametrize(
    "command",
    [["reference"], ["reference", "build"], ["check"], ["compare"]],
    ids=" ".join,
)
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With every option explained."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: driftgauge {' '.join(command)} [-h]")
    assert "%(" not in out.replace("%(NAME)s", "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["reference"], "the following arguments are required: COMMAND"),
        (["reference", "build"], "the following arguments are required: DATA, --out, --model-name"),
        (["check"], "the following arguments are required: --reference, --current"),
        (["compare", "a.csv"], "the following arguments are required: CURRENT"),
        (["check", "--preset", "odd"], "argument --preset: invalid choice: 'odd'"),
        (
            ["check", "--preset", "balanced", "--policy", "x"],
            "argument --policy: not allowed with argument --preset",
        ),
        (["check", "--max-rows", "0"], "argument --max-rows: found '0', need an integer >= 1"),
    ],
)
def test_a_mistyped_command_line_is_exit_code_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The complaint names the option, what it found and what is needed."""
    required = [] if "required" in complaint else ["--reference", "r", "--current", "d"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, *required])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_every_option_stands_in_the_documentation() -> None:
    """A page that forgets one is worse than `--help`."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "command-line.md").read_text("utf-8")
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    register(subparsers)
    build = subparsers.choices["reference"]._subparsers
    assert build is not None
    (builders,) = (action.choices for action in build._group_actions)
    parsers = [*builders.values(), subparsers.choices["check"], subparsers.choices["compare"]]  # type: ignore[union-attr]
    options = {option for parser in parsers for action in parser._actions for option in action.option_strings}
    assert {option for option in options if not re.search(rf"{option}\b", page)} == {"-h", "--help"}
