"""Restarts, replicas that come and go, updates and few rows never give a wrong number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftgauge.resources import rules_dir
from exporter.statistics import psi

if TYPE_CHECKING:
    from .conftest import Evaluation, Fleet

MINUTES = 60
REFERENCE_ROWS = 10_000
BINS = tuple(f"{i:02d}" for i in range(10))
BESIDE = ("__missing__", "__inf__")
UNIFORM = dict.fromkeys(BINS, 0.1)
SKEWED = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01])
FLAT = np.full(10, 0.1)

RECORDS = {
    "psi": "model_feature:drift_psi:increase1h",
    "values": "model_feature:model_feature_bin:increase1h",
    "insufficient": "model_feature:drift_insufficient:increase1h",
    "conflict": "model_feature:reference_conflict:increase1h",
    "missing": "model_feature:missing_per_row:ratio_increase1h",
}

Expected = dict[tuple[str, str], float | None]


def drawn(seed: int, shares: np.ndarray[Any, np.dtype[np.float64]], rows: int = 50) -> dict[str, int]:
    """Whole rows per bin and minute, so that counters stay whole numbers."""
    return dict(zip(BINS, map(int, np.random.default_rng(seed).multinomial(rows, shares)), strict=True))


def expected_psi(reference: Mapping[str, float], *replicas: Mapping[str, float]) -> float:
    names = sorted({*reference, *(name for replica in replicas for name in replica)} - set(BESIDE))
    current = [sum(replica.get(name, 0) for replica in replicas) * MINUTES for name in names]
    return float(psi([reference.get(name, 0.0) * REFERENCE_ROWS for name in names], current))


def said(feature: str, version: str = "1", **values: float | None) -> Expected:
    """What the rules should have recorded of a feature, by short names; None for nothing."""
    labels = f'model_version="{version}", feature_name="{feature}"'
    return {(RECORDS[name], labels): value for name, value in values.items()}


def bins_and_values(fleet: Fleet) -> Expected:
    """What is counted where."""
    foreign = drawn(1, FLAT) | {"__other__": 7}
    fleet.reference("new_bin", UNIFORM, "a").counts("new_bin", foreign, "a")
    # No replica exports the last bin, and no reference has the one beyond.
    lost = {name: count for name, count in drawn(1, FLAT).items() if name != "09"} | {"10": 5}
    fleet.reference("lost_bin", UNIFORM, "a").counts("lost_bin", lost, "a")
    # An empty bin never counts more than the other side has in it.
    tiny, full = {"00": 0.9999, "01": 0.0001}, {"00": 2, "01": 0}
    fleet.reference("tiny", tiny, "a").counts("tiny", full, "a")
    beside = drawn(2, SKEWED) | {"__missing__": 50, "__inf__": 25}
    fleet.reference("beside", UNIFORM | {"__missing__": 0.01}, "a").counts("beside", beside, "a")
    return (
        said("new_bin", psi=expected_psi(UNIFORM, foreign))
        | said("lost_bin", psi=expected_psi(UNIFORM, lost))
        | said("tiny", psi=expected_psi(tiny, full))
        | said("beside", psi=expected_psi(UNIFORM, beside), values=50.0 * MINUTES, missing=50 / 125)
    )


def replicas_come_and_go(fleet: Fleet) -> Expected:
    """Restarts, and replicas that were not there for the whole hour."""
    early, late = drawn(5, FLAT), drawn(6, SKEWED)
    for feature in ("restart", "join", "leave"):
        fleet.reference(feature, UNIFORM, "a").reference(feature, UNIFORM, "b")
    fleet.counts("restart", early, "a", values="0+{}x30 {}+{}x29").counts("restart", late, "b")
    fleet.counts("join", early, "a").counts("join", late, "b", values="_x30 0+{}x30")
    fleet.counts("leave", early, "a").counts("leave", late, "b", values="0+{}x29 stale _x29")
    joined = {name: count / 2 for name, count in late.items()}
    # Half an interval beyond its last sample is extrapolated.
    left = {name: count * 29.5 / MINUTES for name, count in late.items()}
    return (
        said("restart", psi=expected_psi(UNIFORM, early, late), values=100.0 * MINUTES)
        | said("join", psi=expected_psi(UNIFORM, early, joined), values=75.0 * MINUTES)
        | said("leave", psi=expected_psi(UNIFORM, early, left))
    )


def few_rows(fleet: Fleet) -> Expected:
    """On both sides of the minimum."""
    fleet.reference("rare", UNIFORM, "a").counts("rare", {"00": 1}, "a")
    fleet.reference("just", {"00": 1.0}, "a").counts("just", {"00": 100}, "a", values="0x59 {}")
    fleet.reference("small", UNIFORM, "a", rows=99).counts("small", drawn(9, FLAT), "a")
    return (
        said("rare", psi=None, missing=None, insufficient=1.0)
        | said("just", psi=0.0, values=100.0, insufficient=0.0)
        | said("small", psi=None, insufficient=1.0)
    )


def versions_and_references(fleet: Fleet) -> Expected:
    """A rolling update, and references that do not belong together."""
    other = UNIFORM | {"00": 0.2, "01": 0.0}
    fleet.reference("torn", UNIFORM, "a").reference("torn", other, "b")
    fleet.counts("torn", drawn(9, FLAT), "a").counts("torn", drawn(10, FLAT), "b")
    fleet.version = "2"
    own = dict(zip(BINS, map(float, SKEWED), strict=True))
    fleet.replica("d").reference("join", own, "d").counts("join", drawn(8, SKEWED), "d")
    fleet.version = "3"  # of its two references one is gone again
    fleet.replica("e").replica("f", reference_version="another", values="1x20 stale")
    fleet.reference("join", UNIFORM, "e").counts("join", drawn(9, FLAT), "e")
    fleet.version = "4"  # left altogether; its counters are still in the hour
    fleet.replica("g", values="1x40 stale").counts("join", drawn(9, FLAT), "g", values="0+{}x40 stale")
    return (
        said("torn", psi=None, conflict=1.0)
        | said("join", "2", psi=expected_psi(own, drawn(8, SKEWED)), values=50.0 * MINUTES)
        | said("join", "3", psi=None, conflict=1.0)
        | said("join", "4", psi=None)
    )


CHAPTERS = (bins_and_values, replicas_come_and_go, few_rows, versions_and_references)


def broken(evaluation: Evaluation, fleet: Fleet, rules: Path | None = None) -> str:
    """What the rules get wrong; every chapter has features of its own."""
    for instance in ("a", "b"):
        fleet.replica(instance)
    expected: Expected = {}
    for chapter in CHAPTERS:
        fleet.version = "1"
        expected |= chapter(fleet)
    return evaluation.failures(fleet, expected, rules=rules)


def test_nothing_that_happens_to_a_fleet_gives_a_wrong_number(evaluation: Evaluation, fleet: Fleet) -> None:
    """Every chapter at once, in one Prometheus; what cannot be known has no score and says so."""
    failures = broken(evaluation, fleet)
    assert not failures, failures


BY_BIN = "by (model_name, model_version, feature_name, bin)"
COUNTS, REFERENCE = "model_feature_bin:model_feature_bin", "model_feature_bin:model_reference_bin_ratio:max"
SAMPLES = "model_feature:model_reference_samples:max"
RAW = "increase(model_feature_bin_total[1h])"

MUTATIONS = {
    "the reference is summed over replicas": (f"max {BY_BIN} (model_ref", f"sum {BY_BIN} (model_ref"),
    "only the largest replica counts": (f"sum {BY_BIN} (increase", f"max {BY_BIN} (increase"),
    "restarts are not seen": ("(increase(model_feature_bin_total", "(delta(model_feature_bin_total"),
    "an empty bin counts less": ("clamp_max(0.5 /", "clamp_max(0.05 /"),
    "an empty bin counts more than it may": ("), 1)", "), 9)"),
    "bins that nobody exports are lost": (f"or 0 * {REFERENCE}{{", "or 0 * none{"),
    "bins that no reference has are lost": (f"or 0 * ({COUNTS}:", "or 0 * (none:"),
    "infinite values take part": ("__missing__|__inf__", "__missing__"),
    "the minimum is one more": (":increase1h < bool on (model_name)", ":increase1h <= bool on (model_name)"),
    "a small reference is taken": (f"{SAMPLES} < bool", f"1e6 * {SAMPLES} < bool"),
    "shares need not add up": ("> bool 1e-06", "> bool 1e+06"),
    "a second reference is not noticed": ("count1h > bool 1)", "count1h > bool 2)"),
    "a reference that left is forgotten": ("(model_info[1h])", "(model_info[1m])"),
    "versions mix": (f"({RAW})", f'(label_replace({RAW}, "model_version", "1", "", ""))'),
    "conflicts are scored": ("reference_conflict:increase1h == 0", "reference_conflict:increase1h >= 0"),
    "few rows are scored": ("drift_insufficient:increase1h == 0", "drift_insufficient:increase1h >= 0"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_rule_that_is_wrong_is_caught(
    evaluation: Evaluation, fleet: Fleet, tmp_path: Path, mutation: str
) -> None:
    """Every condition in the rules is there for one of the chapters."""
    assert broken(evaluation, fleet, mutated(tmp_path, *MUTATIONS[mutation]))


def mutated(folder: Path, right: str, wrong: str) -> Path:
    """The shipped rules with something replaced."""
    text = (rules_dir() / "fleet.rules.yaml").read_text(encoding="utf-8")
    assert right in text
    path = folder / "mutated.rules.yaml"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    return path
