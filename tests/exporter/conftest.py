"""What tests of the exporter share: a settable clock, seeded randomness, and values read from a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from prometheus_client import CollectorRegistry


class Clock:
    """Seconds since 1970 that move only when told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20130101)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


Value = Callable[..., float | None]


@pytest.fixture
def value(registry: CollectorRegistry) -> Iterator[Value]:
    """Value of one sample of the model `m` version `1`, by name and further labels."""

    def read(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"model_name": "m", "model_version": "1", **labels})

    yield read  # noqa: PT022 - read-only; the registry is dropped with the test
