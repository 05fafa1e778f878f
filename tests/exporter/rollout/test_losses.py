from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exporter import InstrumentedPredictor, Observations, Reference, RolloutPolicy, RolloutPredictor, Stage
from exporter.rollout.losses import losses, usual_error, usual_loss

Make = Callable[..., RolloutPredictor]


def rows(**columns: Any) -> Observations:
    """Labelled rows as a store joins them."""
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items() if name != "scores"}
    if "scores" in columns:
        arrays["scores"] = np.array(columns["scores"], dtype=np.float64)
    return Observations(times=np.zeros(len(columns["labels"])), features={}, **arrays)


def test_a_class_is_right_or_wrong() -> None:
    """And a row without a prediction tells nothing."""
    found = losses(rows(classes=["a", "b", None], labels=["a", "a", "a"]), scale=1.0)
    np.testing.assert_array_equal(found, [0.0, 1.0, np.nan])


def test_a_number_is_wrong_by_its_distance_on_the_references_scale() -> None:
    """One half at the usual error whatever the unit, never above one; no number is no loss."""
    found = losses(rows(scores=[10.0, 12.0, 1e9, 0.0], labels=[10.0, 10.0, 10.0, None]), scale=2.0)
    np.testing.assert_allclose(found, [0.0, 0.5, 1.0, np.nan])
    assert np.isnan(losses(rows(labels=["a"]), scale=1.0)).all()


def regression_reference(version: str) -> Reference:
    """Of a model that is off by one in the mean."""
    X = np.random.default_rng(1).normal(size=(500, 2)) * 3
    off = np.where(np.arange(500) % 2 == 0, 1.0, -1.0)
    return Reference.fit(
        X, model_name="m", model_version=version, predictions=X[:, 0] + off, labels=X[:, 0], task="regression"
    )


def test_what_to_expect_comes_from_the_reference(references: tuple[Reference, Reference]) -> None:
    """Accuracy and mean absolute error at training time."""
    assert usual_loss(references[0]) == 0.0
    of_numbers = regression_reference("1")
    assert usual_loss(of_numbers) == 0.4
    assert usual_error(of_numbers) == pytest.approx(1.0)
    assert usual_error(references[0]) == 1.0


def test_a_regression_is_rolled_out_by_the_size_of_its_errors(
    registry: Any, clock: Any, rng: np.random.Generator, tmp_path: Any
) -> None:
    """A model whose errors are half as large is promoted."""

    class Off:
        def __init__(self, size: float) -> None:
            self.size = size

        def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(X[:, 0] + self.size * X[:, 1])

    champion, challenger = (
        InstrumentedPredictor(
            Off(size), name="m", version=version, reference=regression_reference(version),
            registry=registry, clock=clock, background=False,
        )
        for size, version in ((1.0, "1"), (0.5, "2"))
    )  # fmt: skip
    policy = RolloutPolicy(stages=(Stage(kind="canary", share=0.5, min_rows=1_000, min_seconds=0.0),))
    rollout = RolloutPredictor(
        champion, challenger, state_path=tmp_path / "r.json", policy=policy, clock=clock, background=False
    )
    for batch in range(10):
        X = rng.normal(size=(400, 2))
        ids = [f"{batch}-{number}" for number in range(400)]
        clock.advance(10.0)
        rollout.predict(X, ids=ids)
        rollout.record_outcomes(ids, X[:, 0])
        rollout.sync()
    assert (rollout.version, rollout.state.events[-1].reason) == ("2", "better")
