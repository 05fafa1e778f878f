"""The fleet's PSI in PromQL is the one that `exporter.statistics.distances.psi` has for the same counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from driftgauge.resources import rules_dir
from exporter.statistics.distances import psi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .conftest import Promtool

MINUTES = 60
REFERENCE_ROWS = 10_000
BINS = tuple(f"{i:02d}" for i in range(10))
SPECIAL = ("__other__", "__missing__", "__inf__")
UNIFORM = dict.fromkeys(BINS, 0.1)
TOLERANCE = 1e-9
"""Of the two numbers' relative difference: only rounding and the order of additions may part them."""


class Fleet:
    """Input series of one feature on several replicas, one sample a minute for an hour."""

    def __init__(self, feature: str) -> None:
        self.labels = {"model_name": "delay", "model_version": "1", "feature_name": feature}
        self.series: list[dict[str, str]] = [
            _series("model_info", {"model_name": "delay", "model_version": "1"}, f"1x{MINUTES}")
        ]

    def reference(self, ratios: Mapping[str, float], instance: str = "a") -> Fleet:
        """What a replica exports of the reference: shares of the values, missing and infinite beside them."""
        for bin_name, ratio in {**dict.fromkeys(SPECIAL, 0.0), **ratios}.items():
            self._add("model_reference_bin_ratio", f"{ratio!r}x{MINUTES}", bin=bin_name, instance=instance)
        self._add("model_reference_samples", f"{REFERENCE_ROWS}x{MINUTES}", instance=instance)
        return self

    def counts(self, per_minute: Mapping[str, int], instance: str = "a", *, values: str = "") -> Fleet:
        """Counters that grow by a number every minute, or as `values` says with `{}` for that number."""
        pattern = values or f"0+{{}}x{MINUTES}"
        for bin_name, step in {**dict.fromkeys(SPECIAL, 0), **per_minute}.items():
            self._add(
                "model_feature_bin_total", pattern.replace("{}", str(step)), bin=bin_name, instance=instance
            )
        return self

    def _add(self, metric: str, values: str, **labels: str) -> None:
        self.series.append(_series(metric, self.labels | labels, values))


def _series(metric: str, labels: Mapping[str, str], values: str) -> dict[str, str]:
    pairs = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series": f"{metric}{{{pairs}}}", "values": values}


def _drawn(seed: int, shares: Sequence[float], rows_per_minute: int = 50) -> dict[str, int]:
    """Whole rows per bin and minute, so that counters stay whole numbers."""
    drawn = np.random.default_rng(seed).multinomial(rows_per_minute, shares)
    return dict(zip(BINS, map(int, drawn), strict=True))


def _expected(reference: Mapping[str, float], *replicas: Mapping[str, float]) -> float:
    names = sorted({*reference, *(name for replica in replicas for name in replica)} - set(SPECIAL[1:]))
    current = [sum(replica.get(name, 0) for replica in replicas) * MINUTES for name in names]
    return psi([reference.get(name, 0.0) * REFERENCE_ROWS for name in names], current)


def _check(
    promtool: Promtool, tmp_path: Path, fleet: Fleet, expectations: Mapping[str, float | None]
) -> None:
    """Run expressions at the hour's end through the real rules; None means no series, else a value."""
    labels = ", ".join(f'{name}="{value}"' for name, value in fleet.labels.items())
    tests: list[dict[str, Any]] = []
    for record, value in expectations.items():
        selector = f"{record}{{{labels}}}"
        if value is None:
            tests.append({"expr": selector, "eval_time": f"{MINUTES}m", "exp_samples": []})
            continue
        # promtool 2.42 compares exactly; the tolerance has to be part of the expression.
        expr = f"abs({selector} - {value!r}) <= bool {max(TOLERANCE, abs(value) * TOLERANCE)!r}"
        tests.append(
            {
                "expr": expr,
                "eval_time": f"{MINUTES}m",
                "exp_samples": [{"labels": f"{{{labels}}}", "value": 1}],
            }
        )
    document = {
        "rule_files": [str(rules_dir() / "*.rules.yaml")],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": fleet.series, "promql_expr_test": tests}],
    }
    path = tmp_path / "fleet.test.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, width=10_000), encoding="utf-8")
    result = promtool("test", "rules", path)
    assert result.returncode == 0, result.stdout + result.stderr


PSI = "model_feature:drift_psi:increase1h"
SKEWED = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01])
HALF_EMPTY = np.array([0, 0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0, 0])


@pytest.mark.parametrize("replicas", [1, 5])
@pytest.mark.parametrize(
    "shares", [np.full(10, 0.1), SKEWED, HALF_EMPTY], ids=["same", "skewed", "half_empty"]
)
def test_psi_of_all_replicas_is_the_one_of_their_summed_counts(
    promtool: Promtool, tmp_path: Path, shares: np.ndarray[Any, np.dtype[np.float64]], replicas: int
) -> None:
    """Each replica exports the whole reference, and it is counted once."""
    fleet, counts = Fleet("temp"), []
    for i in range(replicas):
        counts.append(_drawn(i, list(shares)))
        fleet.reference(UNIFORM, f"replica{i}").counts(counts[-1], f"replica{i}")
    total = float(sum(sum(replica.values()) for replica in counts) * MINUTES)
    expected = {PSI: _expected(UNIFORM, *counts), "model_feature:model_feature_bin:increase1h": total}
    _check(promtool, tmp_path, fleet, expected | {"model_feature:drift_insufficient:increase1h": 0.0})


