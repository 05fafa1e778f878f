"""The committed dashboards are what the code builds, and what Grafana and a reader at night need."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.build import main, stale
from dashboards.page import GRID_COLUMNS, PAGES
from exporter.assessment.policy import QUALITY_KINDS
from exporter.metrics import CLASSIFICATION_MEASURES, ESTIMATED_MEASURES, REGRESSION_MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .conftest import Labels

WITHOUT_QUERIES = {"row", "text"}

SLOW = ("check_duration", "commit_duration", "model_outcomes_total")
"""What comes every few minutes or in batches: its rate is taken over an hour, as the alerts do."""

LINES = r"alert_threshold|_threshold\b|_deadline_seconds\b|_margin\b|_tolerance\b|^vector\(1\)$"
"""What a dashed line may be: a series that an alert, the exporter or the bridge decides by."""

UNITS = {
    "none", "short", "s", "dtdurations", "percentunit", "reqps", "rowsps", "cps", "bytes",
}  # fmt: skip
"""Units that the pages use; a new one is added here on purpose, after a look at Grafana's list."""

DURATIONS = {"$__rate_interval": "5m", "$__range": "6h"}
"""What stands in for Grafana's variables where PromQL wants a duration."""

Page = dict[str, Any]


@pytest.fixture(scope="session")
def pages(dashboard_files: list[Path]) -> dict[str, Page]:
    """File name to its content."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in dashboard_files}


def _panels(page: Page) -> Iterator[Page]:
    yield from (panel for panel in page["panels"] if panel["type"] != "row")


def _queried(pages: Mapping[str, Page]) -> Iterator[tuple[str, Page, str]]:
    """Where, panel and expression of every query of every panel."""
    for name, page in pages.items():
        for panel in _panels(page):
            for target in panel.get("targets", ()):
                yield f"{name}: {panel['title']}", panel, target["expr"]


def _plain(expression: str) -> str:
    for variable, duration in DURATIONS.items():
        expression = expression.replace(variable, duration)
    return expression


def _spelled_out(selector: str) -> list[str]:
    """A selector of several metrics by `__name__`, as one selector for each."""
    found = re.match(r'\{__name__=~"(\w*)\(([\w|]+)\)(\w*)", ', selector)
    if found is None:
        return [selector]
    return [f"{found[1]}{name}{found[3]}{{{selector[found.end() :]}" for name in found[2].split("|")]


def test_the_files_are_what_the_code_builds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Regenerating changes nothing; a file that is missing or foreign is named."""
    assert stale() == []
    assert main(["--check"]) == 0
    (tmp_path / "old.json").write_text("{}", encoding="utf-8")
    assert set(stale(tmp_path)) == {
        "old.json",
        *(f"{uid.removeprefix('driftgauge-')}.json" for uid, _ in PAGES),
    }
    assert capsys.readouterr().err == ""


def test_grafana_knows_every_key(pages: dict[str, Page]) -> None:
    """Reading a file into Grafana's own types and writing it again loses nothing, so no key is a typo."""
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415 - warns unless ours came first

    for name, page in pages.items():
        again = json.loads(json.dumps(Dashboard.from_json(page), cls=JSONEncoder))
        assert again == page, name


def test_uids_and_titles_are_the_ones_that_links_use(pages: dict[str, Page]) -> None:
    """Alerts and pages link by uid; a uid that changes breaks every link that was ever sent."""
    assert {(page["uid"], page["title"]) for page in pages.values()} == set(PAGES)


def test_pages_refresh_and_cannot_be_edited(pages: dict[str, Page]) -> None:
    """An edit in the browser would be lost at the next start."""
    for page in pages.values():
        assert page["editable"] is False
        assert page["refresh"] == "30s"
        assert page["schemaVersion"] >= 42
        assert "id" not in page


def test_no_panel_covers_another_or_leaves_the_grid(pages: dict[str, Page]) -> None:
    """Every panel has its own place, within 24 columns."""
    for name, page in pages.items():
        cells = [panel["gridPos"] for panel in page["panels"]]
        for cell in cells:
            assert 0 <= cell["x"] < cell["x"] + cell["w"] <= GRID_COLUMNS, name
        for a, b in combinations(cells, 2):
            beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            apart = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
            assert beside or apart, f"{name}: {a} {b}"


def test_ids_and_reference_ids_are_set_and_unique(pages: dict[str, Page]) -> None:
    """Links to one panel and overrides for one query need them."""
    for name, page in pages.items():
        ids = [panel["id"] for panel in page["panels"]]
        assert all(ids), name
        assert len(set(ids)) == len(ids), name
        for panel in _panels(page):
            refs = [target["refId"] for target in panel.get("targets", ())]
            assert all(refs), panel["title"]
            assert len(set(refs)) == len(refs), panel["title"]


