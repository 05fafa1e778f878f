"""Lets predictions go first while something else computes in their process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SWITCH_SECONDS: Final = 0.0005
"""How long a thread that computes keeps another waiting for the interpreter. Python's default is 5 ms, and a
prediction waits anew whenever it comes back from a library that let the interpreter go, many times a call."""

NICENESS: Final = 10
"""Of a process that only checks: beside one that answers on a full machine it gets a tenth of a core."""

_within: list[None] = []
"""One for each block that runs now, in any thread; without a lock, which a fork might hold."""
_chosen = [SWITCH_SECONDS]
"""What the process itself has chosen, as last seen outside of all blocks."""


@contextmanager
def giving_way() -> Iterator[None]:
    """Switch threads more often within the block, in the whole process; blocks may overlap."""
    if sys.getswitchinterval() > SWITCH_SECONDS:
        _chosen[0] = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
    _within.append(None)
    try:
        yield
    finally:
        if _within:  # else this is a forked child of the block
            _within.pop()
        _give_back()


def step_back() -> None:
    """Let the other processes of the machine go first, where it knows of such."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def _give_back() -> None:
    """Restore what was chosen once nobody needs ours; what somebody has chosen meanwhile stays."""
    if not _within and abs(sys.getswitchinterval() - SWITCH_SECONDS) < SWITCH_SECONDS / 100:
        sys.setswitchinterval(_chosen[0])


def _after_fork() -> None:
    """The child has none of the threads that were within."""
    _within.clear()
    _give_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
