"""Where a statistic meets a threshold: the one place that decides.

Two keys. A test finds drift when the change is significant, after correction for all deciding tests of the
check, and its effect is at least the threshold. Significance alone calls every feature of a big window
drifted, the threshold alone every feature of a small one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from .policy import SEVERITY_STEPS, Severity
from .reference.calibration import Calibration
from .statistics.nulls import (
    hellinger_noise_floor,
    jensen_shannon_noise_floor,
    ks_noise_floor,
    psi_noise_floor,
)
from .statistics.power import minimum_detectable

if TYPE_CHECKING:
    from .hysteresis import Evidence
    from .measure import Measured, Measurement
    from .policy import Policy, TestType


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One test of one column, decided.

    Attributes
    ----------
    test : str
        Which.
    value, effect, p_value, details
        As measured; see `measure.Measured`.
    q_value : float or None
        p-value after correction for all deciding tests of the check; None for a test that does not decide.
    threshold : float
        Effect from which on a change is large.
    noise_floor : float or None
        Effect that chance alone reaches with probability alpha; None where no formula is known.
    minimum_detectable : float or None
        Smallest true effect that would be found significant with the policy's power; None as before.
    decides : bool
        Whether it takes part in the verdict.
    significant, large : bool
        The two keys. Drift is both.
    """

    test: TestType
    value: float
    effect: float
    p_value: float
    q_value: float | None
    threshold: float
    noise_floor: float | None
    minimum_detectable: float | None
    decides: bool
    significant: bool
    large: bool
    details: Mapping[str, Any]

    @property
    def drift(self) -> bool:
        """Whether both keys are turned, by a test that decides."""
        return self.decides and self.significant and self.large

    @property
    def ratio(self) -> float:
        """Effect over threshold."""
        return self.effect / self.threshold

    def to_dict(self) -> dict[str, Any]:
        """Plain values; a number that is not finite is None."""
        return {
            "value": _finite(self.value),
            "effect": _finite(self.effect),
            "p_value": self.p_value,
            "q_value": self.q_value,
            "threshold": self.threshold,
            "noise_floor": self.noise_floor,
            "minimum_detectable": self.minimum_detectable,
            "decides": self.decides,
            "drift": self.drift,
            **{
                name: _finite(value) if isinstance(value, float) else value
                for name, value in self.details.items()
            },
        }


