"""From a candidate to the champion: comparison on a hold-out set, shadow, canary, promotion or rollback."""

from __future__ import annotations

from ..rollout_policy import DEFAULT_STAGES, RolloutPolicy, Stage
from .comparison import Comparison, compare_models, verdict_of
from .delong import AucDifference, auc_difference
from .evidence import Evidence, Interval, Split
from .predictor import RolloutPredictor
from .shared import SharedRollout, decide_by_hand
from .state import Event, RolloutState, decide, describe
from .state_file import StateFile

__all__ = [
    "DEFAULT_STAGES",
    "AucDifference",
    "Comparison",
    "Event",
    "Evidence",
    "Interval",
    "RolloutPolicy",
    "RolloutPredictor",
    "RolloutState",
    "SharedRollout",
    "Split",
    "Stage",
    "StateFile",
    "auc_difference",
    "compare_models",
    "decide",
    "decide_by_hand",
    "describe",
    "verdict_of",
]
