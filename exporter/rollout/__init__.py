"""From a candidate to the champion: comparison on a hold-out set, shadow, canary, promotion or rollback."""

from __future__ import annotations

from ..rollout_policy import DEFAULT_STAGES, RolloutPolicy, Stage
from .candidate import Candidate, Refusal, read_candidate
from .comparison import Comparison, compare_models, verdict_of
from .delong import AucDifference, auc_difference
from .evidence import Evidence, Interval, Split
from .predictor import RolloutPredictor
from .shared import SharedRollout, decide_by_hand
from .state import Event, RolloutState, decide, describe
from .state_file import StateFile
from .succession import Succession

__all__ = [
    "DEFAULT_STAGES",
    "AucDifference",
    "Candidate",
    "Comparison",
    "Event",
    "Evidence",
    "Interval",
    "Refusal",
    "RolloutPolicy",
    "RolloutPredictor",
    "RolloutState",
    "SharedRollout",
    "Split",
    "Stage",
    "StateFile",
    "Succession",
    "auc_difference",
    "compare_models",
    "decide",
    "decide_by_hand",
    "describe",
    "read_candidate",
    "verdict_of",
]
