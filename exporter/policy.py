"""When a change counts as drift: every number that decides, written once, with its reason.

A threshold is an effect: PSI in nats, KS as a share, Jensen-Shannon divergence in bits, Wasserstein in
standard deviations of the reference, Hellinger distance, Cramér's V for chi-square, Cohen's d for the mean,
and a factor (either way) for the variance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from .errors import ConfigError

TestType = Literal[
    "psi", "ks", "jensen_shannon", "wasserstein", "hellinger", "mean_shift", "variance_ratio", "chi_square"
]
MultivariateTest = Literal["mmd", "domain_classifier", "isolation_forest", "one_class_svm"]
Severity = Literal["low", "medium", "high", "critical"]
Preset = Literal["conservative", "balanced", "aggressive"]

NUMERIC_TESTS: Final[tuple[TestType, ...]] = (
    "psi", "ks", "jensen_shannon", "wasserstein", "hellinger", "mean_shift", "variance_ratio",
)  # fmt: skip
MULTIVARIATE_TESTS: Final[tuple[MultivariateTest, ...]] = (
    "mmd", "domain_classifier", "isolation_forest", "one_class_svm",
)  # fmt: skip
CATEGORICAL_TESTS: Final[tuple[TestType, ...]] = ("psi", "jensen_shannon", "hellinger", "chi_square")

DEFAULT_THRESHOLDS: Final[Mapping[TestType, float]] = MappingProxyType(
    {
        "psi": 0.2,  # the reading "significant change": N. Siddiqi, Credit Risk Scorecards, 2006
        "ks": 0.1,  # a tenth of the rows lies elsewhere; a shift of a quarter of a standard deviation
        "jensen_shannon": 0.1,  # bits; at small changes as strict as a PSI of 0.55
        "wasserstein": 0.25,  # standard deviations: the shift that gives a KS of 0.1 for a normal column
        "hellinger": 0.158,  # at small changes equal to a PSI of 0.2
        "mean_shift": 0.25,  # as for wasserstein; between Cohen's "small" (0.2) and "medium" (0.5)
        "variance_ratio": 1.5,  # a standard deviation that grew or shrank by about a fifth
        "chi_square": 0.1,  # Cohen's "small"; ten points for a class of one half, as a KS of 0.1
    }
)

SEVERITY_STEPS: Final[tuple[tuple[float, Severity], ...]] = (
    (1.5, "low"), (3.0, "medium"), (5.0, "high"), (math.inf, "critical"),
)  # fmt: skip
"""Severity by effect over threshold: the first whose bound is above the ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hysteresis:
    """How many checks in a row it takes to change one's mind.

    Attributes
    ----------
    drift_after : int
        Checks in a row with drift until the state is drift; the ones before it are warnings. 2, since one
        check in a hundred may be wrong and the next one comes in minutes.
    recover_after : int
        Checks in a row without drift until a drift is over; the state is recovering until then. 3: leaving
        too early costs a second alert.
    exit_ratio : float
        A drift lasts while its effect is significant and at least this share of the threshold, 0 to 1.
        0.8, so that a score which wavers around its threshold is one drift and not many.
    """

    drift_after: int = 2
    recover_after: int = 3
    exit_ratio: float = 0.8

    def __post_init__(self) -> None:
        for name, value in (("drift_after", self.drift_after), ("recover_after", self.recover_after)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"policy.hysteresis.{name}: found {value!r}, need an integer >= 1")
        if not 0.0 < self.exit_ratio <= 1.0:
            raise ConfigError(
                f"policy.hysteresis.exit_ratio: found {self.exit_ratio!r}, need a number above 0 and up to 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When a feature drifts: the change is significant, and it is large.

    Attributes
    ----------
    alpha : float
        Probability that a check without any drift raises an alarm at all, over all its features and tests.
        0.01: with a window of fresh rows every hour, one false alarm in four days at most.
    min_samples : int
        Values needed in the reference and in the window; with fewer the state is unknown. 100: with ten bins
        that is ten in each, below which the null distributions of the binned distances no longer hold.
    tests : mapping of {"numeric", "categorical"} to tuple of str
        The tests that decide; the others are reported and decide nothing. By default those that one outlier
        cannot move: PSI, KS, Jensen-Shannon; PSI, Jensen-Shannon, chi-square.
    multivariate : tuple of str
        Tests of all features together, where the reference keeps rows for them (`joint_rows`): mmd,
        domain_classifier, isolation_forest, one_class_svm. They decide nothing.
    segments : bool
        Compare within segments as well, where the reference keeps them (`segment_by`), by the tests that
        decide. The segments of a check have an alpha of their own, and decide nothing beyond themselves.
    only_deciding : bool
        Compute the deciding tests alone; a check of many features then takes about half the time.
    thresholds : mapping of str to float
        Effects by test, for all features. What is left out is as in `DEFAULT_THRESHOLDS`.
    feature_thresholds : mapping of str to mapping of str to float
        Effects by feature and test, before `thresholds`.
    warning_ratio : float
        A significant effect of at least this share of the threshold is a warning. 0.5: PSI is read
        0.1 "moderate" below 0.2 "significant".
    power : float
        With which the minimum detectable drift would be found. 0.8, the convention.
    hysteresis : Hysteresis
        See there.
    """

    alpha: float = 0.01
    min_samples: int = 100
    tests: Mapping[str, tuple[TestType, ...]] = field(
        default_factory=lambda: {
            "numeric": ("psi", "ks", "jensen_shannon"),
            "categorical": ("psi", "jensen_shannon", "chi_square"),
        }
    )
    multivariate: tuple[MultivariateTest, ...] = ("mmd", "domain_classifier")
    segments: bool = True
    only_deciding: bool = False
    thresholds: Mapping[TestType, float] = field(default_factory=dict)
    feature_thresholds: Mapping[str, Mapping[TestType, float]] = field(default_factory=dict)
    warning_ratio: float = 0.5
    power: float = 0.8
    hysteresis: Hysteresis = field(default_factory=Hysteresis)

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("power", self.power)):
            if not 0.0 < value < 1.0:
                raise ConfigError(f"policy.{name}: found {value!r}, need a number between 0 and 1")
        if not 0.0 < self.warning_ratio <= 1.0:
            raise ConfigError(
                f"policy.warning_ratio: found {self.warning_ratio!r}, need a number above 0 and up to 1"
            )
        if (
            not isinstance(self.min_samples, int)
            or isinstance(self.min_samples, bool)
            or self.min_samples < 2
        ):
            raise ConfigError(f"policy.min_samples: found {self.min_samples!r}, need an integer >= 2")
        _check_tests(self.tests)
        unknown = [test for test in self.multivariate if test not in MULTIVARIATE_TESTS]
        if unknown:
            raise ConfigError(
                f"policy.multivariate: found {unknown[0]!r}, need any of {', '.join(MULTIVARIATE_TESTS)}"
            )
        _check_thresholds("policy.thresholds", self.thresholds)
        for feature, thresholds in self.feature_thresholds.items():
            _check_thresholds(f"policy.feature_thresholds.{feature}", thresholds)

    @classmethod
    def preset(cls, name: Preset, **changes: Any) -> Policy:  # noqa: ANN401 - fields of this class
        """One of three ready policies, with changes.

        `conservative` raises every threshold by half, allows one false alarm in 1,000 checks and waits for a
        third check; `balanced` is the default; `aggressive` halves every threshold, allows one false alarm in
        20 checks and acts on the first.

        Raises
        ------
        ConfigError
            If there is no such preset.
        """
        if name not in PRESETS:
            raise ConfigError(f"policy.preset: found {name!r}, need one of {', '.join(PRESETS)}")
        return replace(PRESETS[name], **changes)

    @property
    def wanted(self) -> frozenset[TestType]:
        """The tests that a check computes."""
        chosen = self.tests.values() if self.only_deciding else (NUMERIC_TESTS, CATEGORICAL_TESTS)
        return frozenset(test for tests in chosen for test in tests)

    @property
    def deciding(self) -> frozenset[TestType]:
        """The tests that decide, of both kinds of columns."""
        return frozenset(test for tests in self.tests.values() for test in tests)

    def threshold(self, feature: str, test: TestType) -> float:
        """Effect from which on a test counts as large for a feature."""
        own = self.feature_thresholds.get(feature, {})
        return own.get(test, self.thresholds.get(test, DEFAULT_THRESHOLDS[test]))


def _check_tests(tests: Mapping[str, tuple[TestType, ...]]) -> None:
    known: dict[str, tuple[TestType, ...]] = {"numeric": NUMERIC_TESTS, "categorical": CATEGORICAL_TESTS}
    if set(tests) != set(known):
        raise ConfigError(f"policy.tests: found {sorted(tests)}, need exactly {sorted(known)}")
    for kind, chosen in tests.items():
        wrong = [test for test in chosen if test not in known[kind]]
        if wrong or not chosen:
            raise ConfigError(
                f"policy.tests.{kind}: found {wrong or 'none'}, need at least one of {', '.join(known[kind])}"
            )


def _check_thresholds(where: str, thresholds: Mapping[TestType, float]) -> None:
    for test, value in thresholds.items():
        if test not in DEFAULT_THRESHOLDS:
            raise ConfigError(f"{where}: found {test!r}, need one of {', '.join(DEFAULT_THRESHOLDS)}")
        least = 1.0 if test == "variance_ratio" else 0.0
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least < value < math.inf:
            raise ConfigError(f"{where}.{test}: found {value!r}, need a finite number above {least:g}")


def _scaled(factor: float) -> dict[TestType, float]:
    """All default thresholds times a factor; a variance ratio is scaled from 1 on."""
    scaled = {test: value * factor for test, value in DEFAULT_THRESHOLDS.items()}
    scaled["variance_ratio"] = 1.0 + (DEFAULT_THRESHOLDS["variance_ratio"] - 1.0) * factor
    return scaled


PRESETS: Final[Mapping[str, Policy]] = MappingProxyType(
    {
        "conservative": Policy(alpha=0.001, thresholds=_scaled(1.5), hysteresis=Hysteresis(drift_after=3)),
        "balanced": Policy(),
        "aggressive": Policy(alpha=0.05, thresholds=_scaled(0.5), hysteresis=Hysteresis(drift_after=1)),
    }
)
