"""whylogs: a profile of each table, drift scores between them, and its constraints for damaged data."""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import whylogs as why
from whylogs.core.constraints import ConstraintsBuilder
from whylogs.core.constraints.factories import frequent_strings_in_reference_set, null_percentage_below_number
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

from benchmarks.peers.adapter import Said, Setting, Tool, by_version, main, named

NULL_MARGIN = 0.05
"""A constraint's number is the user's: this one is driftgauge's own threshold for missing values."""


def fit(rows: pd.DataFrame) -> Any:
    """The profile of the training rows, which could be kept in a file."""
    return why.log(rows).view()


def check(reference: Any, rows: pd.DataFrame) -> Said:
    """Columns of the category DRIFT."""
    scores = calculate_drift_scores(
        target_view=why.log(rows).view(), reference_view=reference, with_thresholds=True
    )
    drifted = {name: s["pvalue"] for name, s in scores.items() if s and s["drift_category"] == "DRIFT"}
    return Said(list(drifted), alarm=bool(drifted), words=named(drifted, "DRIFT, p ="))


@dataclass(frozen=True)
class Constrained:
    """A profile, the share of missing values in each column, and the values of each column of text."""

    view: Any
    missing: dict[str, float]
    texts: dict[str, set[str]]


def fit_constraints(rows: pd.DataFrame) -> Constrained:
    """What the constraints of a user who knows the training rows would say."""
    texts = rows.select_dtypes(exclude="number").columns
    missing = {str(name): float(share) for name, share in rows.isna().mean().items()}
    return Constrained(fit(rows), missing, {name: set(rows[name].dropna()) for name in texts})


def check_constraints(known: Constrained, rows: pd.DataFrame) -> Said:
    """Drift, and the constraints that fail; the profile lists the frequent values of a column of text."""
    view = why.log(rows).view()
    quality, words = [], []
    for name in rows.columns:
        builder = ConstraintsBuilder(dataset_profile_view=view)
        builder.add_constraint(null_percentage_below_number(name, known.missing[name] + NULL_MARGIN))
        if name in known.texts:
            builder.add_constraint(frequent_strings_in_reference_set(name, known.texts[name]))
        failed = [result[0].partition(" {")[0] for result in builder.build().report() if result[2] > 0]
        if failed:
            quality.append(name)
            words.append(f"fails: {', '.join(failed)}")
        if name in known.texts:
            items = view.get_column(name).get_metric("frequent_items").to_summary_dict()["frequent_strings"]
            new = [item.value for item in items if item.value not in known.texts[name]]
            words += [f"frequent strings include {', '.join(new)}"] if new else []
    drift = check(known.view, rows)
    return Said(drift.drift, quality, alarm=drift.alarm, words="; ".join([drift.words, *words]))


DEFAULT = Setting("profiles and `calculate_drift_scores(with_thresholds=True)`", fit, check)
CONSTRAINTS = Setting(
    "with constraints: `null_percentage_below_number`, `frequent_strings_in_reference_set`",
    fit_constraints,
    check_constraints,
)
TOOL = Tool(
    DEFAULT,
    best={"missing": CONSTRAINTS, "new_category": CONSTRAINTS, "rolling_update": by_version(DEFAULT)},
)

if __name__ == "__main__":
    main(TOOL)
