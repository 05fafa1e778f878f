from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, MemoryStore, Reference
from exporter.giving_way import SWITCH_SECONDS, giving_way

DEFAULT = 0.005


@pytest.fixture(autouse=True)
def default() -> Iterator[None]:
    """Python's own interval before, and what it was after."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(DEFAULT)
    yield
    sys.setswitchinterval(before)


def test_threads_switch_sooner_within_and_as_before_after_it() -> None:
    """Also when the block fails, and when another one began within and ended after it."""
    first, second = giving_way(), giving_way()
    first.__enter__()
    second.__enter__()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(DEFAULT)
    with pytest.raises(ValueError, match="a fault"), giving_way():
        raise ValueError("a fault")
    assert sys.getswitchinterval() == pytest.approx(DEFAULT)


def test_what_somebody_else_chose_is_left() -> None:
    """Before it, a shorter one; within it, any."""
    sys.setswitchinterval(SWITCH_SECONDS / 5)
    with giving_way():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS / 5)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS / 5)
    sys.setswitchinterval(DEFAULT)
    with giving_way():
        sys.setswitchinterval(DEFAULT * 2)
    assert sys.getswitchinterval() == pytest.approx(DEFAULT * 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 warns where there are threads
def test_a_forked_child_begins_outside_of_its_parents_blocks() -> None:
    """The threads that were within are not in the child."""
    with giving_way():
        pid = os.fork()
        if pid == 0:  # pragma: no cover - in the child
            os._exit(0 if abs(sys.getswitchinterval() - DEFAULT) < SWITCH_SECONDS else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)


class NotingStore(MemoryStore):
    """Notes how soon threads switch while a check reads its window."""

    interval = 0.0

    def window(self, *arguments: Any, **options: Any) -> Any:
        self.interval = sys.getswitchinterval()
        return super().window(*arguments, **options)


def test_a_check_gives_way(rng: np.random.Generator, registry: CollectorRegistry) -> None:
    """While it runs, and no longer."""
    rows = rng.normal(size=(1000, 2))
    reference = Reference.fit(rows, features=["a", "b"], model_name="m", model_version="1")
    store = NotingStore()
    predictor = InstrumentedPredictor(
        lambda rows: rows[:, 0], name="m", version="1", reference=reference, registry=registry, store=store,
        background=False,
    )  # fmt: skip
    predictor(rows)
    predictor.check_now()
    assert store.interval == pytest.approx(SWITCH_SECONDS)
    assert sys.getswitchinterval() == pytest.approx(DEFAULT)
