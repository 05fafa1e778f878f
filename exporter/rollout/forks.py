"""Threads that look at a file every so often, and servers that fork their workers."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Protocol


class Looking(Protocol):
    """What has a thread that looks.

    Attributes
    ----------
    turn : RLock
        Held for the length of a look.
    """

    turn: threading.RLock

    def sync(self) -> None:
        """Look."""

    def after_fork(self) -> None:
        """Begin anew in a forked child, which has no thread."""


def looker(owner: Looking) -> Callable[[], None]:
    """Its `sync` without holding it: what nobody holds any more ends its thread."""
    reference = weakref.ref(owner)

    def look() -> None:
        alive = reference()
        if alive is not None:
            alive.sync()

    return look


def survive_forks(owner: Looking) -> None:
    """Let a fork wait for a look that is under way, and start the thread again in the child.

    A child that is forked in the middle of one would keep the state file locked for everybody.
    """
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.ref(owner)
    held: list[Looking] = []

    def before() -> None:
        alive = reference()
        if alive is not None:
            alive.turn.acquire()
            held.append(alive)

    def in_parent() -> None:
        if held:
            held.pop().turn.release()

    def in_child() -> None:
        if held:
            held.pop().after_fork()

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
