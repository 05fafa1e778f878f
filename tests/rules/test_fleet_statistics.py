"""Every statistic that the rules record is the one that `exporter.statistics` has for the same counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency, norm

from driftgauge.resources import rules_dir
from exporter.statistics import Sample, chi_square, cramers_v, jensen_shannon_divergence, ks_statistic, psi

if TYPE_CHECKING:
    from .conftest import Evaluation, Fleet

REFERENCE_ROWS = 10_000
DAY_AND_BEYOND = 26 * 60 + 4
"""Minutes: a day after the first full hour, and no multiple of the quarters between the hours, at whose very
ends Prometheus 2 counts one hour more than Prometheus 3."""

NUMERIC = {f"{i:02d}": 0.1 for i in range(10)}
GAPS = {**{f"{i:02d}": 0.0625 for i in range(16)}, "03": 0.0, "04": 0.125}
CITIES = {"ATL": 0.5, "BOS": 0.3, "ORD": 0.15, "never": 0.0, "__other__": 0.05}
EDGES = ("0.2", "0.4", "0.6", "0.8", "+Inf")
SCORES = (0.2, 0.2, 0.2, 0.2, 0.2)
CLASSES = {"no": 0.7, "yes": 0.3, "__other__": 0.0}


def statistics(
    reference: Mapping[str, float], counts: Mapping[str, float], *, ordered: bool
) -> dict[str, float | None]:
    """By the name in a record."""
    names = [*reference, *(name for name in counts if name not in reference)]
    table = np.array(
        [[reference.get(n, 0.0) * REFERENCE_ROWS for n in names], [counts.get(n, 0) for n in names]]
    )
    chi = chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False)
    spread = 2 / (9 * chi.dof)
    found: dict[str, float | None] = {
        "psi": float(psi(*table)),
        "jensen_shannon": jensen_shannon_divergence(*table),
        "cramers_v": cramers_v(*table),
        "chi_square": float(chi.statistic),
        "degrees_of_freedom": float(chi.dof),
        "z": float(((chi.statistic / chi.dof) ** (1 / 3) - 1 + spread) / math.sqrt(spread)),
        "ks": None,
    }
    if ordered:
        order = sorted(range(len(names)), key=lambda i: names[i])  # the special bins sort behind the digits
        sides = (np.repeat(np.arange(len(names)), table[side, order].round().astype(int)) for side in (0, 1))
        found["ks"] = ks_statistic(*(Sample.of(side.astype(float)) for side in sides))
    return found


def grown(step: Mapping[str, int], minutes: int) -> dict[str, float]:
    return {name: count * minutes for name, count in step.items()}


def summed(replicas: list[dict[str, int]]) -> dict[str, int]:
    return {
        name: sum(replica.get(name, 0) for replica in replicas) for replica in replicas for name in replica
    }


def drawn(rng: np.random.Generator, ratios: Mapping[str, float], rows: int) -> dict[str, int]:
    """Rows a minute that are distributed differently from the reference; the last bin stays empty."""
    weights = np.array(list(ratios.values())) + 0.01
    weights *= rng.uniform(0.3, 2.0, len(weights))
    weights[-1] = 0.0
    return dict(zip(ratios, map(int, rng.multinomial(rows, weights / weights.sum())), strict=True))


def everything(fleet: Fleet, replicas: int, span: str, counted: int) -> dict[tuple[str, str], float | None]:
    """Numbers, categories, scores and classes on some replicas, and what should be recorded of them."""
    rng = np.random.default_rng(5 + replicas)
    steps: dict[str, list[dict[str, int]]] = {"temp": [], "rain": [], "city": [], "score": [], "class": []}
    for i in range(replicas):
        instance = f"replica{i}"
        fleet.replica(instance)
        for feature, ratios, kind in (
            ("temp", NUMERIC, "numeric"), ("rain", GAPS, "numeric"), ("city", CITIES, "categorical"),
        ):  # fmt: skip
            step = drawn(rng, ratios, 90) | ({"__other__": 3} if feature == "temp" else {})
            steps[feature].append(step)
            fleet.reference(feature, ratios, instance, kind=kind)
            fleet.counts(feature, step | {"__missing__": 10, "__inf__": 4}, instance)
        scores, classes = drawn(rng, dict(zip(EDGES, SCORES, strict=True)), 70), drawn(rng, CLASSES, 70)
        steps["score"].append(
            dict(zip((f"{k:02d}" for k in range(len(EDGES))), scores.values(), strict=True))
        )
        steps["class"].append(classes)
        fleet.scores(EDGES, SCORES, list(scores.values()), instance)
        fleet.classes(CLASSES, classes, instance)
    expected: dict[tuple[str, str], float | None] = {}
    bins = {f"{k:02d}": ratio for k, ratio in enumerate(SCORES)}
    levels = dict.fromkeys(("temp", "rain", "city"), "model_feature") | dict.fromkeys(
        ("score", "class"), "model_prediction"
    )
    references = {"temp": NUMERIC, "rain": GAPS, "city": CITIES, "score": bins, "class": CLASSES}
    for name, level in levels.items():
        ratios = references[name]
        label = f'{"feature_name" if level == "model_feature" else "output"}="{name}"'
        found = statistics(
            ratios, grown(summed(steps[name]), counted), ordered=name in {"temp", "rain", "score"}
        )
        expected |= {(f"{level}:drift_{test}:increase{span}", label): value for test, value in found.items()}
        expected[f"{level}:drift_insufficient:increase{span}", label] = 0.0
        expected[f"{level}:reference_conflict:increase{span}", label] = 0.0
    rows = counted * sum(sum(step.values()) for step in steps["temp"])
    temp = 'feature_name="temp"'
    expected[f"model_feature:model_feature_bin:increase{span}", temp] = float(rows)
    expected[f"model_feature:rows:increase{span}", temp] = float(rows + counted * replicas * 14)
    return expected


@pytest.mark.parametrize("replicas", [1, 5])
@pytest.mark.parametrize(
    ("span", "minutes", "counted", "every"),
    [("1h", 60, 60, "10m"), pytest.param("1d", DAY_AND_BEYOND, 24 * 60, "4m", marks=pytest.mark.slow)],
)
def test_every_statistic_is_the_exporter_s(
    evaluation: Evaluation,
    fleet_of: Callable[[int], Fleet],
    span: str,
    minutes: int,
    counted: int,
    every: str,
    replicas: int,
) -> None:
    """Of numbers, categories, scores and classes, of any number of replicas, over both ranges."""
    fleet = fleet_of(minutes)
    failures = evaluation.failures(fleet, everything(fleet, replicas, span, counted), every=every)
    assert not failures, failures


MUTATIONS = {
    "bits become nats": ("* log2(", "* ln("),
    "Jensen-Shannon is doubled": ("clamp(0.5 *", "clamp(1 *"),
    "Cramer's V is too large": ("sqrt(0.5 *", "sqrt(1 *"),
    "an edge of KS is lost": ('max{bin=~"00|01|02"}', 'max{bin=~"00|01"}'),
    "KS leaves out what is no number": ("|__other__", ""),
    "KS is signed": ("(abs(\n", "((\n"),
    "categories have a KS": ('model_feature_info{kind="numeric"}', "model_feature_info"),
    "the reference is taken as exact": ("model_feature:model_reference_samples:max > 0", "1e12 > 0"),
    "a degree of freedom too many": (" > 0) - 1", " > 0) - 0"),
    "another score": ("sqrt(2 / (9 *", "sqrt(2 / (8 *"),
    "scores stay cumulative": ('{bin="02"}, "bin", "03"', '{bin="02"}, "bin", "99"'),
    "rounding is a score": (">= 0.5", ">= 5000"),
    "classes are scores": ('"output", "class"', '"output", "score"'),
}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_statistic_that_is_wrong_is_caught(
    evaluation: Evaluation, fleet: Fleet, tmp_path: Path, mutation: str
) -> None:
    """Every number in the formulas moves a result by more than the tolerance."""
    right, wrong = MUTATIONS[mutation]
    text = (rules_dir() / "fleet.rules.yaml").read_text(encoding="utf-8")
    assert right in text
    rules = tmp_path / "mutated.rules.yaml"
    rules.write_text(text.replace(right, wrong), encoding="utf-8")
    assert evaluation.failures(fleet, everything(fleet, 2, "1h", 60), rules=rules)


def test_chi_square_is_the_exporter_s_where_it_pools_nothing() -> None:
    """What `statistics` compares with is the exporter's own test, as long as no category is rare."""
    counts = np.array([[4000, 3500, 2500], [300, 400, 300]])
    ours = chi_square(*counts)
    found = statistics(
        dict(zip("abc", counts[0] / REFERENCE_ROWS, strict=True)),
        dict(zip("abc", counts[1], strict=True)),
        ordered=False,
    )
    assert ours.pooled == 0
    assert found["chi_square"] == pytest.approx(ours.statistic, rel=1e-12)
    assert found["degrees_of_freedom"] == ours.degrees_of_freedom


