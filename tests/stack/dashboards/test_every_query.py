"""Every expression of every dashboard, asked of the real Prometheus while the demo is replayed."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from driftgauge.resources import dashboards_dir

if TYPE_CHECKING:
    from .conftest import Recording

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PAGES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(dashboards_dir().glob("*.json"))
}

PATIENCE_SECONDS = 400.0
"""From the start until the last series must be there; measured: 12, and over 90 on a crowded machine."""

SECONDS_BETWEEN_LOOKS = 1.0

STEP_SECONDS = 5.0
"""Between the points of a screen, which shows the whole recording: how far the replay has come when a page is
asked depends on the machine, and some series come and go, such as the precision of days without an alarm."""

GRAFANA = {"__rate_interval": "15s", "__range": "5m"}
"""Four scrapes of a second would do for the first; a busy machine scrapes late."""

CHOICES = 3
"""Values of a variable that are tried, such as features: a numeric and a categorical one are among them."""

FEW_ALARMS = "an interval needs predicted alarms, and which days are replayed in time depends on the machine"
A_WEEK = "compares with a week ago, and the recording is of a minute"
A_DAY = "compares with a day ago, and the recording is of a minute"
NOTHING_FAILED = "shown only where something fails, and nothing does"

RIGHTLY_EMPTY: Mapping[tuple[str, str, str], str] = {
    ("model", "Error budget left", "A"): "is read every 15 minutes, and the recording is of a minute",
    (
        "performance",
        "Worse than one hour ago",
        "A",
    ): "compares with an hour ago, and the recording is of a minute",
    ("performance", "Precision", "B"): FEW_ALARMS,
    ("performance", "Precision", "C"): FEW_ALARMS,
    ("performance", "Time until an outcome", "C"): A_DAY,
    ("performance", "Coverage by outcomes", "B"): A_DAY,
    ("effects", "Value per predicted row", "B"): A_WEEK,
    ("effects", "Concentration beyond chance", "B"): A_WEEK,
    ("alerts", "Deliveries that failed, in a day", "A"): NOTHING_FAILED,
    ("itself", "Alerts lost on the way", "B"): NOTHING_FAILED,
    ("itself", "Refused and rejected", "A"): NOTHING_FAILED,
    ("itself", "Refused and rejected", "B"): NOTHING_FAILED,
    ("overview", "Model versions", "D"): "replicas that are down, and none is",
    ("rollout", "Candidates refused in a day", "A"): NOTHING_FAILED,
}
"""Page, panel and query that may be without data in the recording, and why that is right."""

RARE_MARKS = {
    "Retraining": "nobody asks for it in the recording",
}
"""Annotations without a mark in the recording."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One expression of a page."""

    page: str
    panel: str
    ref: str
    expr: str
    instant: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """How the list of rightly empty ones names it."""
        return self.page, self.panel, self.ref


def asks_of(name: str) -> Iterator[Ask]:
    """Every expression of a page's panels."""
    for panel in PAGES[name]["panels"]:
        for target in panel.get("targets", ()):
            yield Ask(name, panel["title"], target["refId"], target["expr"], bool(target.get("instant")))


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with its variables replaced as Grafana does."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: values[found[1] or found[2]], text)


def fillings(recording: Recording, page: Mapping[str, Any]) -> list[dict[str, str]]:
    """Values for all variables of a page, each list of them as a reader could choose it."""
    chosen: list[dict[str, str]] = [{}]
    for variable in page["templating"]["list"]:
        if variable["type"] != "query":
            continue
        name, longer = variable["name"], []
        for values in chosen:
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found is not None, name
            offered = recording.values(found[2], filled(found[1], values))
            if variable.get("includeAll"):
                offered = [variable["allValue"]] if offered else []
            preferred = variable.get("current", {}).get("value")
            offered.sort(key=lambda value, preferred=preferred: value != preferred)  # type: ignore[misc]
            longer += [{**values, name: value} for value in offered[:CHOICES]]
        chosen = longer
        assert chosen, f"the variable {name} finds nothing"
    return chosen


def has_data(recording: Recording, ask: Ask, values: Mapping[str, str]) -> bool:
    """Whether an expression has a number on the screen; a failure if Prometheus refuses it."""
    expr = filled(ask.expr, {**GRAFANA, **values})
    now = time.time()
    if ask.instant:
        result = recording.get("query", query=expr, time=now)["result"]
        points = [series["value"] for series in result]
    else:
        result = recording.get(
            "query_range", query=expr, start=now - recording.age, end=now, step=STEP_SECONDS
        )["result"]
        points = [point for series in result for point in series["values"]]
    return any(not math.isnan(float(value)) for _, value in points)


def without_data(
    recording: Recording, asks: Sequence[Ask], choices: Sequence[Mapping[str, str]]
) -> list[Ask]:
    """Expressions that have no number, whatever is chosen."""
    return [ask for ask in asks if not any(has_data(recording, ask, values) for values in choices)]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_panel_has_data_and_no_query_fails(recording: Recording, name: str) -> None:
    """Each expression is one that Prometheus takes, and finds something in the demo or rightly nothing."""
    missing = list(asks_of(name))
    while True:
        missing = without_data(recording, missing, fillings(recording, PAGES[name]))
        unexplained = [ask for ask in missing if ask.key not in RIGHTLY_EMPTY]
        if not unexplained or recording.age > PATIENCE_SECONDS:
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    assert not unexplained, "\n".join(f"{ask.key}: {ask.expr}" for ask in unexplained)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_annotation_marks_what_happened(recording: Recording, name: str) -> None:
    """Versions, promotions and alerts of the recording are marked."""
    missing = [
        Ask(name, annotation["name"], "Anno", annotation["target"]["expr"], instant=False)
        for annotation in PAGES[name].get("annotations", {}).get("list", ())
    ]
    while True:
        missing = without_data(recording, missing, fillings(recording, PAGES[name]))
        unexplained = [ask.panel for ask in missing if ask.panel not in RARE_MARKS]
        if not unexplained or recording.age > PATIENCE_SECONDS:
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    assert not unexplained


def test_the_list_of_empty_queries_names_queries_that_exist() -> None:
    """An entry for a query that was renamed would excuse nothing, or something else later."""
    assert set(RIGHTLY_EMPTY) <= {ask.key for name in PAGES for ask in asks_of(name)}


def test_a_query_that_finds_nothing_is_told_from_one_that_fails(recording: Recording) -> None:
    """An unknown series is empty, and an expression that is none fails with what was asked."""
    empty = Ask("none", "none", "A", 'model_info{model_name="nobody"}', instant=True)
    assert without_data(recording, [empty], [{}]) == [empty]
    with pytest.raises(AssertionError, match="model_info\\("):
        has_data(recording, Ask("none", "none", "A", "model_info(", instant=True), {})
