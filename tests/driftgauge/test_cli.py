from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from alerting.errors import AlertingError
from driftgauge import cli
from driftgauge.errors import DriftgaugeError, FlightDataError, PortError
from exporter.errors import ExporterError, ReferenceDataError


def run_raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of a command that raises."""

    def fail(arguments: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr("driftgauge.demo.command.run", fail)
    return cli.main(["demo"])


@pytest.mark.parametrize(
    "error",
    [
        DriftgaugeError("port 1: found\n  that, need this"),
        PortError("port 1: found that, need this"),
        FlightDataError("port 1: found that, need this"),
        ExporterError("port 1: found that, need this"),
        ReferenceDataError("port 1: found that, need this"),
        AlertingError("port 1: found that, need this"),
    ],
)
def test_an_error_of_ours_is_one_line_and_exit_code_2(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad input is answered in one line on stderr that names the command."""
    assert run_raising(error, monkeypatch) == 2
    assert capsys.readouterr() == ("", "driftgauge demo: port 1: found that, need this\n")


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody raised on purpose is not dressed up as bad input."""
    with pytest.raises(ZeroDivisionError):
        run_raising(ZeroDivisionError(), monkeypatch)


def test_ctrl_c_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """As shells report a program that SIGINT ended."""
    assert run_raising(KeyboardInterrupt(), monkeypatch) == 130


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    """`driftgauge ... | head` ends quietly."""
    code = (
        "import sys, driftgauge.demo.command as command; from driftgauge import cli; "
        "command.run = lambda arguments: print('x' * 1_000_000) or 0; sys.exit(cli.main(['demo']))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


def test_the_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints name and version and ends well."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"driftgauge {version('driftgauge')}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["demo", "--speed", "0"], "--speed: found '0', need a number above 0"),
        (["demo", "--speed", "fast"], "--speed: found 'fast', need a number above 0"),
        (["demo", "--exit-after", "-1"], "--exit-after: found '-1', need a number above 0"),
        (["demo", "--exit-after", "nan"], "--exit-after: found 'nan', need a number above 0"),
        (["demo", "--model-port", "x"], "--model-port: invalid int value: 'x'"),
        (["dashboards", "paint"], "invalid choice: 'paint'"),
        ([], "COMMAND"),
        (["nothing"], "invalid choice: 'nothing'"),
    ],
)
def test_a_mistyped_command_line_is_exit_code_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The complaint names the option and what it found."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "bridge", "audit", "dashboards"])
def test_commands_that_need_nothing_heavy_load_nothing_heavy(command: str) -> None:
    """Their parser comes without the tables, the statistics and the terminal."""
    code = (
        f"import sys; from driftgauge.cli import build_parser; build_parser({command!r}); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "pandas", "sklearn", "scipy", "rich", "requests"} & set(loaded.split())


def test_the_command_line_has_the_commands_of_all_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """Help lists what exporter, bridge and demo can do."""
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    help_text = capsys.readouterr().out
    for command in ("demo", "bridge", "audit", "dashboards", "reference", "check", "compare"):
        assert re.search(rf"^    {command}\b", help_text, re.MULTILINE), command


def test_a_command_of_the_exporter_is_reached(capsys: pytest.CaptureFixture[str]) -> None:
    """Its errors are one line like all others."""
    assert cli.main(["check", "--reference", "/nowhere/r.json", "--current", "/nowhere/d.csv"]) == 2
    assert re.fullmatch(r"driftgauge check: /nowhere/.*\n", capsys.readouterr().err)


def test_dashboards_can_be_checked_in_a_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The committed JSON is what the code builds, and without a builder the command says what is needed."""
    assert cli.main(["dashboards", "check"]) == 0
    monkeypatch.setattr("driftgauge.dashboards.BUILDER", Path("/nowhere/dashboards/build.py"))
    assert cli.main(["dashboards", "check"]) == 2


def test_the_module_runs_as_the_command() -> None:
    """`python -m driftgauge` is the same command line."""
    command = [sys.executable, "-m", "driftgauge", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, f"driftgauge {version('driftgauge')}\n")
