from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from exporter.check import check
from exporter.columns import to_columns
from exporter.errors import ConfigError
from exporter.expectations import Checked, Result, evaluate, load_expectations
from exporter.reference import Reference

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "expectations.yaml"

ROWS = 1000


def table(rng: np.random.Generator, shift: float = 0.0) -> dict[str, Any]:
    """A table of a numeric and a categorical feature, a constant, and one that lacks half of its values."""
    x = rng.normal(10.0 + shift, 2.0, ROWS)
    half = np.where(np.arange(ROWS) % 2 == 0, np.nan, x)
    return {"x": x, "city": rng.choice(["a", "b"], ROWS), "one": np.ones(ROWS), "half": half}


@pytest.fixture
def reference(rng: np.random.Generator) -> Reference:
    """Reference of such a table."""
    return Reference.fit(table(rng), model_name="m", model_version="1")


@pytest.fixture
def checked(reference: Reference, rng: np.random.Generator) -> Checked:
    """The check of a table whose numbers moved by one standard deviation, and which has no column `one`."""
    current = table(rng, shift=2.0)
    current["city"][:5] = "new"
    del current["one"]
    columns = to_columns(current)
    return Checked(report=check(reference, columns), reference=reference, columns=columns, n_rows=5 * ROWS)


Load = Callable[..., list[Result]]


@pytest.fixture
def results(tmp_path: Path, reference: Reference, checked: Checked) -> Load:
    """Results of expectations that are written to a file first."""

    def load(*expectations: dict[str, Any]) -> list[Result]:
        path = tmp_path / "e.yaml"
        path.write_text(yaml.safe_dump({"expectations": list(expectations)}))
        return evaluate(load_expectations(path, reference), checked)

    return load


@pytest.mark.parametrize(
    ("expectation", "passed", "found", "needed"),
    [
        ({"expect": "drifted_share", "at_most": 0.5}, True, 0.5, "at most 0.5"),
        ({"expect": "drifted_share", "at_most": 0.49}, False, 0.5, "at most 0.49"),
        ({"expect": "rows", "at_least": 5000}, True, 5000, "at least 5,000"),
        ({"expect": "rows", "at_least": 1, "at_most": 4999}, False, 5000, "at least 1 and at most 4,999"),
        ({"expect": "rows", "at_least": 5001}, False, 5000, "at least 5,001"),
        ({"expect": "missing_share", "column": "half", "at_most": 0.5}, True, 0.5, "at most 0.5"),
        ({"expect": "missing_share", "column": "half", "at_most": 0.4}, False, 0.5, "at most 0.4"),
        (
            {"expect": "missing_share", "column": "one", "at_most": 1},
            False,
            "unknown (missing_column)",
            "at most 1",
        ),
        ({"expect": "unseen_share", "column": "city", "at_most": 0.005}, True, 0.005, "at most 0.005"),
        ({"expect": "unseen_share", "column": "city", "at_most": 0.004}, False, 0.005, "at most 0.004"),
        ({"expect": "type_error_share", "column": "x", "at_most": 0}, True, 0.0, "at most 0"),
        ({"expect": "state", "column": "city", "one_of": ["ok", "warning"]}, True, "ok", "ok or warning"),
        ({"expect": "state", "column": "x", "one_of": ["ok"]}, False, "drift", "ok"),
        ({"expect": "state", "column": "one", "one_of": ["ok"]}, False, "unknown (missing_column)", "ok"),
        (
            {"expect": "state", "column": "one", "one_of": ["unknown"]},
            True,
            "unknown (missing_column)",
            "unknown",
        ),
        (
            {"expect": "score", "column": "one", "test": "psi", "below": 9},
            False,
            "unknown (missing_column)",
            "psi below 9",
        ),
    ],
)
def test_an_expectation_passes_or_fails(
    results: Load, expectation: dict[str, Any], *, passed: bool, found: float | str, needed: str
) -> None:
    """What was found stands beside what was needed; what cannot be computed fails and says why."""
    (result,) = results(expectation)
    assert (result.passed, result.found, result.needed) == (passed, found, needed)
    assert (result.expect, result.column) == (expectation["expect"], expectation.get("column"))


def test_a_mean_is_measured_in_the_references_standard_deviations(
    results: Load, reference: Reference, checked: Checked
) -> None:
    """The distance of the two means over the reference's spread, whichever way."""
    near, far = results(
        {"expect": "mean", "column": "x", "within_sigmas": 1.2},
        {"expect": "mean", "column": "x", "within_sigmas": 0.8},
    )
    moments = reference.features["x"].moments  # type: ignore[union-attr]
    assert moments is not None
    mean = checked.columns.arrays["x"].mean()
    assert near.found == pytest.approx((mean - moments.mean) / moments.std)
    assert (near.passed, far.passed) == (True, False)


def test_the_mean_of_a_constant_may_not_move(reference: Reference, rng: np.random.Generator) -> None:
    """Any distance is infinitely many standard deviations of a constant; strict JSON says null."""
    outcomes = []
    for value in (1.0, 1.5, np.nan):
        columns = to_columns({**table(rng), "one": np.full(ROWS, value)})
        checked = Checked(report=check(reference, columns), reference=reference, columns=columns, n_rows=ROWS)
        (result,) = evaluate([mean_of_one()], checked)
        outcomes.append((result.passed, result.found, json.dumps(result.to_dict()["found"], allow_nan=False)))
    assert outcomes == [
        (True, 0.0, "0.0"),
        (False, np.inf, "null"),
        (False, "no numbers on both sides", '"no numbers on both sides"'),
    ]


