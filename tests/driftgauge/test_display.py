from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from driftgauge.demo.display import (
    PLAIN_INTERVAL_SECONDS,
    LiveDisplay,
    PlainDisplay,
    display_for,
    lines_of,
    summary_of,
)
from driftgauge.demo.processes import Part
from driftgauge.demo.status import Alert, Status, Tally

PART = Part(
    name="inbox", command=[], url="http://127.0.0.1:9110", is_ready=lambda: True, ready_within_seconds=1.0
)

DRIFTING = Status(
    simulated_at=1_366_000_000.0,
    progress=0.05,
    rows=12_345,
    outcomes=12_000,
    features=14,
    drifted=("dew_point", "temperature"),
    firing=frozenset(
        Alert("ModelDriftDetected", feature, "warning") for feature in ("dew_point", "temperature")
    ),
    delivered=1,
    updated=2,
)


def test_plain_lines_show_addresses_and_numbers() -> None:
    """A log of the demo says where the parts are and how far it is."""
    output = io.StringIO()
    with PlainDisplay(Console(file=output), [PART]) as display:
        display.show(DRIFTING, 0.0)
    assert output.getvalue() == (
        "inbox:        http://127.0.0.1:9110\n"
        "simulated date 2013-04-15 (5% of the replay) | rows predicted 12,345 | outcomes known 12,000 | "
        "drifted features 2 of 14: dew_point, temperature | alerts firing 2: ModelDriftDetected (2) | "
        "messages delivered 1 and 2 updates\n"
    )


def test_plain_lines_come_with_news_or_now_and_then() -> None:
    """More rows say nothing soon after, a change of drift does, and so does time; the same never does."""
    output = io.StringIO()
    with PlainDisplay(Console(file=output), []) as display:
        display.show(DRIFTING, 0.0)
        display.show(replace(DRIFTING, rows=13_000), 1.0)
        assert output.getvalue().count("\n") == 1
        display.show(Status(rows=13_100), 1.5)
        assert output.getvalue().count("\n") == 2
        display.show(Status(rows=13_100), 1.5 + PLAIN_INTERVAL_SECONDS)
        assert output.getvalue().count("\n") == 2
        display.show(Status(rows=13_200), 1.5 + PLAIN_INTERVAL_SECONDS)
    assert output.getvalue().count("\n") == 3


def test_an_alert_that_is_warning_and_critical_is_shown_once() -> None:
    """What people count is what fires, not how severely."""
    both = frozenset(Alert("ModelDriftDetected", "wind", severity) for severity in ("warning", "critical"))
    assert ("alerts firing", "1: ModelDriftDetected") in lines_of(Status(firing=both))


def test_nothing_known_is_not_shown_as_nothing_wrong() -> None:
    """Before the first check, and without Prometheus, there is no number to show."""
    shown = dict(lines_of(Status()))
    assert shown["drifted features"] == "not checked yet"
    assert shown["alerts firing"] == "unknown without Prometheus"
    assert shown["simulated date"] == "not yet"


def test_a_terminal_gets_the_live_table_and_a_pipe_gets_lines() -> None:
    """The output itself decides."""
    terminal = Console(file=io.StringIO(), force_terminal=True)
    assert isinstance(display_for(terminal, []), LiveDisplay)
    assert isinstance(display_for(Console(file=io.StringIO()), []), PlainDisplay)


def test_the_live_table_shows_addresses_and_numbers() -> None:
    """The same facts as the plain lines, in place."""
    output = io.StringIO()
    with LiveDisplay(Console(file=output, force_terminal=True, width=100), [PART]) as display:
        display.show(DRIFTING, 0.0)
    text = output.getvalue()
    for fact in (
        "http://127.0.0.1:9110",
        "2013-04-15",
        "12,345",
        "dew_point, temperature",
        "messages delivered",
    ):
        assert fact in text


def test_the_summary_counts_drift_alerts_and_messages() -> None:
    """Two lines say how far it came and what arrived; the rest names what drifted."""
    tally = Tally()
    tally.add(DRIFTING, 31.4)
    assert summary_of(tally, 60.2) == [
        "The demo ran 60 s up to 2013-04-15: 12,345 rows predicted, 12,000 outcomes known.",
        "2 drift alerts, 1 message delivered and 2 updates, the first after 31 s.",
        "Drift alerts: ModelDriftDetected (2).",
        "Features that drifted: dew_point, temperature.",
    ]


def test_the_summary_of_nothing_claims_nothing() -> None:
    """A demo that ended before anything happened, without its components, says so."""
    assert summary_of(Tally(), 1.0, ["Prometheus", "Alertmanager"]) == [
        "The demo ran 1 s and ended before the replay began: 0 rows predicted, 0 outcomes known.",
        "0 drift alerts, 0 messages delivered.",
        "Without Prometheus and Alertmanager no alert could become a message.",
    ]
