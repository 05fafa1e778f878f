"""Lets predictions go first while something else computes in their process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SWITCH_SECONDS: Final = 0.0005
"""How long a thread that computes keeps another waiting for the interpreter. Python's default is 5 ms, and a
prediction waits anew whenever it comes back from a library that let the interpreter go, many times a call."""


@contextmanager
def giving_way() -> Iterator[None]:
    """Switch threads more often within the block, in the whole process; two blocks at once may overlap."""
    before = sys.getswitchinterval()
    if before <= SWITCH_SECONDS:
        yield
        return
    sys.setswitchinterval(SWITCH_SECONDS)
    ours = sys.getswitchinterval()
    try:
        yield
    finally:
        if sys.getswitchinterval() == ours:  # else somebody has chosen another meanwhile
            sys.setswitchinterval(before)
