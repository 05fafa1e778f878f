import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import Policy
from exporter.findings import corrected, evaluate
from exporter.measure import Measured, Measurement
from exporter.policy import TestType
from exporter.reference.calibration import BlockNull, Calibration
from exporter.statistics import benjamini_hochberg


def column(*statistics: tuple[TestType, float, float], name: str = "x", n: int = 1000) -> Measurement:
    """A numeric column with these tests, effects and p-values."""
    return Measurement(
        name=name,
        kind="numeric",
        n_current=n,
        n_reference=10_000,
        n_bins=10,
        statistics=tuple(Measured(test, effect, effect, p) for test, effect, p in statistics),
    )


@pytest.mark.parametrize(
    ("effect", "p_value", "evidence"),
    [
        (0.30, 1e-9, "drift"),  # both keys
        (0.30, 0.02, "clear"),  # large and not significant
        (0.05, 1e-9, "clear"),  # significant and not large
        (0.20, 1e-9, "drift"),  # the threshold itself is large
        (0.17, 1e-9, "lingering"),
        (0.10, 1e-9, "warning"),  # PSI's "moderate"
        (0.0999, 1e-9, "clear"),
    ],
)
def test_two_keys(effect: float, p_value: float, evidence: str) -> None:
    """Drift is significant and large; one key alone is nothing."""
    (verdict,) = evaluate([column(("psi", effect, p_value))], Policy())
    assert verdict.evidence == evidence
    assert verdict.findings["psi"].drift == (evidence == "drift")


def test_significance_is_corrected_over_the_whole_check() -> None:
    """A p-value that is small alone is not small among a hundred features."""
    lone = evaluate([column(("psi", 0.3, 0.001))], Policy())
    among = evaluate([column(("psi", 0.3, 0.001)), *[column(("psi", 0.0, 0.5))] * 99], Policy())
    assert (lone[0].evidence, among[0].evidence) == ("drift", "clear")
    assert among[0].findings["psi"].q_value == pytest.approx(0.1)


@given(
    st.lists(st.lists(st.floats(0.0, 1.0), max_size=3), min_size=1, max_size=12),
)
def test_correction_is_bonferroni_within_and_benjamini_hochberg_between(columns: list[list[float]]) -> None:
    """The least of each column gets Benjamini and Hochberg's q-value; the others of it are not below that."""
    tests: tuple[TestType, ...] = ("psi", "ks", "jensen_shannon")
    p_values = [dict(zip(tests, column, strict=False)) for column in columns]
    q_values = corrected(p_values)
    least = [min(min(own.values()) * len(own), 1.0) if own else math.nan for own in p_values]
    expected = benjamini_hochberg(least)
    for own, found, q in zip(p_values, q_values, expected, strict=True):
        assert set(found) == set(own)
        if own:
            assert min(found.values()) == pytest.approx(q)
            order = sorted(own, key=lambda test: own[test])
            assert [found[test] for test in order] == sorted(found.values())


@pytest.mark.parametrize(
    ("ratio", "severity"),
    [
        (1.0, "low"),
        (1.49, "low"),
        (1.5, "medium"),
        (2.99, "medium"),
        (3.0, "high"),
        (5.0, "critical"),
        (math.inf, "critical"),
    ],
)
def test_severity_by_effect_over_threshold(ratio: float, severity: str) -> None:
    """Severity is low below 1.5 times the threshold, medium below 3, high below 5, else critical."""
    (verdict,) = evaluate([column(("ks", 0.1 * ratio, 1e-9))], Policy())
    assert verdict.severity == severity


def test_severity_is_that_of_the_largest_finding() -> None:
    """The test that is furthest beyond its threshold gives the severity; others do not hide it."""
    (verdict,) = evaluate(
        [column(("ks", 0.11, 1e-9), ("psi", 0.7, 1e-9), ("mean_shift", 9.0, 1e-9))], Policy()
    )
    assert verdict.severity == "high"


def test_tests_that_do_not_decide_change_nothing() -> None:
    """A reported test has a threshold and a p-value, but no vote and no share in the correction."""
    (verdict,) = evaluate([column(("wasserstein", 50.0, 0.0), ("ks", 0.01, 0.5))], Policy())
    wasserstein = verdict.findings["wasserstein"]
    assert verdict.evidence == "clear"
    assert (wasserstein.decides, wasserstein.q_value, wasserstein.drift) == (False, None, False)
    assert wasserstein.significant
    assert wasserstein.large
    chosen = Policy(tests={"numeric": ("wasserstein",), "categorical": ("psi",)})
    assert evaluate([column(("wasserstein", 50.0, 0.0))], chosen)[0].evidence == "drift"


def test_what_was_not_measured_is_unknown() -> None:
    """A column with a reason has no findings and no number."""
    unknown = Measurement(name="x", kind="numeric", reason="all_missing", detail="all 9 values are missing")
    verdicts = evaluate([unknown, column(("psi", 0.3, 1e-9))], Policy())
    assert [verdict.evidence for verdict in verdicts] == ["unknown", "drift"]
    assert verdicts[0].findings == {}
    assert verdicts[0].severity is None


def test_noise_floor_and_minimum_detectable_shrink_with_rows() -> None:
    """More rows show smaller changes; the smallest that is found lies above what noise reaches."""
    (few,) = evaluate([column(("psi", 0.1, 0.5), ("ks", 0.1, 0.5), n=200)], Policy())
    (many,) = evaluate([column(("psi", 0.1, 0.5), ("ks", 0.1, 0.5), n=20_000)], Policy())
    for test in ("psi", "ks"):
        before, after = few.findings[test], many.findings[test]
        assert before.noise_floor is not None
        assert before.minimum_detectable is not None
        assert after.noise_floor is not None
        assert after.noise_floor < before.noise_floor < before.minimum_detectable


def test_calibration_raises_p_value_and_threshold() -> None:
    """What the reference's own history reaches is neither significant nor large."""
    history = Calibration(rows=1000, blocks=40, nulls={"x": {"psi": BlockNull(mean=0.3, freedom=4.0)}})
    plain = evaluate([column(("psi", 0.4, 1e-9))], Policy())[0]
    calibrated = evaluate([column(("psi", 0.4, 1e-9))], Policy(), history)[0]
    assert (plain.evidence, calibrated.evidence) == ("drift", "clear")
    finding = calibrated.findings["psi"]
    assert finding.p_value > 0.1
    assert finding.threshold > 0.4
    assert finding.noise_floor == finding.threshold
    assert evaluate([column(("psi", 9.0, 1e-9))], Policy(), history)[0].evidence == "drift"


def test_calibration_of_another_column_changes_nothing() -> None:
    """Calibration is by column and test."""
    history = Calibration(rows=1000, blocks=40, nulls={"y": {"psi": BlockNull(mean=0.3, freedom=4.0)}})
    assert evaluate([column(("psi", 0.4, 1e-9))], Policy(), history)[0].evidence == "drift"
