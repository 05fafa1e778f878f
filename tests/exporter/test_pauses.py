from __future__ import annotations

import threading

import numpy as np
import pytest

from exporter.blocks import ROWS_A_BLOCK, distinct
from exporter.pauses import may_pause, pausing


def test_who_asked_is_held_up_and_nobody_else() -> None:
    """Within the block, in its own thread, and until it ends, also by an error."""
    held: list[str] = []
    may_pause()
    with pausing(lambda: held.append("outer")):
        may_pause()
        with pytest.raises(TypeError, match="unhashable"), pausing(lambda: held.append("inner")):
            distinct([[]])
        other = threading.Thread(target=may_pause)
        other.start()
        other.join()
        may_pause()
    may_pause()
    assert held == ["outer", "inner", "outer"]


def test_a_long_column_may_be_paused_at_each_block() -> None:
    """So that nobody waits for all of it."""
    held: list[None] = []
    with pausing(lambda: held.append(None)):
        assert distinct(np.arange(3 * ROWS_A_BLOCK)) == set(range(3 * ROWS_A_BLOCK))
    assert len(held) == 3
