"""Evidently: the data-drift preset, and its counts of missing and unlisted values for damaged data."""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

from typing import Any

import pandas as pd
from evidently import Report
from evidently.metrics import MissingValueCount, OutListValueCount, UniqueValueCount
from evidently.presets import DataDriftPreset
from evidently.tests import eq

from benchmarks.peers.adapter import Said, Setting, Tool, by_version, main, named


def fit(rows: pd.DataFrame) -> pd.DataFrame:
    """The training rows themselves: every report reads them again."""
    return rows


def check(reference: pd.DataFrame, rows: pd.DataFrame) -> Said:
    """Columns whose drift test fails, and whether half of them do."""
    return drift_of(Report([DataDriftPreset()], include_tests=True).run(rows, reference).dict())


def drift_of(found: dict[str, Any]) -> Said:
    """What the preset's metrics and tests say."""
    scores = {
        metric["id"]: (metric["config"]["column"], float(metric["value"]), metric["config"]["method"])
        for metric in found["metrics"]
        if metric["metric_name"].startswith("ValueDrift(")
    }
    failed = [
        scores[test["metric_config"]["metric_id"]]
        for test in found["tests"]
        if test["status"] == "FAIL" and test["metric_config"]["metric_id"] in scores
    ]
    counted = next(m for m in found["metrics"] if m["metric_name"].startswith("DriftedColumnsCount("))
    alarm = counted["value"]["share"] >= counted["config"]["drift_share"]
    words = "; ".join(named({name: score}, method) for name, score, method in failed) or "no drift"
    return Said([name for name, _, _ in failed], alarm=bool(alarm), words=words)


def check_missing(reference: pd.DataFrame, rows: pd.DataFrame) -> Said:
    """With a count of missing values for each column, tested against the training rows."""
    metrics = [DataDriftPreset(), *(MissingValueCount(column=name) for name in rows.columns)]
    found = Report(metrics, include_tests=True).run(rows, reference).dict()
    drift, failed = drift_of(found), failed_columns(found, "MissingValueCount(")
    words = f"{drift.words}; missing values test fails: {', '.join(failed) or 'none'}"
    return Said(drift.drift, failed, alarm=drift.alarm, words=words)


def check_categories(reference: pd.DataFrame, rows: pd.DataFrame) -> Said:
    """With the list of categories in training for each column of text."""
    metrics = [DataDriftPreset()]
    known = {name: list(reference[name].unique()) for name in rows.select_dtypes(exclude="number").columns}
    for name, values in known.items():
        metrics += [
            OutListValueCount(column=name, values=values, tests=[eq(0)]),
            UniqueValueCount(column=name),
        ]
    found = Report(metrics, include_tests=True).run(rows, reference).dict()
    drift, failed = drift_of(found), failed_columns(found, "OutListValueCount(")
    words = [drift.words, *(f"{name} has values out of its list" for name in failed)]
    for metric in found["metrics"]:
        if metric["metric_name"].startswith("UniqueValueCount("):
            name = metric["config"]["column"]
            new = [value for value in metric["value"]["counts"] if value not in known[name]]
            words += [f"unique values of {name} include {', '.join(new)}"] if new else []
    return Said(drift.drift, failed, alarm=drift.alarm, words="; ".join(words))


def failed_columns(found: dict[str, Any], metric_name: str) -> list[str]:
    """Columns with a failed test of one kind of metric."""
    columns = {
        metric["id"]: metric["config"]["column"]
        for metric in found["metrics"]
        if metric["metric_name"].startswith(metric_name)
    }
    failed = [test["metric_config"]["metric_id"] for test in found["tests"] if test["status"] == "FAIL"]
    return list(dict.fromkeys(columns[identity] for identity in failed if identity in columns))


DEFAULT = Setting("`DataDriftPreset()`", fit, check)
TOOL = Tool(
    DEFAULT,
    best={
        "missing": Setting(
            "with `MissingValueCount` per column and `include_tests=True`", fit, check_missing
        ),
        "new_category": Setting("with `OutListValueCount` and `UniqueValueCount`", fit, check_categories),
        "rolling_update": by_version(DEFAULT),
    },
)

if __name__ == "__main__":
    main(TOOL)
