"""How long the threads of a predictor live: as long as it, and anew in each forked child."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .background import Background


def live_with(
    owner: Any,  # noqa: ANN401 - any object that can be referred to weakly
    threads: Sequence[Background],
    last: Callable[[], None],
    forked: Callable[[bool], None],
) -> None:
    """Start threads that end with their owner, or with the process.

    Parameters
    ----------
    owner : object
        Whose they are. Of the other arguments only `forked`, a method of it, may refer to it.
    threads : sequence of Background
        What runs.
    last : callable
        Called when they have been told to end: what still waits is kept.
    forked : callable
        Told after each fork whether this is the child, which has none of its parent's threads.
    """
    for thread in threads:
        thread.start()
    weakref.finalize(owner, _end, list(threads), last)
    if hasattr(os, "register_at_fork"):
        method = weakref.WeakMethod(forked)
        os.register_at_fork(
            after_in_child=partial(_tell, method, child=True),
            after_in_parent=partial(_tell, method, child=False),
        )


def _tell(method: weakref.WeakMethod[Callable[[bool], None]], *, child: bool) -> None:
    alive = method()
    if alive is not None:
        alive(child)


def _end(threads: Sequence[Background], last: Callable[[], None]) -> None:
    for thread in threads:
        thread.stop(timeout_seconds=0)
    last()
