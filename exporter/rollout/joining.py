"""Outcomes to the model that answered the row, and what they say about the two."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..observation import JoinedOutcomes, OutcomeCounts
from ..predictor import InstrumentedPredictor
from .evidence import Evidence
from .losses import losses
from .routing import position
from .state import RolloutState


@dataclass(slots=True)
class _Side:
    """Rows of one model that now have their truth: loss and time of prediction by id."""

    found: dict[Any, tuple[float, float]] = field(default_factory=dict)
    counts: OutcomeCounts = field(default_factory=OutcomeCounts)

    def take(self, joined: JoinedOutcomes, scale: float) -> None:
        rows = joined.rows
        if rows.n_rows and rows.ids is not None:
            values = zip(losses(rows, scale).tolist(), rows.times.tolist(), strict=True)
            self.found.update(zip(rows.ids.tolist(), values, strict=True))
        self.counts = joined.counts


def join(
    state: RolloutState,
    pair: tuple[InstrumentedPredictor, InstrumentedPredictor],
    ids: Sequence[Any],
    y_true: Sequence[Any],
    times: Sequence[float],
    *,
    scale: float,
    settle_seconds: float,
) -> tuple[OutcomeCounts, Evidence]:
    """Join outcomes to the rows of both models.

    Each outcome goes to the model that answers its id now. It goes to the other one too if the first does not
    know it (the row may be from an earlier stage), or if both answered it in shadow.

    Parameters
    ----------
    state : RolloutState
        Which stages there were, and when.
    pair : tuple of InstrumentedPredictor
        Champion and challenger.
    ids, y_true, times : sequence
        As for `InstrumentedPredictor.record_outcomes`, with a time for each.
    scale, settle_seconds : float
        See `losses` and `RolloutPolicy`.
    """
    positions = [position(state.key, value) for value in ids]
    first = _first_side(state, np.array(positions, dtype=np.float64))
    sides = (_Side(), _Side())
    counts = OutcomeCounts()

    def offer(role: int, places: list[int]) -> OutcomeCounts:
        given = [[column[place] for place in places] for column in (ids, y_true, times)]
        sides[role].take(pair[role].join_outcomes(*given), scale)
        return sides[role].counts

    for role in (0, 1):
        places = np.flatnonzero(first == role).tolist()
        if places:
            counts = _sum(counts, offer(role, places))
    for role in (0, 1):
        missing, shadowed = [], []
        for place in np.flatnonzero(first == 1 - role).tolist():
            known = sides[1 - role].found.get(ids[place])
            if known is None:
                missing.append(place)
            elif _kind_at(state, known[1]) == "shadow":
                shadowed.append(place)
        if missing:
            late = offer(role, missing).joined
            counts = dataclasses.replace(
                counts, joined=counts.joined + late, unknown_id=max(counts.unknown_id - late, 0)
            )
        if shadowed:
            offer(role, shadowed)
    return counts, _evidence(state, sides, dict(zip(ids, positions, strict=True)), settle_seconds)


def _first_side(state: RolloutState, positions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Model that answers an id now: 0 the champion, 1 the challenger."""
    if state.status == "running":
        return (positions < state.stages[-1].share).astype(np.int64)
    return np.full(len(positions), int(state.status == "promoted"))


def _kind_at(state: RolloutState, time: float) -> str | None:
    stage = state.stage_at(time, settle_seconds=0.0)
    return None if stage is None else state.stages[stage].kind


def _evidence(
    state: RolloutState, sides: tuple[_Side, _Side], positions: dict[Any, float], settle_seconds: float
) -> Evidence:
    evidence = Evidence(centre=state.outcomes.centre)
    if state.status != "running":
        return evidence
    pairs: list[tuple[float, float]] = []
    drawn: dict[tuple[int, int], list[float]] = {}
    for value, place in positions.items():
        known = [side.found.get(value) for side in sides]
        answered = known[0] or known[1]
        stage = None if answered is None else state.stage_at(answered[1], settle_seconds)
        if stage is None:
            continue
        if state.stages[stage].kind == "shadow":
            if known[0] is not None and known[1] is not None:
                pairs.append((known[0][0], known[1][0]))
            continue
        # Who was to answer, not who did: where the champion rescued the challenger this keeps the draw fair.
        role = int(place < state.stages[stage].share)
        meant = known[role] or known[1 - role]
        if meant is not None and np.isfinite(meant[0]):
            drawn.setdefault((stage, role), []).append(meant[0])
    both = np.array([pair for pair in pairs if np.isfinite(pair).all()])
    if len(both):
        evidence = evidence.with_pairs(both[:, 0], both[:, 1])
    for (stage, role), found in drawn.items():
        evidence = evidence.with_split(stage, state.stages[stage].share, role, np.array(found))
    return evidence


def _sum(one: OutcomeCounts, other: OutcomeCounts) -> OutcomeCounts:
    names = [each.name for each in dataclasses.fields(OutcomeCounts)]
    return OutcomeCounts(**{name: getattr(one, name) + getattr(other, name) for name in names})
