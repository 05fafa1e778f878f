"""What the reader of a report should do next, in the order in which it should be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .ranking import FAULTS, NOTED_RATIO, rank
from .text import share, title

if TYPE_CHECKING:
    from ..report import ColumnReport, Report

RUNBOOKS: Final = "docs/runbooks.md"
"""Where the headings below are, from the folder of the project."""

MANY_RATIO: Final = 0.3
"""Share of drifted features from which on one cause is likelier than many, as ModelManyFeaturesDrifted."""

NAMED: Final = 5
"""Columns named in one step."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, why, and the heading in the runbooks that says how."""

    what: str
    why: str
    runbook: str | None = None


def next_steps(report: Report) -> list[Step]:
    """What to do, the first thing first: data that is broken looks like drift."""
    return [*_data(report), *_drift(report), *_outputs(report), *_rest(report)]


def _data(report: Report) -> Iterator[Step]:
    lacking = report.quality["missing_columns"]
    if lacking:
        yield Step(
            f"Find out why {_named(lacking)} did not come.",
            "A model that is fed without its columns answers from defaults.",
            "ModelSchemaViolations",
        )
    broken = [column for column in _ranked(report) if any(_broken(column))]
    if broken:
        told = "; ".join(f"{title(column.name)}: {', '.join(_broken(column))}" for column in broken[:NAMED])
        more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        yield Step(
            "Look at the data before the world: rows are odd.",
            f"{told}{more}. Such faults look like drift, and no retraining mends them.",
            "ModelDataBroken",
        )


def _broken(column: ColumnReport) -> Iterator[str]:
    """Faults of the data alone: values out of range may be the world's, and fewer missing rows are none."""
    quality = column.quality
    missing = quality.get("missing_ratio", 0.0)
    if missing - quality["reference_missing_ratio"] >= NOTED_RATIO:
        yield f"missing {share(missing)}, was {share(quality['reference_missing_ratio'])}"
    for key in ("type_error_ratio", "infinite_ratio"):
        if quality.get(key, 0.0) >= NOTED_RATIO:
            yield f"{FAULTS[key]} {share(quality[key])}"


def _drift(report: Report) -> Iterator[Step]:
    drifted = [column.name for column in _ranked(report) if column.name in report.drifted_features]
    if not drifted:
        return
    if len(drifted) > 1 and report.drifted_ratio >= MANY_RATIO:
        yield Step(
            f"Look for one cause of the drift of {len(drifted)} features.",
            "So many at once have one cause more often than many: a join, a unit, a source, a season.",
            "ModelManyFeaturesDrifted",
        )
    yield Step(
        f"Begin with {_named(drifted)}.",
        "Since when, in which bins? A sharp edge in time is nearly always a change upstream; a slow slope is "
        "the world.",
        "ModelDriftDetected",
    )


def _outputs(report: Report) -> Iterator[Step]:
    if any(column.state == "drift" for column in report.prediction.values()):
        yield Step(
            "Ask what acts on the predictions: they moved.",
            "Thresholds, budgets and capacity behind the model were chosen for the reference's predictions.",
            "ModelPredictionDrift",
        )
    if report.label is not None and report.label.state == "drift":
        yield Step(
            "Measure the model on the new labels: the truth itself moved.",
            "Shares of classes that moved shift every calibrated score.",
            "ModelLabelDrift",
        )


def _rest(report: Report) -> Iterator[Step]:
    unknown = [column.name for column in _ranked(report) if column.state == "unknown"]
    if unknown:
        yield Step(
            f"Get an answer for {_named(unknown)}.",
            "Unknown is not ok: nothing could be decided there, for the reasons below.",
            "ModelDriftUnknown",
        )
    warned = [column.name for column in _ranked(report) if column.state == "warning"]
    if warned:
        yield Step(
            f"Keep an eye on {_named(warned)}.",
            "The change is certain and not yet large. Nothing needs to be done today.",
        )
    if all(column.state == "ok" for column in report.columns.values()):
        yield Step(
            "Nothing needs to be done.",
            "No change was both certain and large. One below `smallest detectable` in the tables would not "
            "have been seen.",
        )


def _ranked(report: Report) -> list[ColumnReport]:
    return sorted(report.columns.values(), key=rank)


def _named(names: list[str]) -> str:
    told = ", ".join(title(name) for name in names[:NAMED])
    return told if len(names) <= NAMED else f"{told} and {len(names) - NAMED} more"
