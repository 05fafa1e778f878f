"""Where a long computation may be held up for a moment, for something that is more urgent.

Who computes says where; who has asked for the computation says by what, if by anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _go_on() -> None:
    """Nothing is more urgent."""


_pause: ContextVar[Callable[[], None]] = ContextVar("pause", default=_go_on)


def may_pause() -> None:
    """Be held up here where somebody asked for it; long computations call it between their parts."""
    _pause.get()()


@contextmanager
def pausing(pause: Callable[[], None]) -> Iterator[None]:
    """Let a function hold up what is computed within the block, in this thread alone."""
    token = _pause.set(pause)
    try:
        yield
    finally:
        _pause.reset(token)