def test_every_panel_says_what_it_shows(pages: dict[str, Page]) -> None:
    """A title, a sentence, a unit, and a legend where there are lines."""
    for name, page in pages.items():
        for panel in _panels(page):
            where = f"{name}: {panel['title']}"
            assert panel["title"], where
            assert re.search(r"\w.*[.;]$", panel["description"]), where
            if panel["type"] in WITHOUT_QUERIES:
                continue
            assert panel["targets"], where
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, where
            if panel["type"] in {"timeseries", "state-timeline", "barchart"}:
                assert panel["options"]["legend"]["showLegend"] is True, where
            for override in panel["fieldConfig"].get("overrides", ()):
                for setting in override["properties"]:
                    if setting["id"] == "unit":
                        assert setting["value"] in UNITS, where


def test_titles_differ_within_a_page(pages: dict[str, Page]) -> None:
    """A screenshot must name its panel."""
    for name, page in pages.items():
        titles = [panel["title"] for panel in _panels(page)]
        assert len(set(titles)) == len(titles), name


def test_every_query_asks_the_chosen_data_source(pages: dict[str, Page]) -> None:
    """Panels, queries, variables and annotations follow the variable `datasource`."""
    for name, page in pages.items():
        variables = page["templating"]["list"]
        assert variables[0]["name"] == "datasource"
        asked = [variable["datasource"] for variable in variables if variable["type"] == "query"]
        asked += [annotation["datasource"] for annotation in page.get("annotations", {}).get("list", ())]
        for panel in _panels(page):
            if panel["type"] not in WITHOUT_QUERIES:
                asked += [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in asked), name


def test_variables_follow_the_time_range(pages: dict[str, Page]) -> None:
    """A model that was renamed last month is still found when last month is shown."""
    for page in pages.values():
        for variable in page["templating"]["list"]:
            if variable["type"] == "query":
                assert variable["refresh"] == 2, variable["name"]


def test_every_series_and_label_in_a_query_exists(pages: dict[str, Page], labels: Labels) -> None:
    """Expressions parse, and name only series and labels that somebody exports or records."""
    count = 0
    for where, _, expression in _queried(pages):
        try:
            labels.check(_plain(expression))
        except (ValueError, AssertionError) as error:
            pytest.fail(f"{where}: {error}")
        count += 1
    assert count > 300


def test_variables_and_annotations_ask_for_what_exists(pages: dict[str, Page], labels: Labels) -> None:
    """A variable that finds nothing leaves every panel of its page empty."""
    for page in pages.values():
        for annotation in page.get("annotations", {}).get("list", ()):
            labels.check(annotation["target"]["expr"])
        for variable in page["templating"]["list"]:
            if variable["type"] == "query":
                found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
                assert found is not None
                for selector in _spelled_out(found[1]):
                    assert found[2] in labels.check(selector), variable["name"]
                assert found[2] == variable["name"], "links set variables by the label's name"


def test_deployments_rollouts_and_alerts_are_marked(pages: dict[str, Page]) -> None:
    """A line that jumps is read beside what was changed; requests to retrain are marked where they matter."""
    for name, page in pages.items():
        marks = {annotation["name"] for annotation in page.get("annotations", {}).get("list", ())}
        if name != "runbooks.json":
            assert {"New versions", "Promotions", "Rollbacks", "Alerts"} <= marks, name
        assert ("Retraining" in marks) == (name in {"overview.json", "alerts.json", "rollout.json"}), name


def test_every_kind_of_damage_has_its_panel(pages: dict[str, Page]) -> None:
    """Each kind that the exporter judges is drawn with its own threshold."""
    drawn = [expression for _, _, expression in _queried({"quality": pages["quality.json"]})]
    for kind in QUALITY_KINDS:
        for family in ("model_quality_score", "model_quality_threshold"):
            assert any(family in each and f'kind="{kind}"' in each for each in drawn), kind


def test_every_measure_has_its_panel(pages: dict[str, Page]) -> None:
    """Real, with its interval, and at training time; and estimated where the exporter estimates it."""
    drawn = " ".join(expression for _, _, expression in _queried({"p": pages["performance.json"]}))
    for measure in (*CLASSIFICATION_MEASURES, *REGRESSION_MEASURES):
        for needed in (f"max(model_{measure}{{", f"model_{measure}_reference{{", f'measure="{measure}"'):
            assert needed in drawn, measure
    for measure in ESTIMATED_MEASURES:
        assert f"model_estimated_{measure}{{" in drawn, measure