def test_a_bin_that_the_reference_never_had_counts_half_an_observation(
    promtool: Promtool, tmp_path: Path
) -> None:
    """Values in `__other__`, where the reference has none, move the PSI by a finite amount."""
    counts = _drawn(1, [0.1] * 10) | {"__other__": 7}
    fleet = Fleet("carrier").reference(UNIFORM).counts(counts)
    _check(promtool, tmp_path, fleet, {PSI: _expected(UNIFORM, counts)})


def test_a_bin_that_no_replica_exports_is_an_empty_one(promtool: Promtool, tmp_path: Path) -> None:
    """What drifted out of a bin is seen even where its counter never existed, and the other way round."""
    counts = _drawn(1, [0.1] * 10)
    lost = {name: count for name, count in counts.items() if name != "09"} | {"10": 5}
    fleet = Fleet("temp").reference(UNIFORM).counts(lost)
    _check(promtool, tmp_path, fleet, {PSI: _expected(UNIFORM, lost)})


def test_missing_and_infinite_values_take_no_part(promtool: Promtool, tmp_path: Path) -> None:
    """They are beside the distribution; the share of missing values is a number of its own."""
    counts = _drawn(2, list(SKEWED))
    fleet = Fleet("temp").reference(UNIFORM | {"__missing__": 0.01})
    fleet.counts(counts | {"__missing__": 50, "__inf__": 25})
    expected = {PSI: _expected(UNIFORM, counts), "model_feature:missing_per_row:ratio_increase1h": 50 / 125}
    _check(promtool, tmp_path, fleet, expected)


def test_a_restarted_replica_loses_nothing(promtool: Promtool, tmp_path: Path) -> None:
    """A counter that starts again at zero has grown, not shrunk."""
    first, second = _drawn(3, list(SKEWED)), _drawn(4, [0.1] * 10)
    fleet = Fleet("temp").reference(UNIFORM).reference(UNIFORM, "b")
    fleet.counts(first, "a", values="0+{}x30 {}+{}x29").counts(second, "b")
    _check(promtool, tmp_path, fleet, {PSI: _expected(UNIFORM, first, second)})


def test_a_replica_that_joins_late_counts_for_as_long_as_it_was_there(
    promtool: Promtool, tmp_path: Path
) -> None:
    """Its first scrape is zero, so it misses nothing, and nothing is extrapolated before it."""
    first, late = _drawn(5, [0.1] * 10), _drawn(6, list(SKEWED))
    fleet = Fleet("temp").reference(UNIFORM).reference(UNIFORM, "b")
    fleet.counts(first, "a").counts(late, "b", values="_x30 0+{}x30")
    weighted = {name: count * 30 / MINUTES for name, count in late.items()}
    _check(promtool, tmp_path, fleet, {PSI: _expected(UNIFORM, first, weighted)})


def test_a_new_version_is_compared_with_its_own_reference(promtool: Promtool, tmp_path: Path) -> None:
    """During a rolling update the old version's rows and reference stay with the old version."""
    old, new = _drawn(7, [0.1] * 10), _drawn(8, list(SKEWED))
    fleet = Fleet("temp").reference(UNIFORM).counts(old)
    fleet.labels = fleet.labels | {"model_version": "2"}
    own = dict(zip(BINS, map(float, SKEWED), strict=True))
    fleet.reference(own, "b").counts(new, "b")
    fleet.series.append(_series("model_info", {"model_name": "delay", "model_version": "2"}, f"1x{MINUTES}"))
    _check(promtool, tmp_path, fleet, {PSI: _expected(own, new)})


def test_too_few_rows_give_no_score_and_say_so(promtool: Promtool, tmp_path: Path) -> None:
    """One row a minute is sixty in the window, below the hundred that a score needs."""
    fleet = Fleet("rare").reference(UNIFORM).counts({"00": 1})
    expected = {
        PSI: None,
        "model_feature:missing_per_row:ratio_increase1h": None,
        "model_feature:drift_insufficient:increase1h": 1.0,
    }
    _check(promtool, tmp_path, fleet, expected)


def test_two_references_under_one_version_give_no_score(promtool: Promtool, tmp_path: Path) -> None:
    """Replicas that disagree about the reference cannot be judged, rather than wrongly."""
    other = UNIFORM | {"00": 0.2, "01": 0.0}
    fleet = Fleet("temp").reference(UNIFORM).reference(other, "b")
    fleet.counts(_drawn(9, [0.1] * 10)).counts(_drawn(10, [0.1] * 10), "b")
    _check(promtool, tmp_path, fleet, {PSI: None})
