"""Calls of both models on their way to the guardrails: one append for a caller, folded in the background.

A call that both answered is a pair. A call of one row, or without ids, that one answered was drawn by the
share. A call of several rows that happened to go one way as a whole is left out: how likely that was depends
on its size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from .evidence import Evidence
from .state import GUARD_TOLERANCES, RolloutState

MAX_WAITING_CALLS: Final = 50_000
"""As many as the predictor's own buffer holds. When more come between two looks the oldest are forgotten:
guardrails then see a sample, which is sound as well."""


class Answered(NamedTuple):
    """How one model did in one call."""

    failed: bool
    seconds: float
    fell_back: bool


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call in a stage, by who answered; `drawn` if a share decided which of the two it was."""

    stage: int
    champion: Answered | None
    challenger: Answered | None
    drawn: bool


class CallTally:
    """Calls that the shared state does not know of yet.

    Parameters
    ----------
    slow_seconds : float
        A call that takes longer is slow.
    """

    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._calls: deque[SeenCall] = deque(maxlen=MAX_WAITING_CALLS)
        self.add = self._calls.append
        """Take one call; on the caller's thread."""

    def take(self, state: RolloutState) -> dict[str, Evidence]:
        """Evidence for each guardrail from the calls that wait; none of them waits any more."""
        calls = [self._calls.popleft() for _ in range(len(self._calls))]
        return {guard: self._evidence(guard, calls, state) for guard in GUARD_TOLERANCES}

    def _evidence(self, guard: str, calls: list[SeenCall], state: RolloutState) -> Evidence:
        evidence = Evidence(centre=0.0)
        pairs = [
            (self._loss(guard, call.champion), self._loss(guard, call.challenger))
            for call in calls
            if call.champion is not None and call.challenger is not None
        ]
        if pairs:
            evidence = evidence.with_pairs(*np.array(pairs).T)
        drawn: dict[tuple[int, int], list[float]] = {}
        for call in calls:
            if call.drawn and call.stage < len(state.stages):
                for role, answered in enumerate((call.champion, call.challenger)):
                    if answered is not None:
                        drawn.setdefault((call.stage, role), []).append(self._loss(guard, answered))
        for (stage, role), found in drawn.items():
            evidence = evidence.with_split(stage, state.stages[stage].share, role, np.array(found))
        return evidence

    def _loss(self, guard: str, answered: Answered) -> float:
        if guard == "slow_ratio":
            return float(answered.seconds > self._slow_seconds)
        return float(answered.failed if guard == "error_ratio" else answered.fell_back)


def merged(one: Mapping[str, Evidence], other: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """Evidence of both, by guardrail."""
    return {guard: evidence.merge(other[guard]) for guard, evidence in one.items()}