@pytest.mark.parametrize("degrees", [1, 3, 9, 18])
@pytest.mark.parametrize("p_value", [0.05, 0.01, 0.001, 1e-6])
def test_the_normal_score_stands_for_the_p_value(degrees: int, p_value: float) -> None:
    """Wilson and Hilferty's score is within 5 % of the normal quantile, 10 % with one degree of freedom."""
    spread = 2 / (9 * degrees)
    score = ((chi2.isf(p_value, degrees) / degrees) ** (1 / 3) - 1 + spread) / math.sqrt(spread)
    assert score == pytest.approx(norm.isf(p_value), rel=0.1 if degrees == 1 else 0.05)


def test_ratios_are_shares_of_all_rows(evaluation: Evaluation, fleet: Fleet) -> None:
    """Missing, out of range and unseen values, as the exporter's quality has them."""
    fleet.replica("a").reference("temp", NUMERIC, "a")
    fleet.counts("temp", {"00": 60, "__missing__": 30, "__inf__": 10}, "a")
    fleet.counted("model_feature_out_of_range_total", "temp", 5, "a")
    fleet.counted("model_feature_unseen_category_total", "temp", 0, "a")
    expected: dict[tuple[str, str], Any] = {
        (f"model_feature:{name}_per_row:ratio_increase1h", 'feature_name="temp"'): value
        for name, value in (("missing", 0.3), ("out_of_range", 0.05), ("unseen_category", 0.0))
    }
    failures = evaluation.failures(fleet, expected)
    assert not failures, failures


def test_more_bins_than_the_rules_know_give_no_ks(evaluation: Evaluation, fleet: Fleet) -> None:
    """A largest difference over some of the edges would be too small; what needs no order is still there."""
    many = {f"{i:02d}": 0.05 for i in range(20)}
    step = {name: 5 + i for i, name in enumerate(many)}
    fleet.replica("a").reference("temp", many, "a").counts("temp", step, "a")
    found = statistics(many, grown(step, 60), ordered=False)
    expected = {
        (f"model_feature:drift_{test}:increase1h", 'feature_name="temp"'): found[test] for test in found
    }
    failures = evaluation.failures(fleet, expected)
    assert not failures, failures


def test_categories_that_look_like_bins_have_no_ks(evaluation: Evaluation, fleet: Fleet) -> None:
    """Codes such as 00 and 01 have no order, whatever they look like."""
    codes = {"00": 0.5, "01": 0.5}
    fleet.replica("a").reference("code", codes, "a", kind="categorical").counts(
        "code", {"00": 30, "01": 60}, "a"
    )
    failures = evaluation.failures(
        fleet, {("model_feature:drift_ks:increase1h", 'feature_name="code"'): None}
    )
    assert not failures, failures
