from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from exporter import ObservationError
from exporter.sequential import Thinning


def days(rng: np.random.Generator, n_days: int, per_day: int = 500) -> Any:
    """Errors whose rate is another one each day, from 5 to 35 %."""
    return (rng.random(n_days * per_day) < np.repeat(rng.uniform(0.05, 0.35, n_days), per_day)).astype(float)


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5])
def test_independent_errors_are_passed_on_whole(rng: np.random.Generator, rate: float) -> None:
    """Every value of 50,000, and of those with a change in the middle."""
    for after in (rate, min(rate + 0.2, 1.0)):
        errors = (rng.random(50_000) < np.repeat([rate, after], 25_000)).astype(float)
        assert len(Thinning().choose(errors)) >= 49_000


def test_errors_in_bursts_are_thinned_by_their_design_effect(rng: np.random.Generator) -> None:
    """Of days of 500 errors, each with its own rate, one value of some twenty: 1 + 499 x 0.047."""
    thinning = Thinning()
    thinning.choose(days(rng, 120))
    assert 10 <= thinning.step <= 50


def test_the_split_of_a_stream_does_not_matter(rng: np.random.Generator) -> None:
    """The same values are chosen from batches of any size, with a restart by way of JSON between them."""
    errors = days(rng, 30)
    whole = Thinning().choose(errors)
    for size in (77, 4096):
        thinning, found = Thinning(), []
        for start in range(0, len(errors), size):
            found += (thinning.choose(errors[start : start + size]) + start).tolist()
            thinning = Thinning.from_dict(json.loads(json.dumps(thinning.to_dict())))
        assert found == whole.tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"step": 0},
        {"seen": -1},
        {"seen": 1.5},
        {"means": [float("nan")]},
        {"means": [0.5]},
        {"open": [0.0] * 64},
        {"open": [0.0]},
        {"squares": "many"},
    ],
)
def test_a_damaged_state_is_refused(change: dict[str, Any]) -> None:
    """With what is needed, rather than a stream that is thinned by nonsense."""
    with pytest.raises(ObservationError, match="saved thinning"):
        Thinning.from_dict({**Thinning().to_dict(), **change})
    with pytest.raises(ObservationError, match="saved thinning"):
        Thinning.from_dict({})
