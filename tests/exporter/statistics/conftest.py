"""Fixtures and strategies shared by the tests of the statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

# The examples are the same on every run: a failure in a pipeline can be repeated, and no run is unlucky.
settings.register_profile("statistics", max_examples=60, derandomize=True, deadline=None)
settings.load_profile("statistics")


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator, new for each test."""
    return np.random.default_rng(20130101)