def test_every_variable_in_a_query_is_one_of_its_page(pages: dict[str, Page]) -> None:
    """`$feature_name` without such a variable is sent to Prometheus as it stands."""
    for name, page in pages.items():
        known = {variable["name"] for variable in page["templating"]["list"]}
        for where, _, expression in _queried({name: page}):
            used = set(re.findall(r"\$\{?(\w+)", expression)) - {"__rate_interval", "__range"}
            assert used <= known, where


def test_a_rate_over_the_screen_fits_any_scrape_interval(pages: dict[str, Page]) -> None:
    """rate() takes $__rate_interval; a fixed range is for counts `in the last hour` and the like."""
    for where, panel, expression in _queried(pages):
        for span in re.findall(r"(?:rate|irate)\([^\[]*\[([^\]]+)\]", expression):
            slow = any(name in expression for name in SLOW)
            assert span == "$__rate_interval" or (slow and span == "1h"), where
        for span in re.findall(r"increase\([^\[]*\[([^\]]+)\]", expression):
            assert span in {"$__rate_interval", "1h", "1d"}, where
            if span != "$__rate_interval":
                assert re.search(r"hour|day|24", panel["description"]), where


def test_a_counter_is_never_shown_raw(pages: dict[str, Page]) -> None:
    """The value of a counter says how long its process has lived."""
    for where, _, expression in _queried(pages):
        for counter in re.findall(r"\b\w+_total\b(?!\w)(\{[^}]*\})?(\[)?", expression):
            assert counter[1] == "[", where


def test_a_table_has_the_columns_that_it_names(pages: dict[str, Page], labels: Labels) -> None:
    """Each query of a table yields exactly the labels that become columns, so that rows join."""
    tables = 0
    for page in pages.values():
        for panel in _panels(page):
            if panel["type"] not in {"table", "barchart"}:
                continue
            shape = next(t for t in panel["transformations"] if t["id"] in {"organize", "groupingToMatrix"})
            names = shape["options"].get("renameByName")
            if names is None:
                columns = {shape["options"]["rowField"], shape["options"]["columnField"]}
            else:
                columns = {name for name in names if not name.startswith("Value")}
            for target in panel["targets"]:
                assert labels.check(_plain(target["expr"])) == columns, f"{panel['title']}: {target['expr']}"
                assert target["instant"] is True
                assert target["format"] == "table"
            tables += 1
    assert tables >= 12


def test_threshold_lines_come_from_exported_series(pages: dict[str, Page]) -> None:
    """Every dashed line is a series that something is decided by, or the 1 of a ratio to it."""
    lines = 0
    for where, panel, _ in _queried(pages):
        for override in panel["fieldConfig"].get("overrides", ()):
            if any(setting["id"] == "custom.lineStyle" for setting in override["properties"]):
                target = next(t for t in panel["targets"] if t["refId"] == override["matcher"]["options"])
                assert re.search(LINES, target["expr"]), where
                lines += 1
    assert lines > 50


def test_links_lead_to_pages_that_exist(pages: dict[str, Page]) -> None:
    """Every page links to every other one, and no link leads nowhere."""
    uids = {page["uid"] for page in pages.values()}
    for page in pages.values():
        assert {link["url"].removeprefix("/d/") for link in page["links"]} == uids - {page["uid"]}
        for uid in re.findall(r'"/d/([\w-]+)', json.dumps(page)):
            assert uid in uids


def test_the_first_page_answers_the_first_question_at_a_glance(pages: dict[str, Page]) -> None:
    """Without scrolling: how many are down or drift, how many alerts, and which model it is."""
    page = pages["overview.json"]
    seen = {panel["title"] for panel in _panels(page) if panel["gridPos"]["y"] < 14}
    assert {"Versions down", "Versions drifting", "Critical alerts", "Model versions"} <= seen
    drift = {panel["title"] for panel in _panels(pages["drift.json"]) if panel["gridPos"]["y"] < 14}
    assert {"Features in drift", "State of every feature", "Furthest from the reference"} <= drift


def test_grafana_is_given_these_pages_and_this_data_source(root: Path) -> None:
    """The provisioning files name the folder that Compose mounts and the uid that the pages expect."""
    folder = root / "config/grafana/provisioning"
    provider = yaml.safe_load((folder / "dashboards/driftgauge.yaml").read_text("utf-8"))["providers"][0]
    source = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text("utf-8"))["datasources"][0]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert source["uid"] == "driftgauge-prometheus"
    assert source["type"] == "prometheus"
    compose = yaml.safe_load((root / "docker-compose.yaml").read_text("utf-8"))
    mounts = {volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"] if ":" in volume}
    assert provider["options"]["path"] in mounts
