"""Fairness of a window, for the attributes that were declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..fairness import FairnessFinding, fairness
from ..performance.probability import problem_of
from ..reference.baseline import segment_names
from .labelled import codes_of

if TYPE_CHECKING:
    from ..observation import Observations
    from ..reference import Reference
    from .policy import AssessmentPolicy

FairnessReport = Mapping[str, Mapping[str, FairnessFinding]]
"""Findings by attribute and measure."""


def assess_fairness(
    observations: Observations,
    reference: Reference,
    classes: tuple[str, ...] | None,
    policy: AssessmentPolicy,
) -> FairnessReport:
    """Differences between the groups of each declared attribute; none unless there are two classes.

    Parity is of all rows, the other measures are of those whose truth is known.
    """
    if not policy.protected or classes is None or len(classes) != 2 or observations.classes is None:
        return {}
    n = observations.n_rows
    predicted = codes_of(observations.classes, classes, n) == 1
    truth = codes_of(observations.labels, classes, n)
    known = truth >= 0
    scores = observations.scores
    if scores is not None and problem_of(scores) is not None:
        scores = None
    found: dict[str, dict[str, FairnessFinding]] = {}
    for attribute in policy.protected:
        if attribute not in observations.features:
            continue
        profile = reference.features[attribute]
        groups = profile.bin_indices(observations.features[attribute])
        names = segment_names(profile)
        least = policy.min_group
        found[attribute] = fairness(groups, names, predicted, None, None, least)
        if known.any():
            of_known = fairness(
                groups[known], names, predicted[known], np.asarray(truth[known] == 1),
                None if scores is None else scores[known], least,
            )  # fmt: skip
            found[attribute].update(
                (name, finding) for name, finding in of_known.items() if name != "demographic_parity"
            )
    return found
