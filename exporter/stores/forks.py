"""Locks across a fork: a thread that held one is not in the child, which would wait for it for ever."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial


def hold_across_forks(
    lock: threading.Lock,
    *,
    first: Callable[[], None] | None = None,
    in_child: Callable[[], None] | None = None,
) -> None:
    """Take a lock before each fork of this process, and free it afterwards on both sides.

    Parameters
    ----------
    lock : threading.Lock
        As long as somebody else keeps it.
    first, in_child : callable, optional
        Bound methods, called with the lock held before the fork, and after it in the child.
    """
    if not hasattr(os, "register_at_fork"):
        return
    kept = weakref.ref(lock)
    methods = [None if method is None else weakref.WeakMethod(method) for method in (first, in_child)]
    held: list[threading.Lock] = []

    def call(which: int) -> None:
        method = methods[which]
        bound = None if method is None else method()
        if bound is not None:
            bound()

    def before() -> None:
        alive = kept()
        if alive is not None:
            alive.acquire()
            held.append(alive)
            call(0)

    def free(*, child: bool) -> None:
        if held:
            if child:
                call(1)
            held.pop().release()

    os.register_at_fork(
        before=before, after_in_parent=partial(free, child=False), after_in_child=partial(free, child=True)
    )
