from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from scipy import stats

from exporter.statistics import (
    hellinger_noise_floor,
    hellinger_p_value,
    jensen_shannon_noise_floor,
    jensen_shannon_p_value,
    ks_noise_floor,
    psi_noise_floor,
    psi_p_value,
)

PAIRS = [
    (psi_p_value, psi_noise_floor),
    (jensen_shannon_p_value, jensen_shannon_noise_floor),
    (hellinger_p_value, hellinger_noise_floor),
]
Null = Callable[..., float]


@pytest.mark.parametrize(
    ("p_value", "to_psi"),
    [
        (psi_p_value, lambda v: v),
        (jensen_shannon_p_value, lambda v: 8 * math.log(2) * v),
        (hellinger_p_value, lambda v: 8 * v * v),
    ],
)
def test_large_samples_follow_chi_square(p_value: Null, to_psi: Callable[[float], float]) -> None:
    """In the limit the p-value is that of PSI over (1/n + 1/m) on n_bins - 1 degrees of freedom."""
    n = 10**8
    value = {psi_p_value: 4e-7, jensen_shannon_p_value: 7e-8, hellinger_p_value: 2.2e-4}[p_value]
    expected = stats.chi2.sf(to_psi(value) * n / 2, 9)
    assert p_value(value, n, n, 10) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("p_value", "noise_floor"), PAIRS)
@pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-6])
@pytest.mark.parametrize("least_share", [None, 0.01])
def test_noise_floor_inverts_the_p_value(
    p_value: Null, noise_floor: Null, alpha: float, least_share: float | None
) -> None:
    """The p-value of the noise floor is alpha."""
    floor = noise_floor(alpha, 500, 20_000, 10, least_share)
    assert p_value(floor, 500, 20_000, 10, least_share) == pytest.approx(alpha, rel=1e-9)


@pytest.mark.parametrize(("p_value", "noise_floor"), PAIRS)
def test_a_single_bin_shows_nothing(p_value: Null, noise_floor: Null) -> None:
    """Without a second bin there is no evidence and no noise."""
    assert p_value(0.3, 100, 100, 1) == 1.0
    assert noise_floor(0.01, 100, 100, 1) == 0.0


@pytest.mark.parametrize(("p_value", "noise_floor"), PAIRS)
def test_more_data_means_less_noise(p_value: Null, noise_floor: Null) -> None:
    """p-value and noise floor fall with the sample size and rise with the number of bins."""
    assert p_value(0.1, 2000, 2000, 10) < p_value(0.1, 200, 200, 10)
    assert noise_floor(0.01, 2000, 2000, 10) < noise_floor(0.01, 200, 200, 10)
    assert noise_floor(0.01, 2000, 2000, 20) > noise_floor(0.01, 2000, 2000, 10)


@pytest.mark.parametrize("p_value", [pair[0] for pair in PAIRS])
def test_rare_bins_make_it_more_careful(p_value: Null) -> None:
    """A bin that expects few observations raises the p-value."""
    assert p_value(0.2, 200, 10_000, 10, 0.01) > p_value(0.2, 200, 10_000, 10)


def test_samples_too_small_for_any_evidence() -> None:
    """With 20 observations in 10 bins no PSI is significant at 1e-12, and the floor says so."""
    assert psi_noise_floor(1e-12, 20, 20, 10) == math.inf
    assert jensen_shannon_noise_floor(1e-12, 20, 20, 10) == 1.0
    assert hellinger_noise_floor(1e-12, 20, 20, 10) == 1.0


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_refuses_what_is_no_level(alpha: float) -> None:
    """A level is a probability strictly between 0 and 1."""
    with pytest.raises(ValueError, match="alpha: found"):
        psi_noise_floor(alpha, 100, 100, 10)
    with pytest.raises(ValueError, match="alpha: found"):
        ks_noise_floor(alpha, 100, 100)
