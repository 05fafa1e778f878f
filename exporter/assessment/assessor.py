"""All that a check says of the model itself, over one window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..reference.profiles import CategoricalProfile
from .cause import CauseReport, Rescore, explain
from .equity import FairnessReport, assess_fairness
from .estimate import EstimateReport, estimate_performance
from .labelled import labelled_rows
from .performance import PerformanceReport, assess_performance
from .policy import AssessmentPolicy
from .quality import QualityReport, assess_quality

if TYPE_CHECKING:
    from ..observation import Observations
    from ..reference import Reference
    from ..report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What a check found out about the model over one window.

    Attributes
    ----------
    window : str
        Name of the window.
    performance : PerformanceReport
        On rows whose truth is known.
    estimate : EstimateReport or None
        On all rows, before it is known; None where the reference knows too little.
    quality : QualityReport
        Whether the data are sound.
    cause : CauseReport
        What explains drift and drop.
    fairness : dict of str to dict of str to FairnessFinding
        By declared attribute and measure.
    """

    window: str
    performance: PerformanceReport
    estimate: EstimateReport | None
    quality: QualityReport
    cause: CauseReport
    fairness: FairnessReport

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "performance": self.performance.to_dict(),
            "estimate": None if self.estimate is None else self.estimate.to_dict(),
            "quality": self.quality.to_dict(),
            "cause": self.cause.to_dict(),
            "fairness": {
                attribute: {measure: asdict(finding) for measure, finding in findings.items()}
                for attribute, findings in self.fairness.items()
            },
        }


class Assessor:
    """Assesses windows of one model version.

    Parameters
    ----------
    reference : Reference
        What windows are compared with.
    classes : tuple of str or None
        Of a classifier, in the order of its probabilities; None for a regression.
    policy : AssessmentPolicy
        How it judges.
    rescore : callable, optional
        Asks the model itself, for importances.
    windows : int
        That are assessed side by side: each look is a chance to err.

    Raises
    ------
    ConfigError
        If the policy names a feature that the reference does not have, or not as a category, or a measure
        that it does not know.
    """

    def __init__(
        self,
        reference: Reference,
        classes: tuple[str, ...] | None,
        policy: AssessmentPolicy,
        rescore: Rescore | None = None,
        windows: int = 1,
    ) -> None:
        if policy.segment is not None:
            require_categorical("assessment.segment", reference, policy.segment)
        for attribute in policy.protected:
            require_categorical("assessment.protected", reference, attribute)
        self.reference = reference
        self.classes = classes
        self.policy = policy
        self._rescore = rescore
        self._windows = windows
        require_headline(reference, policy)

    def assess(
        self,
        observations: Observations,
        report: Report,
        now: float,
        schema: Mapping[str, float] | None = None,
    ) -> Assessment:
        """Everything about one window.

        Parameters
        ----------
        observations : Observations
            The rows of the window.
        report : Report
            What the check of their columns found.
        now : float
            Seconds since 1970.
        schema : mapping of str to float, optional
            Share of the window's calls by how their columns were not the reference's.
        """
        labelled = labelled_rows(observations, self.classes)
        performance = assess_performance(observations, labelled, self.reference, self.policy, self._windows)
        realised = {name: verdict.measure for name, verdict in performance.verdicts.items()}
        return Assessment(
            window=report.window or "",
            performance=performance,
            estimate=estimate_performance(
                observations, labelled, realised, self.reference, self.classes, self.policy
            ),
            quality=assess_quality(observations, report, self.reference, self.policy, now, schema),
            cause=explain(
                observations, labelled, performance, report, self.reference, self.policy, self._rescore
            ),
            fairness=assess_fairness(observations, self.reference, self.classes, self.policy),
        )


def require_headline(reference: Reference, policy: AssessmentPolicy) -> None:
    """Refuse a headline measure that the reference does not know, where it knows any."""
    known = reference.performance
    if policy.headline is not None and known and policy.headline not in known:
        names = ", ".join(known)
        raise ConfigError(f"assessment.headline: found {policy.headline!r}, the reference knows {names}")


def require_categorical(where: str, reference: Reference, feature: str) -> None:
    """Refuse a feature whose values are no bounded set of groups."""
    profile = reference.features.get(feature)
    if not isinstance(profile, CategoricalProfile):
        found = "no such feature" if profile is None else "a numeric feature"
        names = [name for name, known in reference.features.items() if isinstance(known, CategoricalProfile)]
        raise ConfigError(f"{where}: {feature!r}: found {found}, need a categorical one: {names[:10]}")
