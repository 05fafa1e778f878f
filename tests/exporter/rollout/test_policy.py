from __future__ import annotations

from typing import Any

import pytest

from exporter import ConfigError, RolloutPolicy, Stage


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "blue"}, "kind: found 'blue', need shadow, canary, ab"),
        ({"kind": "shadow", "share": 0.1}, "share: found 0.1 in shadow, need 0"),
        ({"kind": "canary"}, "share: found 0.0, need 0.001 to 0.999"),
        ({"kind": "ab", "share": 1.0}, "share: found 1.0"),
        ({"kind": "ab", "share": float("nan")}, "share: found nan"),
        ({"kind": "shadow", "min_rows": 0}, "min_rows: found 0, need an integer of at least 1"),
        ({"kind": "shadow", "min_rows": 1.5}, "min_rows: found 1.5"),
        ({"kind": "shadow", "min_seconds": -1.0}, "min_seconds: found -1.0"),
    ],
)
def test_a_stage_that_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    """Errors say where, what was found and what is needed."""
    with pytest.raises(ConfigError, match=f"rollout.stages: {message}"):
        Stage(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stages": ()}, r"rollout.stages: found \(\), need a tuple of at least one Stage"),
        (
            {"stages": (Stage(kind="ab", share=0.5), Stage(kind="canary", share=0.1))},
            "need ones that never shrink",
        ),
        ({"stages": (Stage(kind="shadow"), Stage(kind="shadow"))}, "found several of kind shadow"),
        ({"alpha": 0.0}, "rollout.alpha: found 0.0, need a number above 0 and below 0.5"),
        ({"guard_alpha": 0.6}, "rollout.guard_alpha: found 0.6"),
        ({"margin": -0.1}, "rollout.margin: found -0.1, need a number above 0 and below 1"),
        ({"error_tolerance": 2.0}, "rollout.error_tolerance: found 2.0"),
        ({"slow_seconds": 0.0}, "rollout.slow_seconds: found 0.0, need a number above 0$"),
        ({"sync_seconds": "1"}, "rollout.sync_seconds: found '1'"),
        ({"promote_on": "equal"}, "rollout.promote_on: found 'equal', need better or not_worse"),
        ({"max_rows": 10}, "rollout.max_rows: found 10, need the 6000 of all stages or more"),
        ({"max_waiting_calls": 0}, "rollout.max_waiting_calls: found 0"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    """Before anything is routed."""
    with pytest.raises(ConfigError, match=message):
        RolloutPolicy(**settings)


def test_tolerances_and_margin_may_be_nothing() -> None:
    """Zero is a decision, too."""
    policy = RolloutPolicy(margin=0.0, error_tolerance=0.0, slow_tolerance=0.0, fallback_tolerance=0.0)
    assert policy.margin == 0.0
