"""A fast, seeded part of docs/false-alarms.md and docs/detection.md: the promises that must not be broken."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from exporter import Policy, Reference
from exporter.calibrate import calibrate
from exporter.findings import evaluate
from exporter.measure import Measurement, measure, measure_rows
from exporter.rows import read_rows

COLUMNS = 100
HISTORY_ROWS = 10_000
POLICY = Policy(only_deciding=True)
WANTED = POLICY.wanted

Table = NDArray[np.float64]


def independent(rng: np.random.Generator, rows: int) -> Table:
    return rng.normal(size=(rows, COLUMNS))


def heavy_tails(rng: np.random.Generator, rows: int) -> Table:
    return np.asarray(rng.standard_t(1.5, size=(rows, COLUMNS)))


def autoregressive(rng: np.random.Generator, rows: int) -> Table:
    noise = rng.normal(size=(rows + 200, COLUMNS)) * math.sqrt(1 - 0.9**2)
    return np.asarray(lfilter([1.0], [1.0, -0.9], noise, axis=0)[200:])


def fit(rows: Table, kind: str | None = None) -> Reference:
    kinds = None if kind is None else {f"f{i}": kind for i in range(COLUMNS)}
    return Reference.fit(rows, model_name="m", model_version="1", kinds=kinds)


def measured(reference: Reference, rows: Table) -> list[Measurement]:
    return measure_rows(
        reference.profiles, read_rows(rows, list(reference.features)), POLICY.min_samples, WANTED
    )


def drifts(measurements: list[Measurement], reference: Reference | None = None, rows: int = 0) -> bool:
    calibration = None if reference is None else reference.calibration_for(None, rows)
    return any(verdict.evidence == "drift" for verdict in evaluate(measurements, POLICY, calibration))


@pytest.mark.parametrize("stream", [independent, heavy_tails])
@pytest.mark.parametrize(("rows", "checks"), [(30, 5), (100, 300), (1000, 60)])
def test_independent_rows_raise_no_more_alarms_than_promised(
    stream: Callable[[np.random.Generator, int], Table], rows: int, checks: int
) -> None:
    """Of a hundred checks of a hundred undrifted features at most one is an alarm, at any window size."""
    rng = np.random.default_rng([1, rows])
    reference = fit(stream(rng, HISTORY_ROWS))
    alarms = sum(drifts(measured(reference, stream(rng, rows))) for _ in range(checks))
    assert alarms <= checks / 100


def test_rare_classes_raise_no_more_alarms_than_promised() -> None:
    """Classes down to one in two thousand keep the promise too: rare ones are pooled for the test."""
    rng = np.random.default_rng(2)
    weights = 1.0 / np.arange(1, 31) ** 2.2

    def classes(rows: int) -> Table:
        return rng.choice(30, size=(rows, COLUMNS), p=weights / weights.sum()).astype(np.float64)

    reference = fit(classes(HISTORY_ROWS), "categorical")
    alarms = sum(drifts(measured(reference, classes(rows))) for rows in (100, 1000) for _ in range(25))
    assert alarms == 0


def test_the_naive_rules_do_not_keep_it() -> None:
    """Small windows raise alarms in nearly every check by KS p < 0.05, and by PSI > 0.2."""
    rng = np.random.default_rng(3)
    reference = fit(independent(rng, HISTORY_ROWS))
    naive = {"ks": 0, "psi": 0}
    for _ in range(20):
        statistics = [s for m in measured(reference, independent(rng, 100)) for s in m.statistics]
        naive["ks"] += any(s.p_value < 0.05 for s in statistics if s.test == "ks")
        naive["psi"] += any(s.effect > 0.2 for s in statistics if s.test == "psi")
    assert min(naive.values()) >= 18


def test_half_a_standard_deviation_in_one_of_a_hundred_is_found() -> None:
    """From a thousand rows, at least 95 % of checks find a shift of 0.5 standard deviations."""
    rng = np.random.default_rng(4)
    reference = fit(independent(rng, HISTORY_ROWS))
    others = measured(reference, independent(rng, 1000))[1:]
    profile = reference.features["f0"]
    found = 0
    for _ in range(100):
        column = measure(profile, rng.normal(loc=0.5, size=1000), POLICY.min_samples, WANTED)
        found += evaluate([column, *others], POLICY)[0].evidence == "drift"
    assert found >= 95


def test_calibration_keeps_the_promise_under_dependence() -> None:
    """Rows with rho 0.9 raise alarms in every check; calibrated on their own history, in none of twenty."""
    rng = np.random.default_rng(5)
    history = autoregressive(rng, HISTORY_ROWS)
    plain = fit(history)
    calibrated = calibrate(plain, history, window_rows=[500], tests=WANTED)
    windows = [measured(plain, autoregressive(rng, 500)) for _ in range(20)]
    assert sum(drifts(window) for window in windows) == 20
    assert sum(drifts(window, calibrated, 500) for window in windows) == 0


def test_the_global_random_state_is_left_alone() -> None:
    """Nothing that a check does draws from, or seeds, NumPy's global generator."""
    rng = np.random.default_rng(6)
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002 - that is the point
    history = independent(rng, 1600)
    reference = calibrate(fit(history), history, window_rows=[200], tests=WANTED)
    drifts(measured(reference, independent(rng, 200)), reference, 200)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002 - same
