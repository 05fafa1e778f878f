"""driftgauge, by its defaults: a check of features, and the quality of the window's data."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from benchmarks.peers.adapter import TIME, VERSION, Said, Setting, Tool, main
from exporter import AssessmentPolicy, Reference, Report, check
from exporter.assessment.quality import QualityFinding, assess_quality
from exporter.columns import to_columns
from exporter.observation import Observations

NAMED_KINDS = ("missing_column", "missing", "out_of_range", "unseen_category", "type_error")
"""Kinds of damage that belong to a column."""

References = dict[str, Reference]
"""By version."""


def fit(rows: pd.DataFrame, *, seasonal: bool = False) -> References:
    """A reference for each version, as each version's exporter has."""
    versions = rows.pop(VERSION) if VERSION in rows else pd.Series("1", index=rows.index)
    references: References = {}
    for version, own in rows.groupby(versions):
        times = own.pop(TIME).to_numpy() if TIME in own else None
        references[version] = Reference.fit(
            own,
            model_name="compared",
            model_version=version,
            timestamps=times,
            season="hour_of_day" if seasonal else None,
        )
    return references


def quality_of(report: Report, reference: Reference, rows: pd.DataFrame) -> list[QualityFinding]:
    """Damage of columns, as the exporter's checks assess it."""
    columns = to_columns(rows)
    observations = Observations(times=np.zeros(len(rows)), features=dict(columns.arrays))
    found = assess_quality(observations, report, reference, AssessmentPolicy(), now=0.0)
    return [finding for kind, finding in found.findings.items() if finding.broken and kind in NAMED_KINDS]


def run(references: References, rows: pd.DataFrame) -> Said:
    """The rows of each version against that version's reference."""
    drift: list[str] = []
    quality: list[str] = []
    words = []
    versions = rows[VERSION] if VERSION in rows else pd.Series("1", index=rows.index)
    for version, part in rows.drop(columns=VERSION, errors="ignore").groupby(versions):
        reference = references[version]
        times = part[TIME].to_numpy() if TIME in part else None
        own = part.drop(columns=TIME, errors="ignore")
        report = check(reference, own, timestamps=times)
        drift += report.drifted_features
        for finding in quality_of(report, reference, own):
            quality += finding.where
            words.append(f"{finding.kind} {finding.value:.0%} in {', '.join(finding.where)}")
        words += [drift_words(report, name) for name in report.drifted_features]
    return Said(drift, quality, alarm=bool(drift), words="; ".join(words) or "no drift, data ok")


def drift_words(report: Report, name: str) -> str:
    """One drifted feature, with its largest statistic and its new categories."""
    findings = report.features[name].findings
    test, finding = max(
        ((test, found) for test, found in findings.items() if found.drift), key=lambda item: item[1].ratio
    )
    new = [category for found in findings.values() for category in found.details.get("new_categories", ())]
    text = f"{name} drift ({report.features[name].severity}): {test} {finding.effect:.2f}"
    return text + (f", new categories {', '.join(new)}" if new else "")


TOOL = Tool(
    default=Setting(
        "`check(reference, window)` and the quality of the window, per `model_version`",
        fit,
        run,
        needs=(VERSION,),
    ),
    best={
        "night": Setting(
            'a reference by hour of day, `season="hour_of_day"`',
            partial(fit, seasonal=True),
            run,
            needs=(TIME,),
        )
    },
)

if __name__ == "__main__":
    main(TOOL)