_NOT_CALIBRATED = Calibration(rows=1.0, blocks=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check found in one column."""

    measurement: Measurement
    findings: dict[TestType, Finding]
    evidence: Evidence
    severity: Severity | None


def evaluate(
    measurements: Sequence[Measurement], policy: Policy, calibration: Calibration | None = None
) -> list[Verdict]:
    """Verdicts on all columns of a check, in their order; together, since they share one error rate.

    With a calibration, p-values and thresholds are at least what the reference's own history says.
    """
    known = calibration or _NOT_CALIBRATED
    p_values = [
        {
            measured.test: max(
                measured.p_value,
                known.p_value(measurement.name, measured.test, measured.effect, measurement.n_current),
            )
            for measured in measurement.statistics
        }
        for measurement in measurements
    ]
    q_values = corrected(
        [
            {test: p for test, p in own.items() if test in policy.tests[measurement.kind]}
            for measurement, own in zip(measurements, p_values, strict=True)
        ]
    )
    n_tests = sum(map(len, q_values))
    verdicts = []
    for measurement, own, corrections in zip(measurements, p_values, q_values, strict=True):
        findings = {
            measured.test: _finding(
                measurement,
                measured,
                policy,
                known,
                p_value=own[measured.test],
                q_value=corrections.get(measured.test),
                n_tests=n_tests,
            )
            for measured in measurement.statistics
        }
        evidence = _evidence(measurement, findings, policy)
        verdicts.append(
            Verdict(
                measurement=measurement,
                findings=findings,
                evidence=evidence,
                severity=_severity(findings) if evidence == "drift" else None,
            )
        )
    return verdicts


def corrected(p_values: Sequence[Mapping[TestType, float]]) -> list[dict[TestType, float]]:
    """q-values of all tests of a check, by column.

    The tests of one column look at the same values, so there the p-values are multiplied by their number
    (Bonferroni), which holds whatever their dependence. Over the columns, by the least of each, it is
    Benjamini and Hochberg's procedure. While nothing drifts, the chance that any q-value is at most alpha is
    itself at most alpha.
    """
    raised = [{test: min(1.0, p * len(own)) for test, p in own.items()} for own in p_values]
    least = np.sort([min(own.values()) for own in raised if own])
    steps = np.minimum.accumulate((least * len(least) / np.arange(1, len(least) + 1))[::-1])[::-1]

    def q_value(p: float) -> float:
        # A test that is not the least of its column takes the column's place in the order.
        rank = int(np.searchsorted(least, p, side="right"))
        own = p * len(least) / rank
        return min(1.0, own, float(steps[rank])) if rank < len(least) else min(1.0, own)

    return [{test: q_value(p) for test, p in own.items()} for own in raised]


def _finding(
    measurement: Measurement,
    measured: Measured,
    policy: Policy,
    calibration: Calibration,
    *,
    p_value: float,
    q_value: float | None,
    n_tests: int,
) -> Finding:
    test, n = measured.test, measurement.n_current
    sizes = (n, measurement.n_reference, measurement.n_bins)
    strayed = calibration.critical(measurement.name, test, policy.alpha, n)
    # One drifted column among many is found at the strictest level of the correction.
    strictest = policy.alpha / max(n_tests, 1)
    detected = detectable(test, strictest, policy.power, *sizes)
    floor = noise_floor(test, policy.alpha, *sizes)
    threshold = max(policy.threshold(measurement.name, test), strayed)
    return Finding(
        test=test,
        value=measured.value,
        effect=measured.effect,
        p_value=p_value,
        q_value=q_value,
        threshold=threshold,
        noise_floor=None if floor is None else max(floor, strayed),
        minimum_detectable=None
        if detected is None
        else max(detected, calibration.critical(measurement.name, test, strictest, n)),
        decides=q_value is not None,
        significant=(p_value if q_value is None else q_value) <= policy.alpha,
        large=measured.effect >= threshold,
        details=measured.details,
    )


def _evidence(measurement: Measurement, findings: Mapping[TestType, Finding], policy: Policy) -> Evidence:
    deciding = [finding for finding in findings.values() if finding.decides]
    if measurement.reason is not None or not deciding:
        return "unknown"
    ratio = max((finding.ratio for finding in deciding if finding.significant), default=0.0)
    if ratio >= 1.0:
        return "drift"
    if ratio >= policy.hysteresis.exit_ratio:
        return "lingering"
    return "warning" if ratio >= policy.warning_ratio else "clear"


def _severity(findings: Mapping[TestType, Finding]) -> Severity:
    ratio = max(finding.ratio for finding in findings.values() if finding.drift)
    return next(severity for bound, severity in SEVERITY_STEPS if ratio < bound or bound == math.inf)


@lru_cache(maxsize=4096)
def noise_floor(test: TestType, alpha: float, n: int, m: int, n_bins: int) -> float | None:
    """Effect that chance alone reaches with probability alpha, or None where no formula is known."""
    if test == "psi":
        return psi_noise_floor(alpha, n, m, n_bins)
    if test == "jensen_shannon":
        return jensen_shannon_noise_floor(alpha, n, m, n_bins)
    if test == "hellinger":
        return hellinger_noise_floor(alpha, n, m, n_bins)
    if test == "chi_square":
        return math.sqrt(psi_noise_floor(alpha, n, m, n_bins)) / 2.0  # V**2 is PSI / 4 at small changes
    if test == "ks":
        return ks_noise_floor(alpha, n, m)
    if test == "mean_shift":
        return float(-ndtri(alpha / 2.0)) * math.sqrt(1.0 / n + 1.0 / m)
    return None


@lru_cache(maxsize=4096)
def detectable(test: TestType, alpha: float, power: float, n: int, m: int, n_bins: int) -> float | None:
    """Smallest true effect that is found with this power, or None where no formula is known."""
    if test in ("wasserstein", "variance_ratio"):
        return None
    return minimum_detectable(test, alpha, power, n, m, n_bins)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
