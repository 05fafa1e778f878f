from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exporter import ConfigError, DefaultValue, Fallback, InstrumentedPredictor, ObservationError
from exporter.rollout import RolloutPolicy, RolloutPredictor, Stage

Make = Callable[..., RolloutPredictor]

SPLIT = RolloutPolicy(
    stages=(Stage(kind="canary", share=0.3, min_rows=500, min_seconds=60.0),), max_rows=5_000
)
"""No shadow: both versions answer from the first row on."""


def test_smoke_better(roll: Make, traffic: Any) -> None:
    """A better challenger passes every stage and becomes champion with its own reference."""
    rollout = roll()
    seen = []
    for _ in range(20):
        seen.append((rollout.state.status, rollout.state.stages[-1].kind))
        traffic.send(rollout, 400, wrong=(0.3, 0.1))
    print(seen, rollout.state.events)
    assert rollout.version == "2"
