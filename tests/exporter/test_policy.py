from typing import Any

import pytest

from exporter import ConfigError, Hysteresis, Policy
from exporter.policy import DEFAULT_THRESHOLDS, PRESETS


def test_thresholds_by_feature_test_and_default() -> None:
    """A threshold is the feature's own, else the test's, else the default."""
    policy = Policy(thresholds={"ks": 0.2}, feature_thresholds={"age": {"psi": 0.5}})
    assert policy.threshold("age", "psi") == 0.5
    assert policy.threshold("age", "ks") == 0.2
    assert policy.threshold("fare", "psi") == DEFAULT_THRESHOLDS["psi"] == 0.2


def test_presets_are_ordered() -> None:
    """Conservative asks for more than balanced, balanced for more than aggressive, in every number."""
    conservative, balanced, aggressive = (PRESETS[n] for n in ("conservative", "balanced", "aggressive"))
    assert balanced == Policy()
    assert conservative.alpha < balanced.alpha < aggressive.alpha
    for test in DEFAULT_THRESHOLDS:
        high, middle, low = (p.threshold("x", test) for p in (conservative, balanced, aggressive))
        assert high > middle > low
    assert aggressive.threshold("x", "variance_ratio") == 1.25


def test_a_preset_takes_changes() -> None:
    """Fields can be given beside a preset's name."""
    policy = Policy.preset("aggressive", min_samples=50)
    assert (policy.alpha, policy.min_samples) == (0.05, 50)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0.0}, "policy.alpha: found 0.0"),
        ({"power": 1.0}, "policy.power: found 1.0"),
        ({"min_samples": 1}, "policy.min_samples: found 1"),
        ({"min_samples": True}, "policy.min_samples: found True"),
        ({"warning_ratio": 1.5}, "policy.warning_ratio: found 1.5"),
        ({"thresholds": {"psy": 0.1}}, "policy.thresholds: found 'psy', need one of psi"),
        ({"thresholds": {"psi": 0}}, "policy.thresholds.psi: found 0"),
        ({"thresholds": {"variance_ratio": 0.5}}, "need a finite number above 1"),
        (
            {"feature_thresholds": {"age": {"ks": float("inf")}}},
            "policy.feature_thresholds.age.ks: found inf",
        ),
        ({"tests": {"numeric": ("psi",)}}, "policy.tests: found"),
        ({"tests": {"numeric": (), "categorical": ("psi",)}}, "policy.tests.numeric: found none"),
        ({"tests": {"numeric": ("psi",), "categorical": ("ks",)}}, "policy.tests.categorical: found"),
    ],
)
def test_bad_policies_are_refused(arguments: dict[str, Any], message: str) -> None:
    """A policy that cannot work is refused with its key, what was found and what is needed."""
    with pytest.raises(ConfigError, match=message):
        Policy(**arguments)


@pytest.mark.parametrize(
    "arguments", [{"drift_after": 0}, {"recover_after": True}, {"exit_ratio": 0.0}, {"exit_ratio": 1.1}]
)
def test_bad_hysteresis_is_refused(arguments: dict[str, Any]) -> None:
    """So is a hysteresis."""
    with pytest.raises(ConfigError, match=f"policy.hysteresis.{next(iter(arguments))}"):
        Hysteresis(**arguments)


def test_an_unknown_preset_is_refused() -> None:
    """The message names the presets there are."""
    with pytest.raises(ConfigError, match="conservative, balanced, aggressive"):
        Policy.preset("bold")  # type: ignore[arg-type]
