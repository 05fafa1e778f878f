"""How a check was decided: policy, correction, reference, window, versions, as terms and values of a page."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from ..policy import CATEGORICAL_TESTS, DEFAULT_THRESHOLDS, NUMERIC_TESTS
from .text import ABSENT, count, moment, number, plain, shown

if TYPE_CHECKING:
    from ..policy import Policy
    from ..reference import Reference
    from ..report import Report
    from .about import About

EFFECTS: Final = {
    "psi": "population stability index in nats, on the reference's bins",
    "ks": "largest distance of the distribution functions",
    "jensen_shannon": "divergence in bits, on the reference's bins",
    "wasserstein": "distance in standard deviations of the reference",
    "hellinger": "distance, on the reference's bins",
    "mean_shift": "Cohen's d without its sign",
    "variance_ratio": "ratio of variances, either way",
    "chi_square": "Cramér's V",
}
"""What is compared with a threshold, as docs/decisions.md has it."""

TERMS: Final = {
    "Significant": "The p-value after correction for all deciding tests of the check (q) is at most alpha.",
    "Large": "The effect is at least its threshold.",
    "Drift": "Significant and large, by a test that decides. Neither is enough: with a million rows "
    "everything is significant, and with a hundred a large number may be noise.",
    "Noise floor": "The effect that chance alone reaches with probability alpha, from the numbers of rows.",
    "Smallest detectable": "The smallest true effect that this check would find with the policy's power.",
    "Unknown": "Nothing could be decided: not drift, and not ok.",
    "Severity": "The largest effect over its threshold among the tests that found drift: below 1.5 low, "
    "below 3 medium, below 5 high, else critical.",
}

Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What was compared and how it was decided."""

    groups: list[tuple[str, Facts]]
    tests: list[tuple[str, str, str, str]]
    exceptions: list[tuple[str, str, str]]


def basis_of(report: Report, about: About) -> Basis:
    """How a report came about."""
    policy = report.policy
    return Basis(
        groups=[
            ("Window", list(_window(report, about))),
            ("Reference", list(_reference(report, about))),
            ("Decision", list(_decision(report, about))),
            ("Versions", list(_versions())),
        ],
        tests=[] if policy is None else list(_tests(policy)),
        exceptions=[]
        if policy is None
        else [
            (shown(feature), test, number(threshold))
            for feature, thresholds in policy.feature_thresholds.items()
            for test, threshold in thresholds.items()
            if feature in report.columns
        ],
    )


def _window(report: Report, about: About) -> Iterator[tuple[str, str]]:
    if about.current_name is not None:
        yield "data", plain(about.current_name)
    if report.window is not None:
        yield "name", plain(report.window)
    yield "rows", count(report.rows)
    if about.rows_in_all is not None and about.rows_in_all != report.rows:
        yield "rows in all", count(about.rows_in_all)
    yield "earliest row", moment(report.start)
    yield "latest row", moment(report.end)
    yield "checked", moment(report.checked_at)


def _reference(report: Report, about: About) -> Iterator[tuple[str, str]]:
    if about.reference_name is not None:
        yield "file", plain(about.reference_name)
    yield "model", plain(report.model_name)
    yield "version", plain(report.model_version)
    yield "rows", count(report.reference_rows)
    if about.reference is not None:
        yield from _built(about.reference)


def _built(reference: Reference) -> Iterator[tuple[str, str]]:
    yield "built", moment(reference.created_at)
    yield "earliest row", moment(reference.start)
    yield "latest row", moment(reference.end)
    yield "task", reference.task or ABSENT
    yield "bins of a number", f"{reference.settings.n_bins} quantiles"
    yield "categories with a bin", f"at most {reference.settings.top_categories}"
    yield "season", "none" if reference.season is None else str(reference.settings.season)
    calibrated = ", ".join(map(plain, reference.calibration)) or "no"
    yield "calibrated on its own history", calibrated


def _decision(report: Report, about: About) -> Iterator[tuple[str, str]]:
    if about.policy_name is not None:
        yield "policy", plain(about.policy_name)
    policy = report.policy
    if policy is not None:
        yield "alpha, the chance of any false alarm in a check", number(policy.alpha)
        yield "values needed on both sides", count(policy.min_samples)
        yield "warning from", f"{policy.warning_ratio:.0%} of a threshold"
        yield "power of the smallest detectable effect", number(policy.power)
    findings = [found for column in report.columns.values() for found in column.findings.values()]
    deciding = [found for found in findings if found.decides]
    yield "correction", "Bonferroni in a column, Benjamini-Hochberg over columns"
    yield "columns compared", count(sum(bool(column.findings) for column in report.columns.values()))
    yield "tests that decide", count(len(deciding))
    yield "… significant", count(sum(found.significant for found in deciding))
    yield "… large", count(sum(found.large for found in deciding))
    yield "… both: drift", count(sum(found.drift for found in deciding))
    yield "tests that are only reported", count(len(findings) - len(deciding))
    failed = sum(len(column.failures) for column in report.columns.values())
    yield "tests that could not be computed", count(failed)


def _versions() -> Iterator[tuple[str, str]]:
    for package in ("driftgauge", "numpy", "scipy"):
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed as a package"
    yield "python", platform.python_version()


def _tests(policy: Policy) -> Iterator[tuple[str, str, str, str]]:
    for test in dict.fromkeys((*NUMERIC_TESTS, *CATEGORICAL_TESTS)):
        decides = [kind for kind, tests in policy.tests.items() if test in tests]
        if test not in policy.wanted:
            continue
        yield (
            test,
            EFFECTS[test],
            number(policy.thresholds.get(test, DEFAULT_THRESHOLDS[test])),
            " and ".join(decides) or "no",
        )
