"""Tests of all features together: what no column shows alone, such as a correlation that has turned.

They need rows, not distributions of columns, so a reference only has them if it was told to keep some
(`joint_rows`). Their results are reported beside the verdicts on columns and decide nothing: which columns
moved is what people act on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .errors import ConfigError, InsufficientDataError
from .reference.kinds import as_numbers
from .reference.profiles import CategoricalProfile, NumericProfile
from .statistics.multivariate import classify_domains, isolation_forest, mmd, one_class_svm, standardise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Columns
    from .policy import MultivariateTest
    from .reference.profiles import Profile

MAX_INDICATORS: Final = 10
"""Categories of a feature that become a column each; with more, a feature would own the distances."""

RANKED_FEATURES: Final = 10
"""Features that are named as giving a window away; more would bury the first."""

SEED: Final = 20130101
"""For the same rows the same ones are drawn and permuted alike, so that a check can be repeated."""

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFinding:
    """One multivariate test of one window.

    Attributes
    ----------
    test : str
        Which.
    value : float or None
        Unbiased squared MMD; AUC of the domain classifier (0.5 is no difference, 1 a clean cut); share of
        outliers. None where it could not be computed.
    p_value : float or None
        Without correction for the other tests.
    reason : str or None
        Why there is no value.
    details : mapping
        Further results of the test by name.
    """

    test: MultivariateTest
    value: float | None
    p_value: float | None
    reason: str | None
    details: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"value": self.value, "p_value": self.p_value, "reason": self.reason, **self.details}


def compare_rows(
    profiles: Mapping[str, Profile], reference: Columns, current: Columns, tests: Sequence[MultivariateTest]
) -> dict[MultivariateTest, JointFinding]:
    """Results by test; one that cannot be computed says why and costs the others nothing.

    Parameters
    ----------
    profiles : mapping of str to Profile
        Of the features; those that the window lacks are left out on both sides.
    reference, current : Columns
        Rows of either.
    tests : sequence of str
        Of `policy.MULTIVARIATE_TESTS`.
    """
    present = {name: profile for name, profile in profiles.items() if name in current.arrays}
    names, before = _matrix(present, reference)
    _, now = _matrix(present, current)
    found: dict[MultivariateTest, JointFinding] = {}
    for test in tests:
        try:
            first, second = standardise(before, now)
            value, p_value, details = _TESTS[test](first, second, names)
        except (InsufficientDataError, ConfigError) as error:
            found[test] = JointFinding(test=test, value=None, p_value=None, reason=str(error), details={})
        else:
            found[test] = JointFinding(test=test, value=value, p_value=p_value, reason=None, details=details)
    return found


def _matrix(profiles: Mapping[str, Profile], table: Columns) -> tuple[list[str], Floats]:
    """Finite numbers: missing ones are the reference's median, categories a column for each frequent one."""
    names: list[str] = []
    columns: list[NDArray[np.float64]] = []
    for name, profile in profiles.items():
        if isinstance(profile, CategoricalProfile):
            indices = profile.bin_indices(table.arrays[name])
            for i, category in enumerate(profile.categories[:MAX_INDICATORS]):
                names.append(f"{name}={category}")
                columns.append((indices == i).astype(np.float64))
        elif isinstance(profile, NumericProfile) and profile.sample is not None:
            numbers = as_numbers(table.arrays[name])[0]
            names.append(name)
            columns.append(np.where(np.isfinite(numbers), numbers, profile.sample.quantile(0.5)))
    return names, np.column_stack(columns) if columns else np.empty((table.n_rows, 0))


_Result = tuple[float, float, dict[str, Any]]


def _mmd(before: Floats, now: Floats, names: Sequence[str]) -> _Result:  # noqa: ARG001 - one shape for all
    result = asdict(mmd(before, now, np.random.default_rng(SEED)))
    return result.pop("unbiased"), result.pop("p_value"), result


def _domain_classifier(before: Floats, now: Floats, names: Sequence[str]) -> _Result:
    found = classify_domains(before, now, np.random.default_rng(SEED), names=names)
    details = {
        "features": [list(pair) for pair in found.ranking[:RANKED_FEATURES]],
        "rows_reference": found.rows_reference,
        "rows_current": found.rows_current,
        "sampled": found.sampled,
    }
    return found.auc, found.p_value, details


def _isolation_forest(before: Floats, now: Floats, names: Sequence[str]) -> _Result:  # noqa: ARG001
    result = asdict(isolation_forest(before, now, np.random.default_rng(SEED)))
    return result.pop("ratio"), result.pop("p_value"), result


def _one_class_svm(before: Floats, now: Floats, names: Sequence[str]) -> _Result:  # noqa: ARG001
    result = asdict(one_class_svm(before, now, np.random.default_rng(SEED)))
    return result.pop("ratio"), result.pop("p_value"), result


_TESTS: Mapping[MultivariateTest, Callable[[Floats, Floats, Sequence[str]], _Result]] = {
    "mmd": _mmd,
    "domain_classifier": _domain_classifier,
    "isolation_forest": _isolation_forest,
    "one_class_svm": _one_class_svm,
}
