from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exporter.check import check
from exporter.cli.output import write_json
from exporter.cli.progress import reading
from exporter.cli.view import MAX_LINES, show_report
from exporter.reference import Reference
from exporter.rendering.text import plain
from exporter.report import Report


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def report(rng: np.random.Generator) -> Report:
    """Of sixty features: three drifted by 0.6, 1.2 and 2.4 standard deviations, one is missing."""
    table = {f"x{i:02d}": rng.normal(size=500) for i in range(60)}
    reference = Reference.fit(table, model_name="m", model_version="1")
    current = {name: rng.normal(size=500) for name in table}
    for name, shift in (("x05", 0.6), ("x06", 1.2), ("x07", 2.4)):
        current[name] += shift
    del current["x59"]
    return check(reference, current)


Shown = Callable[[Report], list[str]]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Lines of a report as a pipe gets them."""

    def lines(report: Report) -> list[str]:
        show_report(report, "policy balanced")
        return capsys.readouterr().out.splitlines()

    return lines


def test_columns_are_ranked_by_severity_and_score(shown: Shown, report: Report) -> None:
    """Drift first, the worst before the others; then unknown; then ok by score over threshold."""
    lines = shown(report)[1:]
    assert [line.split()[0] for line in lines[:4]] == ["x07", "x06", "x05", "x59"]
    severities = [line.split()[2] for line in lines[:3]]
    assert severities == sorted(severities, key=["critical", "high", "medium", "low"].index)
    assert lines[3].split()[1] == "unknown"
    ratios = [float(line.split()[3]) / float(line.split()[4]) for line in lines[4:40]]
    assert ratios == sorted(ratios, reverse=True)


def test_many_that_are_ok_are_only_counted(shown: Shown, report: Report) -> None:
    """A page, and how many more there are; what is not ok is never left out."""
    lines = shown(report)
    assert len(lines) == 1 + MAX_LINES + 3
    assert lines[-3] == "… and 10 more, all ok"
    drifted = {name: replace(column, state="warning") for name, column in report.features.items()}
    assert len(shown(replace(report, features=drifted))) == 1 + 60 + 2


def test_a_table_on_a_terminal_has_the_same_lines(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours for people, the same words; a name in brackets is no markup."""
    features = {f"[red]{name}": column for name, column in report.features.items()}
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    show_report(replace(report, features=features), "policy balanced")
    text = terminal.getvalue()
    assert "\x1b[" in text
    assert text.index("[red]x07") < text.index("[red]x06") < text.index("[red]x05") < text.index("[red]x59")


def test_a_table_on_a_terminal_without_rich_is_plain(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is wanted for its looks alone."""
    monkeypatch.setattr("exporter.cli.view.find_spec", lambda name: None)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    show_report(report, "policy balanced")
    assert terminal.getvalue().splitlines()[1].split()[:2] == ["x07", "drift"]
    assert "\x1b" not in terminal.getvalue()


def test_notes_say_what_is_wrong_with_the_data(rng: np.random.Generator, shown: Shown) -> None:
    """Shares of rows that are new: missing, of another type, infinite, out of range, unseen."""
    n = 1000
    reference = Reference.fit(
        {"a": rng.normal(size=n), "b": rng.choice(["x", "y"], n)}, model_name="m", model_version="1"
    )
    mixed = rng.normal(size=n).astype(object)
    mixed[:100], mixed[100:150], mixed[150:180], mixed[180:200] = None, "?", np.inf, 50.0
    cities = rng.choice(["x", "y"], n).astype(object)
    cities[:40] = "z"
    text = "\n".join(shown(check(reference, {"a": mixed, "b": cities})))
    assert "missing 10.0%, was 0.0%; of another type 5.0%; infinite 3.0%; out of range 2.0%" in text
    assert "unseen 4.0%" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Größe 价", "Größe 价"), ("a\nb", r"a\nb"), ("\x1b[0m", r"\x1b[0m"), ("\u202e", r"\u202e")],
)
def test_text_of_the_data_cannot_command_a_terminal(text: str, expected: str) -> None:
    """Letters of any script stay; control characters are written out."""
    assert plain(text) == expected


def test_json_goes_into_a_pipe_too(tmp_path: Any) -> None:
    """What cannot be renamed over is written as it is."""
    write_json("/dev/null", {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(str(tmp_path / "x.json"), {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_progress_is_a_line_now_and_then_without_a_terminal() -> None:
    """None for short work, one in ten seconds for long work."""
    now = 0.0
    stream = io.StringIO()
    with reading("reading x.csv", 5000, stream=stream, clock=lambda: now) as on_rows:
        for now in (5.0, 9.0, 11.0, 15.0, 22.0):  # noqa: B007 - the clock reads it
            on_rows(1000)
    assert stream.getvalue() == "reading x.csv: 3,000 of 5,000 rows\nreading x.csv: 5,000 of 5,000 rows\n"


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone when the work is done; an error passes through it."""
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    with reading("reading [x].csv", None, stream=terminal) as on_rows:
        on_rows(1000)
    assert "reading [x].csv" in terminal.getvalue()
    with pytest.raises(ZeroDivisionError), reading("reading", 10, stream=Terminal()) as on_rows:
        on_rows(1 // 0)


def test_segments_are_said_below_the_columns(shown: Shown, rng: np.random.Generator) -> None:
    """How many drifted, whether their mix did, and in which what did; nothing where none are kept."""

    def table(shift: float) -> dict[str, Any]:
        city = np.repeat(np.array(["big", "small", "[new]"], dtype=object), [1000, 800, 600])
        moved = np.where(city == "[new]", shift, 0.0)
        return {"city": city, **{f"x{i}": rng.normal(size=2400) + moved for i in range(7)}}

    reference = Reference.fit(table(0.0), model_name="m", model_version="1", segment_by="city")
    rows = table(1.0)
    rows = {name: values[60:1890] for name, values in rows.items()}
    lines = shown(check(reference, rows))
    at = lines.index("within 3 values of city: 0 drifted, 1 could not be decided; their mix: drift")
    assert lines[at + 1 :] == []
    lines = shown(check(reference, table(1.0)))
    assert lines[-2:] == [
        "within 3 values of city: 1 drifted; their mix: ok",
        "  [new]: x0, x1, x2, x3, x4 and 2 more (600 rows)",
    ]
    plain_reference = Reference.fit(table(0.0), model_name="m", model_version="1")
    assert not any(line.startswith("within") for line in shown(check(plain_reference, table(1.0))))