def mean_of_one() -> Any:
    """The expectation that the constant stays."""
    from exporter.expectations import Mean  # noqa: PLC0415 - used here alone

    return Mean(expect="mean", column="one", within_sigmas=3.0)


def test_a_score_is_the_effect_that_thresholds_are_compared_with(results: Load, checked: Checked) -> None:
    """Below is below: the score itself is not enough."""
    effect = checked.report.features["x"].findings["psi"].effect
    below, above = results(
        {"expect": "score", "column": "x", "test": "psi", "below": effect},
        {"expect": "score", "column": "x", "test": "psi", "below": effect * 1.01},
    )
    assert (below.passed, above.passed) == (False, True)
    assert below.found == effect


def test_the_example_names_features_of_the_flights() -> None:
    """Each kind of expectation that the example shows is a known one, with a reason above it."""
    kinds = [expectation["expect"] for expectation in yaml.safe_load(EXAMPLE.read_text())["expectations"]]
    assert kinds == ["rows", "drifted_share", "missing_share", "unseen_share", "mean", "state", "score"]


KINDS = "drifted_share, rows, missing_share, unseen_share, out_of_range_share, type_error_share, mean"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "expectations: found no list, need at least one expectation"),
        ("expectations: []", "expectations: found no list, need at least one expectation"),
        ("expectations: {}", "expectations: found no list, need at least one expectation"),
        ("- 1", "expectations: found no list, need at least one expectation"),
        ("x: 1\nexpectations: [{expect: rows, at_least: 1}]", "x: unknown key, need expectations alone"),
        ("expectations: [1]", "expectations.0: found 1, need an object"),
        ("expectations: [{}]", f"expectations.0.expect: found 'nothing', need one of {KINDS}"),
        ("expectations: [{expect: row}]", f"expectations.0.expect: found 'row', need one of {KINDS}"),
        (
            "expectations: [{expect: drifted_share, at_most: 0.1, maximum: 1}]",
            "expectations.0.maximum: unknown key, need one of expect, at_most",
        ),
        ("expectations: [{expect: drifted_share}]", "expectations.0.at_most: found nothing, need a value"),
        (
            "expectations: [{expect: drifted_share, at_most: '0.1'}]",
            "expectations.0.at_most: found '0.1', need a valid number",
        ),
        (
            "expectations: [{expect: drifted_share, at_most: yes}]",
            "expectations.0.at_most: found True, need a valid number",
        ),
        (
            "expectations: [{expect: drifted_share, at_most: 1.5}]",
            "expectations.0.at_most: found 1.5, need a share from 0 to 1",
        ),
        (
            "expectations: [{expect: drifted_share, at_most: .nan}]",
            "expectations.0.at_most: found nan, need a share from 0 to 1",
        ),
        (
            "expectations: [{expect: rows}]",
            "expectations.0.at_least: found neither this nor at_most, need one",
        ),
        (
            "expectations: [{expect: rows, at_least: 5, at_most: 4}]",
            "expectations.0.at_least: found 5 and at_most 4, need 0 <= at_least <= at_most",
        ),
        (
            "expectations: [{expect: mean, column: x, within_sigmas: 0}]",
            "expectations.0.within_sigmas: found 0.0, need a number above 0",
        ),
        (
            "expectations: [{expect: mean, column: city, within_sigmas: 1}]",
            "expectations.0.column: found 'city', need a numeric feature",
        ),
        (
            "expectations: [{expect: mean, column: y, within_sigmas: 1}]",
            "expectations.0.column: found 'y', need a feature of the reference: 'x', 'city', 'one', 'half'",
        ),
        (
            "expectations: [{expect: state, column: x, one_of: [fine]}]",
            "expectations.0.one_of.0: found 'fine', need 'ok', 'warning', 'drift', 'recovering' or 'unknown'",
        ),
        (
            "expectations: [{expect: state, column: x, one_of: []}]",
            "expectations.0.one_of: found an empty list, need at least one state",
        ),
        (
            "expectations: [{expect: score, column: x, test: psy, below: 1}]",
            "expectations.0.test: found 'psy', need 'psi', 'ks'",
        ),
        (
            "expectations: [{expect: score, column: city, test: ks, below: 1}]",
            "expectations.0.column: found 'city', need a feature that ks is computed for; it is categorical",
        ),
        (
            "expectations: [{expect: score, column: x, test: ks, below: .inf}]",
            "expectations.0.below: found inf, need a number above 0",
        ),
        ("expectations: [", "while parsing a flow node"),
    ],
)
def test_a_file_that_says_something_unknown_is_refused(
    tmp_path: Path, reference: Reference, content: str, complaint: str
) -> None:
    """With file, key, what was found and what is needed."""
    path = tmp_path / "e.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError) as refused:
        load_expectations(path, reference)
    assert str(refused.value).startswith(f"{path}: {complaint}")


def test_all_problems_come_together(tmp_path: Path, reference: Reference) -> None:
    """One run shows everything that is to be mended."""
    path = tmp_path / "e.yaml"
    path.write_text("expectations: [{expect: rows}, {expect: drifted_share, at_most: 2}]")
    with pytest.raises(ConfigError, match=r"expectations\.0\.at_least: .*; .*expectations\.1\.at_most: "):
        load_expectations(path, reference)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, reference: Reference) -> None:
    """Absent, a folder, binary, or too large to be meant."""
    (tmp_path / "b").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"#" * 2_000_000)
    for name, complaint in (
        ("nothing", "No such file or directory"),
        ("", "Is a directory"),
        ("b", "need valid YAML"),
        ("large", "found more than 1,000,000 bytes"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            load_expectations(tmp_path / name, reference)
