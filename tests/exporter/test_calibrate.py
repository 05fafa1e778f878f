import math
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from exporter import Reference, ReferenceDataError, Window, check
from exporter.calibrate import calibrate
from exporter.reference.calibration import BlockNull, Calibration, from_squared, squared


def autoregressive(rng: np.random.Generator, rows: int, columns: int, rho: float = 0.9) -> np.ndarray:
    """Columns with mean 0 and variance 1 whose neighbours correlate by rho."""
    noise = rng.normal(size=(rows + 200, columns)) * math.sqrt(1 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], noise, axis=0)[200:])


def fit(data: Any, **options: Any) -> Reference:
    return Reference.fit(data, model_name="m", model_version="1", **options)


def test_dependence_no_longer_raises_alarms(rng: np.random.Generator) -> None:
    """Undrifted windows of autocorrelated rows all raise alarms; calibrated, none of forty does."""
    history = autoregressive(rng, 12_000, 5)
    reference = fit(history)
    calibrated = calibrate(reference, history, window_rows=[500])
    windows = [autoregressive(rng, 500, 5) for _ in range(40)]
    assert sum(check(reference, rows).drift_detected for rows in windows) >= 35
    assert sum(check(calibrated, rows).drift_detected for rows in windows) == 0


def test_a_large_shift_is_found_in_spite_of_dependence(rng: np.random.Generator) -> None:
    """Calibration costs power, not sight: a shift of three standard deviations is found."""
    history = autoregressive(rng, 12_000, 5)
    calibrated = calibrate(fit(history), history, window_rows=[500])
    rows = autoregressive(rng, 500, 5)
    rows[:, 2] += 3.0
    assert check(calibrated, rows).drifted_features == ("f2",)


def test_independent_rows_keep_their_sensitivity(rng: np.random.Generator) -> None:
    """Where rows are independent, calibration leaves the thresholds as they are and shifts are found."""
    history = rng.normal(size=(20_000, 5))
    calibrated = calibrate(fit(history), history, window_rows=[1000])
    rows = rng.normal(size=(1000, 5))
    rows[:, 1] += 0.5
    report = check(calibrated, rows)
    assert report.drifted_features == ("f1",)
    assert report.features["f1"].findings["ks"].threshold == 0.1


def test_the_mean_is_that_of_new_rows(rng: np.random.Generator) -> None:
    """A block is part of the reference, yet the calibrated mean is that of windows which are not."""
    history = rng.normal(size=(4000, 40))
    calibrated = calibrate(fit(history), history, window_rows=[400]).calibration["400 rows"]
    psi = [calibrated.nulls[f"f{i}"]["psi"].mean for i in range(40)]
    assert np.mean(psi) == pytest.approx(9 * (1 / 400 + 1 / 4000), rel=0.1)


def test_windows_of_time_are_calibrated_by_name(rng: np.random.Generator) -> None:
    """With timestamps, each window's own length is calibrated, and a check of that name uses it."""
    times = np.sort(rng.uniform(0, 20 * 86400.0, size=20_000))
    history = {"x": autoregressive(rng, 20_000, 1)[:, 0]}
    windows = (Window("6h", 21_600.0), Window("1d", 86_400.0))
    calibrated = calibrate(fit(history, timestamps=times), history, timestamps=times, windows=windows)
    assert set(calibrated.calibration) == {"6h", "1d"}
    assert calibrated.calibration["6h"].rows == pytest.approx(250, rel=0.1)
    assert calibrated.calibration["1d"].blocks == pytest.approx(20, rel=0.01)
    report = check(calibrated, {"x": autoregressive(rng, 250, 1)[:, 0]}, window="6h")
    assert report.features["x"].findings["ks"].threshold > 0.1


def test_other_windows_use_the_nearest_in_rows(rng: np.random.Generator) -> None:
    """A window without a calibration of its name uses the one whose blocks are nearest in rows."""
    history = rng.normal(size=(8000, 1))
    calibrated = calibrate(fit(history), history, window_rows=[100, 800])
    assert calibrated.calibration_for(None, 120) is calibrated.calibration["100 rows"]
    assert calibrated.calibration_for("1h", 700) is calibrated.calibration["800 rows"]
    assert fit(history).calibration_for("1h", 700) is None


def test_smaller_windows_stray_further_and_bigger_ones_as_far() -> None:
    """A smaller window is allowed its noise; a bigger one gets no credit, since seasons do not shrink."""
    calibration = Calibration(rows=1000, blocks=40, nulls={"x": {"psi": BlockNull(0.01, 4.0)}})
    critical = [calibration.critical("x", "psi", 0.01, rows) for rows in (250, 1000, 4000)]
    assert critical[0] == pytest.approx(4 * critical[1])
    assert critical[2] == critical[1]


def test_p_value_and_critical_value_are_inverse() -> None:
    """The effect that is reached with probability alpha has the p-value alpha, on every test's scale."""
    tests = (
        "psi",
        "jensen_shannon",
        "hellinger",
        "ks",
        "wasserstein",
        "mean_shift",
        "variance_ratio",
        "chi_square",
    )
    calibration = Calibration(
        rows=500, blocks=20, nulls={"x": {test: BlockNull(0.02, 3.0) for test in tests}}
    )
    for test in tests:
        effect = calibration.critical("x", test, 0.001, 500)
        assert calibration.p_value("x", test, effect, 500) == pytest.approx(0.001, rel=1e-6)
        assert from_squared(test, squared(test, effect)) == pytest.approx(effect)


def test_a_short_history_is_trusted_less() -> None:
    """The fewer blocks, the larger the effect that has to be seen."""
    criticals = [
        Calibration(rows=500, blocks=blocks, nulls={"x": {"psi": BlockNull(0.02, 3.0)}}).critical(
            "x", "psi", 1e-4, 500
        )
        for blocks in (8, 40, 1000)
    ]
    assert criticals == sorted(criticals, reverse=True)
    assert criticals[0] > 1.5 * criticals[2]


def test_progress_is_told(rng: np.random.Generator) -> None:
    """Long work tells how far it is."""
    seen: list[tuple[int, int]] = []
    history = rng.normal(size=(1000, 1))
    calibrate(
        fit(history), history, window_rows=[100], progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (37, 37)
    assert [done for done, _ in seen] == list(range(1, 38))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "neither timestamps nor window_rows"),
        ({"window_rows": [200]}, "window '200 rows': found rows for 5.0 of them, need 8"),
        ({"window_rows": [10]}, "found 10, need at least 30"),
        ({"timestamps": np.arange(1000.0)}, "window '1h': found rows for 0.3 of them"),
        ({"timestamps": np.full(1000, np.nan)}, "window '1h': found rows for 0.0 of them"),
    ],
)
def test_a_history_that_says_nothing_is_refused(
    rng: np.random.Generator, arguments: dict[str, Any], message: str
) -> None:
    """Without blocks, or with too few, there is nothing to learn, and the message says what is needed."""
    history = rng.normal(size=(1000, 1))
    with pytest.raises(ReferenceDataError, match=message):
        calibrate(fit(history), history, **arguments)


def test_a_history_without_a_feature_is_refused(rng: np.random.Generator) -> None:
    """The history is the reference's own rows."""
    history = {"x": rng.normal(size=1000), "y": rng.normal(size=1000)}
    with pytest.raises(ReferenceDataError, match="column 'y'"):
        calibrate(fit(history), {"x": history["x"]}, window_rows=[100])
